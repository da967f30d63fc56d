//! `verify`: whether the log is whole.

use decklog_protocol::message::{Reply, Request};

use crate::cli::Verify;
use crate::client::{self, Answers, IfNone, Incoming, Patience, Trouble, unexpected};
use crate::console::{self, Console};
use crate::error::{Failure, Kind};
use crate::progress::Line;
use crate::render::{text, verified};
use crate::role;
use crate::surroundings;

/// What was found; what is said of progress before it is shown, where somebody waits for it.
fn verdict(mut answers: Answers) -> Result<Reply, Trouble> {
    let mut line = Line::new();
    loop {
        match answers.next()? {
            Some(Incoming::Reply(Reply::Progress { done, total })) => {
                line.say(&format!("verified {done} of {}", text::count(total, "record")));
            }
            Some(Incoming::Reply(reply)) => return Ok(reply),
            _ => return Err(Trouble::Said(unexpected("no message where one belongs"))),
        }
    }
}

/// Checks the log: by the supervisor, or without one if it cannot start because of what is to be found.
pub(super) fn run(args: &Verify, console: &mut Console) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    let request = Request::Verify { expect: args.expect.clone() };
    let verdict = client::ask(&home, &request, IfNone::Start, Patience::Unlimited).and_then(verdict);
    let found = match verdict {
        Ok(Reply::Verified(found)) => found,
        Ok(_) => return Err(unexpected("a check was answered with something else")),
        Err(Trouble::Damaged(_)) => role::verify_offline(&home, args.expect.as_deref())?,
        Err(trouble) => return Err(trouble.into()),
    };
    if args.json {
        console.json(&found)?;
    } else {
        console.screen(&verified::screen(&found, args.expect.as_deref(), console.style()))?;
    }
    if found.ok {
        return Ok(0);
    }
    console.flush()?;
    if let Some(expect) = args.expect.as_deref().filter(|_| verified::is_only_unexpected(&found)) {
        console::error(&format!(
            "\nhint: {} may be of another instance; if it is of this one, the log was cut short or replaced since\n",
            text::shown(expect)
        ));
    } else if found.first_bad.is_some() {
        console::error(&format!(
            "\nhint: copy {} somewhere safe before anything else\n",
            text::shown(&home.log().to_string_lossy())
        ));
    }
    Ok(Kind::Failed.code())
}
