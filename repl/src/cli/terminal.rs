//! The arguments of the verbs that look at a session's terminal, and type into it.

use std::ffi::OsString;

use clap::Args;

pub(super) const ATTACH_MANUAL: &str = "\
Keys: Ctrl-\\ d        detach; the session goes on
      Ctrl-\\ t        control it: the other clients only watch from then on
      Ctrl-\\ Ctrl-\\   type one Ctrl-\\
      everything else, Ctrl-C and Ctrl-Z too, goes to the session
A job reads keys if it was dispatched with --tty; any other is only watched. Of several clients
one controls, and the session's terminal has the size of that one's. A session's title, links and
clipboard do not reach your terminal.

Exit codes: 0 detached, or the run has ended, 2 there is no terminal here,
            3 no such session, or several, 4 it does not run

Examples:
  decklog attach build
  decklog attach 7c5d";

/// A session's terminal on this one; Ctrl-\ d leaves it
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// Which session
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

pub(super) const PEEK_MANUAL: &str = "\
Shows the end of its screen as it is now, or as it was left. Starts nothing and changes nothing.

Exit codes: 3 no such session, or several

Examples:
  decklog peek build
  decklog peek 7c5d --json";

/// What a session is doing, in a few lines
#[derive(Debug, Args)]
pub(crate) struct Peek {
    /// Which session
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Print its whole screen, and what it asks, as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) const REPLY_MANUAL: &str = "\
Types the text and Enter, to a job that was dispatched with --tty; prints the reply's id.
What is replied is kept in the log. A password is for `decklog attach`: keys typed there are not.

Exit codes: 0 it was typed, 1 it was not, or nobody knows whether it was (it is not typed again),
            2 nothing to say, 3 no such session, or several, 4 it reads no input, or does not run

Examples:
  decklog reply installer yes
  decklog reply 7c5d 'drop table x;'
  decklog reply 7c5d --file answer.txt
  decklog reply 7c5d --file -  (from standard input)";

/// Type a line to a session
#[derive(Debug, Args)]
pub(crate) struct Reply {
    /// Which session
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// What to type
    #[arg(value_name = "TEXT", conflicts_with = "file", allow_hyphen_values = true)]
    pub(crate) text: Option<OsString>,
    /// What to type is in this file; `-` is standard input. One line break at its end is taken off
    #[arg(long, value_name = "F")]
    pub(crate) file: Option<OsString>,
}
