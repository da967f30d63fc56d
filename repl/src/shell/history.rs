//! The lines that were typed, kept in a file for the next shell: one a line, each appended at once, so that shells
//! which are open side by side lose nothing of each other.
//!
//! A history that cannot be read or written is no reason not to work.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

/// So many lines are kept.
pub(super) const LINES_MAX: usize = 10_000;

/// The file of lines.
#[derive(Debug)]
pub(super) struct HistoryFile {
    path: PathBuf,
}

impl HistoryFile {
    /// The one at this place, be it there or not.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// What was typed, oldest first. A file that has grown too long is cut.
    pub(super) fn load(&self) -> io::Result<Vec<String>> {
        let bytes = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            bytes => bytes?,
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
        if lines.len() > LINES_MAX {
            lines.drain(..lines.len() - LINES_MAX);
            self.replace(&lines)?;
        }
        Ok(lines.into_iter().map(unescaped).collect())
    }

    /// Adds a line.
    pub(super) fn append(&self, line: &str) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        // In one write: another shell may append at this moment.
        let bytes = format!("{}\n", escaped(line));
        private(OpenOptions::new().append(true), &self.path)?.write_all(bytes.as_bytes())
    }

    /// Whole or not at all: what another shell appends at this very moment may be lost, and nothing else.
    fn replace(&self, lines: &[&str]) -> io::Result<()> {
        let new = self.path.with_extension(format!("new-{}", std::process::id()));
        let bytes = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let written = private(OpenOptions::new().write(true).truncate(true), &new)
            .and_then(|mut file| file.write_all(bytes.as_bytes()))
            .and_then(|()| fs::rename(&new, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written
    }
}

fn private(options: &mut OpenOptions, path: &std::path::Path) -> io::Result<File> {
    options.create(true).mode(0o600).open(path)
}

/// A line break is `\n`, a backslash `\\`.
fn escaped(line: &str) -> String {
    line.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

fn unescaped(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn lines_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/shell_history");
        let (one, other) = (HistoryFile::at(path.clone()), HistoryFile::at(path.clone()));
        assert_eq!(one.load().unwrap(), [""; 0]);
        one.append("! echo 'a\nb' \\n").unwrap();
        other.append("ls").unwrap();
        one.append("# trailing \\").unwrap();
        assert_eq!(other.load().unwrap(), ["! echo 'a\nb' \\n", "ls", "# trailing \\"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn it_is_cut_to_the_newest_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shell_history");
        let lines: String = (0..LINES_MAX + 5).map(|number| format!("show {number}\n")).collect();
        fs::write(&path, lines).unwrap();
        let history = HistoryFile::at(path.clone());
        assert_eq!(history.load().unwrap()[0], "show 5");
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), LINES_MAX);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn nonsense_is_no_reason_to_fail() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shell_history");
        fs::write(&path, b"ls\n\xff\xfe\n\nhalf").unwrap();
        assert_eq!(HistoryFile::at(path).load().unwrap(), ["ls", "\u{fffd}\u{fffd}", "half"]);
    }
}
