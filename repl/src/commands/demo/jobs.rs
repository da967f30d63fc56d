//! The jobs of the demo: real work for `sh`, each of which also keeps its own record of what it printed.
//!
//! They do not race with the story: one that is to end while nobody watches waits until the supervisor is dead, which a
//! file tells it; one that outlives that waits until the next supervisor is up.

/// When a job ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// While the first supervisor watches.
    Watched,
    /// While there is no supervisor.
    Unwatched,
    /// After the second supervisor took over.
    Adopted,
}

/// A job, and what must be true of it at the end.
#[derive(Debug)]
pub(super) struct Job {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does, after [`HELPERS`].
    pub(super) script: &'static str,
    /// When it ends.
    pub(super) ends: Ends,
    /// What a shell would report: its exit code, or 128 + the signal.
    pub(super) code: i32,
    /// How many lines it prints.
    pub(super) lines: usize,
}

/// Exists once the first supervisor is dead.
pub(super) const DARK: &str = "dark";
/// Exists once the second supervisor is up.
pub(super) const LIGHT: &str = "light";
/// Names the folder with these files, and with the jobs' own records.
pub(super) const FOLDER_VARIABLE: &str = "DEMO";

/// What every script can say: `say` prints a line and records it, `until_there` waits for a file. Nothing waits for ever.
pub(super) const HELPERS: &str = r#"
say() { printf '%s\n' "$1"; printf '%s\n' "$1" >> "$DEMO/$NAME"; }
until_there() { n=0; while [ ! -e "$DEMO/$1" ] && [ $n -lt 1500 ]; do n=$((n+1)); sleep 0.02; done; }
"#;

/// All of them.
pub(super) const JOBS: &[Job] = &[
    Job {
        name: "unit-tests",
        script: "say 'running 3 tests'; say 'test result: ok. 3 passed'",
        ends: Ends::Watched,
        code: 0,
        lines: 2,
    },
    Job {
        name: "compile-check",
        script: "for i in $(seq 18); do say \"checked module $i of 18\"; [ $i != 9 ] || until_there dark; done",
        ends: Ends::Unwatched,
        code: 0,
        lines: 18,
    },
    Job {
        name: "always-fails",
        script: "until_there dark; say '3 assertions in tests/db.rs'; exit 7",
        ends: Ends::Unwatched,
        code: 7,
        lines: 1,
    },
    Job {
        name: "prints-much",
        script: "seq 1 40000 | tee \"$DEMO/$NAME\"; until_there dark; seq 40001 80000 | tee -a \"$DEMO/$NAME\"",
        ends: Ends::Unwatched,
        code: 0,
        lines: 80_000,
    },
    Job {
        name: "dies-by-signal",
        script: "say 'about to be killed'; until_there dark; say 'last words'; kill -KILL $$",
        ends: Ends::Unwatched,
        code: 137,
        lines: 2,
    },
    Job {
        name: "long-haul",
        script: "say before; until_there dark; say 'while nobody watched'; until_there light; say after; sleep 0.3; say end",
        ends: Ends::Adopted,
        code: 0,
        lines: 4,
    },
];
