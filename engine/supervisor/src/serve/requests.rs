//! Wishes: dispatch, commands, wait, shutdown.

use std::io;
use std::path::{Path, PathBuf};

use decklog_engine::actor::{Actor, ActorKind};
use decklog_engine::command::{Command, Dispatch, Refusal};
use decklog_engine::dispatcher::{Answer, Input, ShutdownMode, Unresolved, WaitGoal};
use decklog_engine::event::JobCommand;
use decklog_engine::name;
use decklog_engine::session::State;
use decklog_protocol::message::{
    DispatchRequest, Reached, RefusedWish, Reply, Request, Shutdown, UnresolvedTarget,
};
use decklog_worker::Raw;
use tokio::sync::oneshot;

use super::Server;
use super::out::Out;
use super::rows::row;
use crate::hosting::Spare;
use crate::launch::{self, Surroundings};
use crate::{clock, place, tasks};

/// A record holds a megabyte; a command may be half of it.
const COMMAND_BYTES_MAX: usize = 512 << 10;
const NAMES_BYTES_MAX: usize = 128 << 10;

impl Server {
    pub(super) async fn wish(&self, out: &mut Out, actor: Actor, request: Request) -> io::Result<()> {
        let command = |targets, command| {
            let actor = actor.clone();
            move |token| Input::Command { token, actor, targets, command }
        };
        let answer = match request {
            Request::Dispatch(request) => return self.dispatch(out, actor, request).await,
            Request::Stop { targets, grace_ms } => {
                self.handle.ask(command(targets, Command::Stop { grace_ms })).await
            }
            Request::Remove { targets, force } => {
                self.handle.ask(command(targets, Command::Delete { force })).await
            }
            Request::Restore { targets } => self.handle.ask(command(targets, Command::Restore)).await,
            Request::Respawn { targets, force } => {
                self.handle.ask(command(targets, Command::Respawn { force })).await
            }
            Request::Rename { target, name } => {
                self.handle.ask(command(vec![target], Command::Rename { name })).await
            }
            Request::Pin { targets } => self.handle.ask(command(targets, Command::Pin)).await,
            Request::Unpin { targets } => self.handle.ask(command(targets, Command::Unpin)).await,
            Request::Group { targets, group } => {
                self.handle.ask(command(targets, Command::Group { group })).await
            }
            Request::Reply { target, text } => {
                self.handle.ask(command(vec![target], Command::Reply { text })).await
            }
            Request::Wait { targets, any, states, through_asks } => {
                let mut wanted = Vec::new();
                for word in &states {
                    match State::from_word(word) {
                        Some(state) => wanted.push(state),
                        None => return out.fail(format!("`{word}` is no state")).await,
                    }
                }
                let goal = WaitGoal { states: wanted, any, through_asks };
                self.handle.ask(|token| Input::Wait { token, targets, goal }).await
            }
            Request::Shutdown { mode } => {
                let mode = match mode {
                    Shutdown::RefuseIfLive => ShutdownMode::RefuseIfLive,
                    Shutdown::StopAll => ShutdownMode::StopAll,
                    Shutdown::KeepWorkers => ShutdownMode::KeepWorkers,
                };
                let text = "asked to stop".into();
                let input = |token| Input::Shutdown { token: Some(token), actor, mode, text };
                self.handle.ask(input).await
            }
            // Answered by Server::answer.
            Request::Attach { .. }
            | Request::Tail { .. }
            | Request::Digest { .. }
            | Request::List { .. }
            | Request::Show { .. }
            | Request::Why { .. }
            | Request::Logs { .. }
            | Request::History { .. }
            | Request::Verify { .. }
            | Request::Status => None,
        };
        match answer {
            Some(answer) => self.reply(out, answer).await,
            None => out.closing().await,
        }
    }

    async fn dispatch(&self, out: &mut Out, actor: Actor, request: DispatchRequest) -> io::Result<()> {
        let (sender, receiver) = oneshot::channel();
        let server = self.clone();
        // A task of its own: once asked for it is done whole, also when the client does not wait for the answer.
        tasks::start(async move {
            let answer = server.dispatch_whole(actor, request).await;
            drop(sender.send(answer));
            server.hosting.keep_spare();
        });
        match receiver.await {
            Ok(Ok(Some(answer))) => self.reply(out, answer).await,
            Ok(Err(reply)) => out.last(&reply).await,
            Ok(Ok(None)) | Err(_) => out.closing().await,
        }
    }

    async fn dispatch_whole(
        &self,
        actor: Actor,
        mut request: DispatchRequest,
    ) -> Result<Option<Answer>, Box<Reply>> {
        let (config, _) = self.config.look();
        request.environment.retain(|(name, _)| config.environment.lets_through(name));
        if let Err(refusal) = check(&request) {
            return Ok(Some(Answer::Refused(vec![refusal])));
        }
        // One that has to wait needs no worker yet.
        let cap = config.policy.live_jobs as usize;
        let waits = !request.after.is_empty() || (cap > 0 && self.hosting.count() >= cap);
        let spare = if waits { None } else { self.hosting.take_spare() };
        let id = match &spare {
            Some(spare) => spare.session(),
            None => launch::new_id().map_err(|error| cannot_begin("no random id", &error.into()))?,
        };
        let mut dispatched = request.dispatched();
        if actor.kind == ActorKind::Agent {
            dispatched.parent = actor.name.parse().ok();
        }
        let surroundings = Surroundings { environment: request.environment, umask: request.umask };
        let (hosting, job_dir) = (self.hosting.clone(), launch::job_dir(&self.home, id));
        let cwd: PathBuf = Raw(dispatched.cwd.0.clone()).as_path().into();
        let (room, home) = (self.room.clone(), self.home.clone());
        dispatched.place = tasks::blocking(move || {
            // What runs needs the last of the disk to record how it ended.
            let kept = match room.secure() {
                Ok(false) => Err(disk_is_full(home.shown())),
                _ => launch::keep(&job_dir, &surroundings).map_err(|error| {
                    let _ = std::fs::remove_dir_all(job_dir.path());
                    match error.kind() {
                        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                            disk_is_full(home.shown())
                        }
                        _ => cannot_begin(&format!("cannot make {}", job_dir.path().display()), &error),
                    }
                }),
            };
            if let Err(reply) = kept {
                spare.into_iter().for_each(Spare::end);
                return Err(reply);
            }
            if !waits {
                // On its way while the intent becomes durable; it starts nothing before it is told to.
                hosting.prepare(id, spare, surroundings);
            }
            Ok::<_, Box<Reply>>(place::of(&cwd))
        })
        .await?;
        let wish = Box::new(Dispatch { id, name_given: request.name.is_some(), dispatched });
        let after = request.after;
        let answer = self.handle.ask(|token| Input::Dispatch { token, actor, wish, after }).await;
        // Not needed, or not needed yet.
        self.hosting.discard(id);
        let is_known = matches!(&answer, Some(Answer::Dispatched { existing: false, .. }) | None);
        if !is_known {
            let job_dir = launch::job_dir(&self.home, id);
            tasks::blocking(move || drop(std::fs::remove_dir_all(job_dir.path()))).await;
        }
        Ok(answer)
    }

    /// The reply that says what the core answered.
    pub(super) async fn reply(&self, out: &mut Out, answer: Answer) -> io::Result<()> {
        let reply = match answer {
            Answer::Dispatched { session, existing } => {
                // It has only just begun: there is no output to sum it up by.
                let one = row(&session, clock::wall(), true);
                Reply::Dispatched { row: Box::new(one.row), short: one.short, existing }
            }
            Answer::Done { sessions, notes } => Reply::Done { rows: self.rows(sessions).await, notes },
            Answer::Sessions { sessions } => Reply::Rows { rows: self.rows(sessions).await },
            Answer::Roster { sessions, left_out } => {
                Reply::Roster { rows: self.rows(sessions).await, left_out }
            }
            Answer::Delivered { delivery } => Reply::Delivered {
                reply_id: delivery.reply_id,
                state: delivery.state.word().into(),
                text: delivery.text,
            },
            Answer::Waited { reached, sessions } => {
                use decklog_engine::dispatcher::Reached as Engine;
                let reached = match reached {
                    Engine::Goal => Reached::Goal,
                    Engine::Blocked => Reached::Blocked,
                    Engine::Never => Reached::Never,
                };
                Reply::Waited { reached, rows: self.rows(sessions).await }
            }
            Answer::Refused(refusals) => {
                Reply::Refused { refusals: refusals.into_iter().map(refused).collect() }
            }
            Answer::Unresolved(targets) => unresolved(targets),
            Answer::Counts { .. } | Answer::Closed => Reply::Closed,
        };
        out.last(&reply).await
    }
}

fn disk_is_full(home: &Path) -> Box<Reply> {
    Box::new(Reply::Failed {
        text: format!("the disk that holds {} is full: nothing new is started", home.display()),
        hints: vec![
            "free some space (20 MB are plenty) and dispatch again: nothing needs to be restarted".into(),
            "what runs goes on, and how it ends is recorded".into(),
        ],
    })
}

fn cannot_begin(what: &str, error: &io::Error) -> Box<Reply> {
    let hints = vec!["decklog daemon logs may say more".into()];
    Box::new(Reply::Failed { text: format!("{what}: {error}"), hints })
}

/// Whether what is asked for fits into a record, and can be shown.
fn check(request: &DispatchRequest) -> Result<(), Refusal> {
    let command_bytes = match &request.command {
        JobCommand::Shell(line) => line.0.len(),
        JobCommand::Program(arguments) => arguments.iter().map(|argument| argument.0.len() + 1).sum(),
    };
    let too_long = |what: &str, bytes: usize, bytes_max: usize, way_out: &str| Refusal {
        rule: "too-long",
        text: format!("the {what} has {bytes} bytes; at most {bytes_max} are kept in the log"),
        hints: vec![way_out.into()],
    };
    if command_bytes > COMMAND_BYTES_MAX {
        let way_out = "put it into a file and dispatch what reads that";
        return Err(too_long("command", command_bytes, COMMAND_BYTES_MAX, way_out));
    }
    let names_bytes = request.environment.iter().map(|(name, _)| name.0.len()).sum();
    if names_bytes > NAMES_BYTES_MAX {
        let way_out = "dispatch from a shell with fewer variables: env -u NAME decklog dispatch ..";
        return Err(too_long("list of the environment's names", names_bytes, NAMES_BYTES_MAX, way_out));
    }
    for (what, text) in [("group", &request.group), ("key", &request.key)] {
        if let Some(Err(bad)) = text.as_deref().map(name::check) {
            let text = format!("the {what} cannot be this: {bad}");
            let hints = vec![format!("a {what} is named as a session is: {}", name::RULE)];
            return Err(Refusal { rule: "name", text, hints });
        }
    }
    Ok(())
}

fn refused(refusal: Refusal) -> RefusedWish {
    RefusedWish { rule: refusal.rule.into(), text: refusal.text, hints: refusal.hints }
}

pub(super) fn unresolved(targets: Vec<Unresolved>) -> Reply {
    let unresolved = targets
        .into_iter()
        .map(|target| UnresolvedTarget {
            text: target.error.to_string(),
            candidates: target.candidates.into_iter().map(|(id, name)| (id.to_string(), name)).collect(),
        })
        .collect();
    Reply::Unresolved { unresolved }
}
