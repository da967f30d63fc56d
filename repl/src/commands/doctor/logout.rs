//! What the login manager does to processes when their user logs out: some end all of them.

use std::fs;
use std::path::Path;

use nix::unistd::{User, geteuid};

use crate::render::doctor::Finding;

const CHECK: &str = "logout";
/// Where systemd's login manager is configured: what stands later wins.
const FILES: [&str; 2] = ["/usr/lib/systemd/logind.conf", "/etc/systemd/logind.conf"];
const FOLDERS: [&str; 3] =
    ["/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"];

/// Whether sessions survive a logout; `None` where that cannot be told.
pub(super) fn processes_at_logout() -> Option<Finding> {
    if !Path::new("/run/systemd/system").is_dir() {
        return Some(Finding::ok(CHECK, "no login manager that ends processes"));
    }
    let user = User::from_uid(geteuid()).ok().flatten()?.name;
    if Path::new("/var/lib/systemd/linger").join(&user).exists() {
        return Some(Finding::ok(CHECK, "you may linger: nothing is ended when you log out"));
    }
    let texts = texts();
    if texts.is_empty() {
        return None;
    }
    Some(if ends_processes(&texts, &user) {
        Finding::warning(
            CHECK,
            "the login manager ends every process of yours when you log out, sessions too",
            "loginctl enable-linger",
        )
    } else {
        Finding::ok(CHECK, "the login manager leaves processes alone when you log out")
    })
}

/// The files' texts in the order in which they count.
fn texts() -> Vec<String> {
    let mut drop_ins: Vec<_> = FOLDERS
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|items| items.flatten().map(|item| item.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
        .collect();
    // By their names, whichever folder they are in.
    drop_ins.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    let files = FILES.iter().map(|file| Path::new(file).to_path_buf()).chain(drop_ins);
    files.filter_map(|path| fs::read_to_string(path).ok()).collect()
}

/// What the last line says that says anything. The main file names the built-in value in a comment.
fn ends_processes(texts: &[String], user: &str) -> bool {
    let last = |key: &str| {
        let lines = texts.iter().flat_map(|text| text.lines()).map(str::trim);
        let value = |line: &str| Some(line.split_once('=').filter(|(name, _)| *name == key)?.1.to_owned());
        let set = lines.clone().filter_map(value).next_back();
        set.or_else(|| lines.clone().find_map(|line| value(line.strip_prefix('#')?)))
    };
    let names = |key: &str| {
        let names = last(key).unwrap_or_default();
        names.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let ends = last("KillUserProcesses")
        .is_some_and(|value| ["yes", "true", "on", "1"].contains(&value.to_lowercase().as_str()));
    let (only, spared) = (names("KillOnlyUsers"), names("KillExcludeUsers"));
    ends && (only.is_empty() || only.iter().any(|name| name == user))
        && !spared.iter().any(|name| name == user)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(texts: &[&str]) -> bool {
        ends_processes(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), "ann")
    }

    #[test]
    fn the_last_word_counts() {
        let built_in = "[Login]\n#KillUserProcesses=no\n#KillExcludeUsers=root\n";
        assert!(!ends(&[built_in]));
        assert!(ends(&["#KillUserProcesses=yes"]), "the built-in value is in the comment");
        assert!(ends(&[built_in, "[Login]\nKillUserProcesses=yes\n"]));
        assert!(!ends(&[built_in, "KillUserProcesses=yes", "KillUserProcesses=no"]));
        assert!(!ends(&["KillUserProcesses=yes\nKillExcludeUsers=root ann"]));
        assert!(!ends(&["KillUserProcesses=yes\nKillOnlyUsers=bob"]));
        assert!(!ends(&[""]));
    }
}
