//! `demo`: a supervisor is killed while jobs run, and nothing is lost. A story of six steps, each of which just
//! happened; every claim in it is checked, and one that is untrue is the exit code.
//!
//! It works through the public verbs alone, as anybody could, in an instance of its own.

mod claims;
mod jobs;
mod stage;

use std::fs;
use std::path::Path;

use decklog_protocol::message::{Status, Verified};
use decklog_protocol::row::{EventRow, Row};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clock::{self, Stopwatch};
use crate::console::Console;
use crate::error::Failure;
use crate::process;
use crate::render::style::{Paint, Style};
use crate::render::when::When;
use crate::role;
use crate::surroundings;

use claims::Claims;
use jobs::{DARK, Ends, FOLDER_VARIABLE, HELPERS, JOBS, Job, LIGHT};
use stage::{Stage, failed, until};

/// The job whose life is told.
const TOLD: &str = "always-fails";

/// Tells the story. Exit code 0 if all of it is true.
pub(super) fn run(console: &mut Console) -> Result<u8, Failure> {
    let style = console.style();
    let mut story =
        Story { stage: Stage::set()?, when: surroundings::when(), claims: Claims::default(), console, style };
    let first = story.dispatch()?;
    let dark = story.kill(&first)?;
    let rows = story.recover(&first, &dark)?;
    story.roster_at_the_kill()?;
    story.finish(&rows)?;
    story.life_of_one_job()?;
    story.verify()?;
    story.verdict()
}

struct Story<'a> {
    stage: Stage,
    when: When,
    claims: Claims,
    console: &'a mut Console,
    style: Style,
}

/// The instance before the kill.
struct Before {
    supervisor: i32,
    rows: Vec<Row>,
}

/// When nobody watched, as this process saw it: RFC 3339.
struct Dark {
    began: String,
    ended: String,
}

impl Story<'_> {
    fn dispatch(&mut self) -> Result<Before, Failure> {
        let folder = self.stage.folder().display().to_string();
        for job in JOBS {
            let file = format!("{}.sh", job.name);
            self.write(&file, &format!("{HELPERS}{}\n", job.script))?;
            let name = format!("NAME={}", job.name);
            let folder = format!("{FOLDER_VARIABLE}={folder}");
            let words = ["dispatch", "--quiet", "--name", job.name, "--env", &folder, "--env", &name];
            self.stage.say(&[&words[..], &["--", "sh", &file]].concat())?;
        }
        let supervisor = self.supervisor()?;
        let watched: Vec<_> = named(|job| job.ends == Ends::Watched);
        self.stage.say(&[&["wait", "--timeout", "10s"][..], &watched].concat())?;
        // Half of the output is there before the kill, the other half comes after it.
        let stage = &self.stage;
        until("the first half of the output", || lines_of(&stage.folder().join("prints-much")) == 40_000)?;
        let rows: Vec<Row> = self.stage.json(&["ls", "--json"])?;
        self.claims.check("every job is on the roster", rows.len() == JOBS.len());
        self.tell(1, &format!("dispatched {} jobs to a fresh supervisor (pid {supervisor})", JOBS.len()))?;
        self.show(&["ls"])?;
        Ok(Before { supervisor, rows })
    }

    fn kill(&mut self, before: &Before) -> Result<Dark, Failure> {
        let running = before.rows.iter().filter(|row| row.state == "working").count();
        kill(Pid::from_raw(before.supervisor), Signal::SIGKILL)
            .map_err(|error| failed(format!("the supervisor cannot be killed: {error}")))?;
        until("the supervisor's death", || !process::is_running(before.supervisor))?;
        let began = now();
        self.write(DARK, "")?;
        let unwatched: Vec<_> = named(|job| job.ends == Ends::Unwatched);
        for row in before.rows.iter().filter(|row| unwatched.contains(&row.name.as_str())) {
            // Their workers write down how they ended, whoever reads it.
            let exit = role::exit_file(&self.stage.home(), &row.id, row.runs);
            until("the end of the jobs", || exit.exists())?;
        }
        let none = self.stage.verb(&["daemon", "status"])?;
        self.claims.check("no supervisor ran meanwhile", none.status.code() == Some(5));
        self.tell(2, &format!("killed the supervisor with SIGKILL while {running} were running"))?;
        self.beside(&format!("… {} of them ended with nobody watching", unwatched.len()))?;
        Ok(Dark { began, ended: now() })
    }

    /// A verb starts the new supervisor; then its roster must have everything.
    fn recover(&mut self, before: &Before, dark: &Dark) -> Result<Vec<Row>, Failure> {
        let watch = Stopwatch::start();
        let unwatched = named(|job| job.ends == Ends::Unwatched);
        self.stage.verb(&[&["wait", "--timeout", "10s"][..], &unwatched].concat())?;
        let ms = watch.ms();
        let rows: Vec<Row> = self.stage.json(&["ls", "--json"])?;
        let supervisor = self.supervisor()?;
        self.claims.check("it is another supervisor", supervisor != before.supervisor);
        self.tell(3, &format!("started a new supervisor (pid {supervisor}): roster complete after {ms} ms"))?;
        self.beside(&self.style.paint(Paint::Dim, &claims::heading()))?;
        for job in JOBS {
            let row = rows.iter().find(|row| row.name == job.name);
            let old = before.rows.iter().find(|row| row.name == job.name);
            let Some((row, old)) = row.zip(old) else {
                self.claims.check(&format!("{} is on the roster", job.name), false);
                continue;
            };
            self.claims
                .check(&format!("{} is the same session", job.name), row.id == old.id && row.runs == 1);
            match job.ends {
                Ends::Watched => {
                    let same = (row.exit_code, &row.finished_at) == (old.exit_code, &old.finished_at);
                    self.claims.check(&format!("{} ended as it had ended", job.name), same);
                    self.job(job, row, "had ended before")?;
                }
                Ends::Unwatched => {
                    let ended = row.finished_at.clone().unwrap_or_default();
                    let unwatched = dark.began <= ended && ended <= dark.ended;
                    self.claims.check(&format!("{} ended unwatched", job.name), unwatched);
                    self.job(job, row, &format!("ended {}", self.when.exact_clock(&ended)))?;
                }
                Ends::Adopted => {
                    let same = row.state == "working" && row.pid == old.pid;
                    self.claims.check(&format!("{} runs on in the same process", job.name), same);
                    let pid = row.pid.unwrap_or_default();
                    self.beside(&claims::line(job.name, "", "", &format!("ran on (pid {pid}), adopted")))?;
                }
            }
        }
        Ok(rows)
    }

    fn roster_at_the_kill(&mut self) -> Result<(), Failure> {
        let starts: Vec<EventRow> = self.stage.json(&["history", "--json", "--kind", "SupervisorStarted"])?;
        self.claims.check("the log knows both supervisors", starts.len() == 2);
        let last = starts.last().map_or(0, |start| start.seq - 1);
        let at = format!("seq:{last}");
        let rows: Vec<Row> = self.stage.json(&["ls", "--at", &at, "--json"])?;
        let working = rows.iter().filter(|row| row.state == "working").count();
        let expected = named(|job| job.ends != Ends::Watched).len();
        self.claims.check("the roster of then is the roster of then", working == expected);
        self.tell(4, &format!("the roster as it was at the kill (decklog ls --at {at})"))?;
        self.show(&["ls", "--at", &at])
    }

    /// Lets the last job end under the new supervisor.
    fn finish(&mut self, rows: &[Row]) -> Result<(), Failure> {
        self.write(LIGHT, "")?;
        for job in JOBS.iter().filter(|job| job.ends == Ends::Adopted) {
            self.stage.say(&["wait", "--timeout", "10s", job.name])?;
            let now: Row = self.stage.json(&["show", "--json", job.name])?;
            let then = rows.iter().find(|row| row.name == job.name);
            let same = then.is_some_and(|then| then.started_at == now.started_at) && now.runs == 1;
            self.claims.check(&format!("{} is one run from start to end", job.name), same);
            self.beside("and when all had ended (decklog ls)")?;
            self.show(&["ls"])?;
            self.job(job, &now, "ran through all of it")?;
        }
        Ok(())
    }

    fn life_of_one_job(&mut self) -> Result<(), Failure> {
        self.tell(5, &format!("one job's life (decklog history {TOLD})"))?;
        let events: Vec<EventRow> = self.stage.json(&["history", "--json", TOLD])?;
        let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
        let once = |kind: &str| kinds.iter().filter(|known| **known == kind).count() == 1;
        let whole = ["Dispatched", "RunIntended", "Started", "Exited", "Finished"].into_iter().all(once);
        self.claims.check("each thing happened once", whole);
        self.show(&["history", TOLD])
    }

    fn verify(&mut self) -> Result<(), Failure> {
        let found: Verified = self.stage.json(&["verify", "--json"])?;
        self.claims.check("the log is whole", found.ok && found.fold_equal != Some(false));
        let head = found.head.get(..8).unwrap_or_default();
        let ok = self.style.paint(Paint::Green, if found.ok { "ok" } else { "not ok" });
        self.tell(6, &format!("verified {} records, chain and fold: {ok} (head {head}…)", found.records))
    }

    fn verdict(self) -> Result<u8, Failure> {
        let untrue = self.claims.untrue();
        if untrue.is_empty() {
            let lost = self.style.paint(Paint::Bold, "nothing was lost.");
            let checked = self.claims.count();
            self.console.line(&format!("  {lost}  ({checked} claims checked)"))?;
            return Ok(0);
        }
        self.console.flush()?;
        Err(failed(format!("untrue: {}", untrue.join("; "))))
    }

    /// Checks the exit code and every byte of a job that has ended, and says so.
    fn job(&mut self, job: &Job, row: &Row, unwatched: &str) -> Result<(), Failure> {
        let waited = self.stage.verb(&["wait", "--exit-code", "--timeout", "10s", job.name])?;
        let code = waited.status.code();
        self.claims.check(&format!("{} has its exit code {}", job.name, job.code), code == Some(job.code));
        let kept = self.stage.verb(&["logs", job.name])?.stdout;
        let own = fs::read(self.stage.folder().join(job.name)).unwrap_or_default();
        let lines = count_lines(&kept);
        self.claims.check(&format!("{} kept every byte", job.name), kept == own && lines == job.lines);
        let ending = crate::render::outcome::ending(row).unwrap_or_default();
        let output = format!("{lines} lines, {} bytes", kept.len()).replacen(
            "1 lines",
            "1 line",
            usize::from(lines == 1),
        );
        self.beside(&claims::line(job.name, ending.trim_start_matches("exit "), &output, unwatched))
    }

    fn supervisor(&self) -> Result<i32, Failure> {
        let status: Status = self.stage.json(&["daemon", "status", "--json"])?;
        status.pid.map(|pid| pid as i32).ok_or_else(|| failed("the supervisor does not know its own pid"))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.stage.folder().join(name);
        fs::write(&path, text).map_err(|error| failed(format!("cannot write {}: {error}", path.display())))
    }

    /// A step of the story.
    fn tell(&mut self, step: u32, text: &str) -> Result<(), Failure> {
        let step = self.style.paint(Paint::Bold, &step.to_string());
        self.console.line(&format!("  {step}  {text}"))?;
        Ok(self.console.flush()?)
    }

    /// A line that belongs to a step.
    fn beside(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.console.line(format!("     {text}").trim_end())?)
    }

    /// What a verb prints, set in.
    fn show(&mut self, words: &[&str]) -> Result<(), Failure> {
        let color = if self.style.color { "--color=always" } else { "--color=never" };
        let text = self.stage.say(&[words, &[color]].concat())?;
        for line in text.lines() {
            self.beside(line)?;
        }
        Ok(self.console.flush()?)
    }
}

fn named(which: impl Fn(&Job) -> bool) -> Vec<&'static str> {
    JOBS.iter().filter(|job| which(job)).map(|job| job.name).collect()
}

fn now() -> String {
    decklog_protocol::moment::rfc3339(clock::now())
}

fn lines_of(path: &Path) -> usize {
    count_lines(&fs::read(path).unwrap_or_default())
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}
