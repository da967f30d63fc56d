//! What the machine has to offer: a shell, terminals, room for processes, a time zone, a terminal to read on.

use std::fs;
use std::path::Path;

use decklog_protocol::home::Home;
use nix::pty::openpty;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{AccessFlags, access};

use crate::client;
use crate::clock;
use crate::render::doctor::Finding;

/// What a supervisor holds open for itself, rounded up. Each session that lives costs it one more.
const OWN_FILES: u64 = 64;
/// With room for fewer sessions than this somebody will be surprised one day.
const SESSIONS_FEW: u64 = 100;

/// What runs `--exec`.
pub(super) fn shell() -> Finding {
    const CHECK: &str = "shell";
    match access("/bin/sh", AccessFlags::X_OK) {
        Ok(()) => Finding::ok(CHECK, "/bin/sh runs the lines of --exec"),
        Err(error) => {
            let text = format!("/bin/sh cannot be run: {}", error.desc());
            Finding::wrong(CHECK, text, "install one, or dispatch programs without it: -- PROG ARG..")
        }
    }
}

/// What a job's output goes to.
pub(super) fn terminal_for_jobs() -> Finding {
    const CHECK: &str = "terminals";
    match openpty(None, None) {
        Ok(_) => Finding::ok(CHECK, "a job can be given a terminal for its output"),
        Err(error) => {
            let text = format!("no terminal can be made for a job's output: {}", error.desc());
            Finding::wrong(CHECK, text, "mount devpts at /dev/pts, or dispatch with --pipes")
        }
    }
}

/// How many sessions may live at once: of the supervisor that runs, else of one started from here.
pub(super) fn room(home: &Home) -> Option<Finding> {
    const CHECK: &str = "room";
    let supervisor = client::holder(home).and_then(|holder| holder.pid);
    let limits = |pid| fs::read_to_string(format!("/proc/{pid}/limits")).ok();
    let (soft, hard) = supervisor
        .and_then(|pid| open_files(&limits(pid)?))
        .or_else(|| getrlimit(Resource::RLIMIT_NOFILE).ok())?;
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let terminals = number("/proc/sys/kernel/pty/max")
        .map(|most| most.saturating_sub(number("/proc/sys/kernel/pty/nr").unwrap_or(0)));
    // A supervisor raises its soft limit to the hard one.
    let sessions = hard.saturating_sub(OWN_FILES).min(terminals.unwrap_or(u64::MAX));
    let terminals = terminals.map(|free| format!(", {free} terminals free")).unwrap_or_default();
    let text =
        format!("for about {sessions} sessions at once ({soft} open files, at most {hard}{terminals})");
    Some(if sessions < SESSIONS_FEW {
        Finding::warning(CHECK, text, "raise the hard limit of open files (ulimit -Hn), or kernel.pty.max")
    } else {
        Finding::ok(CHECK, text)
    })
}

/// The soft and the hard limit, of what the kernel says of a process.
fn open_files(limits: &str) -> Option<(u64, u64)> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut words = line.split_whitespace();
    let mut number = || words.next().map(|word| word.parse().unwrap_or(u64::MAX));
    Some((number()?, number()?))
}

/// What local times are made with.
pub(super) fn time_zone() -> Finding {
    const CHECK: &str = "time zone";
    match (clock::local_zone(), std::env::var("TZ")) {
        (Some(_), Ok(name)) => Finding::ok(CHECK, format!("{name} (TZ)")),
        (Some(_), Err(_)) => Finding::ok(CHECK, "that of /etc/localtime"),
        (None, Ok(name)) => Finding::warning(
            CHECK,
            format!("TZ is {name}, which is not known here: times are shown in UTC"),
            "set TZ to a zone of /usr/share/zoneinfo, or unset it",
        ),
        (None, Err(_)) if Path::new("/etc/localtime").exists() => Finding::warning(
            CHECK,
            "/etc/localtime cannot be read: times are shown in UTC",
            "let it be a link to a file of /usr/share/zoneinfo",
        ),
        (None, Err(_)) => Finding::ok(CHECK, "there is no /etc/localtime: times are shown in UTC"),
    }
}

/// What screens are drawn on.
pub(super) fn screen() -> Finding {
    let variable = |name: &str| std::env::var(name).ok();
    of_screen(variable)
}

fn of_screen(variable: impl Fn(&str) -> Option<String>) -> Finding {
    const CHECK: &str = "screen";
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(|name| variable(name)).find(|it| !it.is_empty());
    let is_utf_8 = |locale: &String| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    };
    let named = locale.clone().unwrap_or_else(|| "not set".into());
    match variable("TERM").filter(|term| !term.is_empty()) {
        None => Finding::warning(CHECK, "TERM is not set", "set it to your terminal's kind: xterm-256color"),
        Some(term) if term == "dumb" => Finding::warning(
            CHECK,
            "TERM is dumb: no colours, nothing repaints",
            "set it to your terminal's kind",
        ),
        Some(_) if !locale.as_ref().is_some_and(is_utf_8) => Finding::warning(
            CHECK,
            format!("the locale is {named}: marks such as ✓ may not be shown"),
            "export LANG=C.UTF-8",
        ),
        Some(term) => Finding::ok(CHECK, format!("{term}, {named}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::doctor::Health;

    #[test]
    fn limits_are_read_as_the_kernel_writes_them() {
        let text = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(open_files(text), Some((1024, 524_288)));
        assert_eq!(open_files("Max open files  unlimited unlimited files\n"), Some((u64::MAX, u64::MAX)));
        assert_eq!(open_files(""), None);
    }

    #[test]
    fn a_screen_needs_a_kind_and_a_locale() {
        let found = |variables: &[(&str, &str)]| {
            of_screen(|name| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).into()))
                .status
        };
        assert_eq!(found(&[("TERM", "xterm"), ("LANG", "en_GB.UTF-8")]), Health::Ok);
        assert_eq!(found(&[("TERM", "xterm"), ("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")]), Health::Warning);
        assert_eq!(found(&[("TERM", "dumb"), ("LANG", "C.utf8")]), Health::Warning);
        assert_eq!(found(&[("LANG", "C.utf8")]), Health::Warning);
    }
}
