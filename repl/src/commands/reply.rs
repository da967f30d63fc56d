//! `reply`: type a line to a session.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};

use decklog_protocol::message::{Reply, Request};

use crate::cli;
use crate::client::{self, IfNone, Patience, Trouble, unexpected};
use crate::console::Console;
use crate::error::{Failure, Kind};
use crate::surroundings;

/// More than the supervisor takes.
const TEXT_BYTES_MOST: u64 = 1 << 20;

/// Replies, and prints the reply's id once it has arrived.
pub(super) fn run(args: cli::Reply, console: &mut Console) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    let text = text(&args)?;
    let request = Request::Reply { target: args.id, text };
    let answer =
        client::ask(&home, &request, IfNone::Start, Patience::Soon).and_then(|mut answers| answers.verdict());
    match answer {
        Ok(Reply::Delivered { reply_id, state, text }) => match state.as_str() {
            "delivered" => {
                console.line(&reply_id.to_string())?;
                Ok(0)
            }
            "failed" => Err(Failure::new(Kind::Failed, format!("reply {reply_id} was not typed: {text}"))),
            _ => Err(unknown(&format!("whether reply {reply_id} was typed nobody knows: {text}"))),
        },
        Ok(_) => Err(unexpected("a reply was answered with something else")),
        Err(Trouble::Ended | Trouble::Closed) => Err(unknown(
            "whether the reply was typed nobody knows: the supervisor went away before it had said so",
        )),
        Err(trouble) => Err(trouble.into()),
    }
}

fn unknown(text: &str) -> Failure {
    Failure::new(Kind::Failed, text)
        .hint("it is not typed again by itself: decklog peek ID shows whether the session has it")
}

/// What is to be typed.
fn text(args: &cli::Reply) -> Result<String, Failure> {
    let bytes = match (&args.text, &args.file) {
        (Some(text), _) => return as_text(text.as_encoded_bytes().to_vec()),
        (None, Some(file)) => read(file)
            .map_err(|error| Failure::usage(format!("--file {} cannot be read: {error}", file.display())))?,
        (None, None) => {
            return Err(Failure::usage("there is nothing to say")
                .hint(format!("decklog reply {} TEXT", args.id))
                .hint(format!("decklog reply {} --file F  (`-` is standard input)", args.id)));
        }
    };
    let mut text = as_text(bytes)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

fn as_text(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| {
        Failure::usage("the reply is not UTF-8").hint("bytes of any kind can be typed after decklog attach")
    })
}

fn read(file: &OsStr) -> io::Result<Vec<u8>> {
    let from: Box<dyn Read> = if file == "-" { Box::new(io::stdin()) } else { Box::new(File::open(file)?) };
    let mut bytes = Vec::new();
    from.take(TEXT_BYTES_MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: Option<&str>, file: Option<&OsStr>) -> cli::Reply {
        cli::Reply { id: "job".into(), text: text.map(Into::into), file: file.map(Into::into) }
    }

    #[test]
    fn a_file_ends_with_a_line_break_that_is_not_meant() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (bytes, typed) in [("yes\n", "yes"), ("yes\r\n", "yes"), ("a\nb\n\n", "a\nb\n"), ("", "")] {
            std::fs::write(file.path(), bytes).unwrap();
            assert_eq!(text(&args(None, Some(file.path().as_os_str()))), Ok(typed.into()));
        }
        assert_eq!(text(&args(Some("yes\n"), None)), Ok("yes\n".into()));
    }

    #[test]
    fn nothing_and_nonsense_are_refused() {
        assert_eq!(text(&args(None, None)).unwrap_err().code(), 2);
        assert_eq!(text(&args(None, Some(OsStr::new("/nowhere")))).unwrap_err().code(), 2);
        assert_eq!(as_text(vec![0xff]).unwrap_err().code(), 2);
    }
}
