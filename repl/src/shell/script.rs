//! Lines that nobody types: a script on standard input. It stops at the first line that fails, unless it says
//! `\keep-going`.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal as _, Read as _, StdinLock};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::lines::{self, Extent};
use super::verb::{Obeyed, Runner};
use crate::cli::ColorWhen;
use crate::console;
use crate::error::{Failure, Kind};
use crate::render::text;

/// Who pipes a script writes its first byte within this; who does not is no script (a pipe that a service leaves open).
const FIRST_BYTE_WITHIN_MS: u16 = 1_000;
/// A line that is longer is none.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// What a bare `decklog` is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A person types.
    Terminal,
    /// A script.
    Script(StdinLock<'static>),
    /// Nobody says anything: the roster.
    Roster,
}

/// What standard input and output make of a bare `decklog`.
pub(super) fn purpose() -> Purpose {
    let stdin = io::stdin();
    let to_terminal = io::stdout().is_terminal();
    if stdin.is_terminal() {
        return if to_terminal { Purpose::Terminal } else { Purpose::Roster };
    }
    let kind = stdin.as_fd().try_clone_to_owned().and_then(|stdin| File::from(stdin).metadata());
    let comes = match kind.map(|metadata| metadata.file_type()) {
        Err(_) => false,
        Ok(kind) if kind.is_dir() || kind.is_block_device() => false,
        Ok(kind) if kind.is_file() => true,
        Ok(_) if to_terminal => true,
        Ok(_) => comes_in_time(&stdin),
    };
    let mut lines = stdin.lock();
    let says_something = comes && lines.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
    if says_something { Purpose::Script(lines) } else { Purpose::Roster }
}

/// Whether a byte, or the end, comes in time.
fn comes_in_time(stdin: &io::Stdin) -> bool {
    let mut waited = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut waited, PollTimeout::from(FIRST_BYTE_WITHIN_MS)), Ok(1..))
}

/// Runs the lines of a script; returns its exit code.
pub(super) fn run(input: impl BufRead, color: ColorWhen) -> Result<u8, Failure> {
    let mut runner = Runner::of_script(color)?;
    let mut reader = Reader { input, number: 0 };
    let mut keeps_going = false;
    let mut last_failure = 0;
    while let Some((number, line)) = reader.next()? {
        let code = match obey(&mut runner, number, &line) {
            Obeyed::Done(code) => code,
            Obeyed::Leave => break,
            Obeyed::KeepGoing => {
                keeps_going = true;
                0
            }
            // Nobody types above whom news could be printed.
            Obeyed::Quiet => 0,
        };
        if code != 0 {
            last_failure = code;
            if !keeps_going {
                console::error(
                    "\nhint: a line `\\keep-going` before it makes a script go on after failures\n",
                );
                break;
            }
        }
    }
    Ok(last_failure)
}

/// Runs one line; says which one it was if it failed.
fn obey(runner: &mut Runner, number: u64, line: &str) -> Obeyed {
    let first = text::shown(line.trim().lines().next().unwrap_or_default()).into_owned();
    let failed = |code: u8| format!("line {number} failed (exit code {code}): ");
    let read = match lines::read(line) {
        Ok(read) => read,
        Err(pointed) => {
            let code = Kind::Usage.code();
            console::error(&pointed.below(line, &failed(code)));
            return Obeyed::Done(code);
        }
    };
    let obeyed = runner.obey(read).unwrap_or_else(|failure| {
        console::error(&failure.message());
        Obeyed::Done(failure.code())
    });
    if let Obeyed::Done(code @ 1..) = obeyed {
        console::error(&format!("{}{first}\n", failed(code)));
    }
    obeyed
}

/// Reads lines as they come: who pipes them may wait for what they do.
struct Reader<I> {
    input: I,
    /// Of lines that were read.
    number: u64,
}

impl<I: BufRead> Reader<I> {
    /// The next line that is whole, and the number of its first part; `None` at the end.
    fn next(&mut self) -> Result<Option<(u64, String)>, Failure> {
        let mut line = String::new();
        let mut extent = Extent::default();
        let first = self.number + 1;
        while let Some(part) = self.part()? {
            line += &part;
            if extent.is_whole_with(&part) {
                return Ok(Some((first, line)));
            }
            if line.len() as u64 > LINE_BYTES_MAX {
                return Err(too_long(first));
            }
            line.push('\n');
        }
        // What is open at the end is told when the line is read.
        Ok(Some((first, line)).filter(|(_, line)| !line.is_empty()))
    }

    fn part(&mut self) -> Result<Option<String>, Failure> {
        let mut bytes = Vec::new();
        let number = self.number + 1;
        let read = (&mut self.input).take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut bytes);
        let read = read.map_err(|error| {
            Failure::new(
                Kind::Failed,
                format!("standard input cannot be read after line {}: {error}", self.number),
            )
        })?;
        if read == 0 {
            return Ok(None);
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            bytes.pop_if(|last| *last == b'\r');
        } else if bytes.len() as u64 > LINE_BYTES_MAX {
            return Err(too_long(number));
        }
        self.number = number;
        match String::from_utf8(bytes) {
            Ok(part) => Ok(Some(part)),
            Err(_) => Err(Failure::usage(format!("line {number} is not UTF-8"))),
        }
    }
}

fn too_long(number: u64) -> Failure {
    Failure::usage(format!("line {number} is longer than {}", text::bytes(LINE_BYTES_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(script: &[u8]) -> Result<Vec<(u64, String)>, Failure> {
        let mut reader = Reader { input: script, number: 0 };
        let mut lines = Vec::new();
        while let Some(line) = reader.next()? {
            lines.push(line);
        }
        Ok(lines)
    }

    #[test]
    fn lines_are_numbered_where_they_begin() {
        let lines = read(b"ls\n\n# don't\r\nshow 'a\nb'\nlast").unwrap();
        let expected = [(1, "ls"), (2, ""), (3, "# don't"), (4, "show 'a\nb'"), (6, "last")]
            .map(|(at, line)| (at, line.to_owned()));
        assert_eq!(lines, expected);
        assert_eq!(read(b"stop 'x\n").unwrap(), [(1, "stop 'x\n".to_owned())]);
        assert_eq!(read(b"").unwrap(), []);
    }

    #[test]
    fn what_is_no_line_is_an_error() {
        insta::assert_snapshot!(read(b"ls\n\xff\n").unwrap_err().message(), @"line 2 is not UTF-8");
        let long = vec![b'x'; LINE_BYTES_MAX as usize + 1];
        insta::assert_snapshot!(read(&long).unwrap_err().message(), @"line 1 is longer than 1.0 MiB");
        let open = [b"'\n".to_vec(), b"x\n".repeat(1 << 20)].concat();
        insta::assert_snapshot!(read(&open).unwrap_err().message(), @"line 1 is longer than 1.0 MiB");
    }
}
