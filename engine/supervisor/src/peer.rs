//! Who a client is: from the kernel's word about the socket's other end, never from the client's own.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::sync::OnceLock;

use decklog_engine::actor::{Actor, ActorKind};
use decklog_engine::id::SessionId;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::{User, geteuid};

/// The kernel writes less than this.
const STAT_BYTES: usize = 1024;
/// A chain of parents longer than this is no chain.
const GENERATIONS_MAX: usize = 64;

/// The process at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    pid: i32,
}

/// The peer, if it is of this user; an error names the user that it is of.
pub(crate) fn of(socket: &impl AsFd) -> io::Result<Peer> {
    let credentials = getsockopt(socket, PeerCredentials)?;
    let (uid, own) = (credentials.uid(), geteuid().as_raw());
    if uid != own {
        let text = format!("a client of user {uid}");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(Peer { pid: credentials.pid() })
}

impl Peer {
    /// The person, or the session that this process descends from, whatever it says. `holder` knows which session a
    /// worker's process holds, `any_holder` whether there is any such process.
    pub(crate) fn actor(
        self,
        via: &str,
        any_holder: bool,
        holder: impl Fn(i32) -> Option<SessionId>,
    ) -> Actor {
        let mut pid = self.pid;
        // Where no worker lives nobody can descend from one.
        let generations = if any_holder { GENERATIONS_MAX } else { 0 };
        for _ in 0..generations {
            if let Some(session) = holder(pid) {
                return Actor { kind: ActorKind::Agent, name: session.to_string(), via: Some(via.into()) };
            }
            match parent(pid) {
                Some(next) if next > 1 => pid = next,
                _ => break,
            }
        }
        Actor::user(&user_name(), via)
    }
}

fn parent(pid: i32) -> Option<i32> {
    let mut stat = [0; STAT_BYTES];
    let length = File::open(format!("/proc/{pid}/stat")).and_then(|mut file| file.read(&mut stat)).ok()?;
    let stat = String::from_utf8_lossy(&stat[..length]);
    // The command's name is in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

/// The login name of this user, or the number where the system knows no name.
pub(crate) fn user_name() -> String {
    static NAME: OnceLock<String> = OnceLock::new();
    let name = NAME.get_or_init(|| {
        let uid = geteuid();
        User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
    });
    name.clone()
}
