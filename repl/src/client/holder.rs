//! Who holds the instance, asked of its lock: for where nobody answers at its socket. The lock is the system's and
//! cannot be wrong; the text in it is the holder's own word.

use std::fs::{File, TryLockError};
use std::io::Read as _;

use decklog_protocol::home::Home;

use super::{ENDS_IT, Failure, Kind};

/// A supervisor that holds the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Its process, where it has said so.
    pub(crate) pid: Option<i32>,
}

/// The supervisor that holds the instance, if one does.
pub(crate) fn holder(home: &Home) -> Option<Holder> {
    let mut file = File::open(home.log().join("lock")).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        Ok(()) => {
            // At once: a supervisor that starts would find it held.
            let _ = file.unlock();
            return None;
        }
        Err(TryLockError::Error(_)) => return None,
    }
    let mut text = String::new();
    let _ = file.read_to_string(&mut text);
    Some(Holder { pid: text.trim().strip_prefix("pid ").and_then(|pid| pid.parse().ok()) })
}

impl Holder {
    /// That it runs, and cannot be asked.
    pub(crate) fn unheard(self, home: &Home) -> Failure {
        let pid = self.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
        let socket = home.socket();
        let gone = socket.symlink_metadata().is_err();
        let socket = socket.display();
        let text = if gone {
            format!(
                "a supervisor runs{pid} but its socket is gone; it will end within seconds: there is no {socket}"
            )
        } else {
            format!("a supervisor runs{pid} but does not listen at {socket}: it is starting, or ending")
        };
        let failure = Failure::new(Kind::NoSupervisor, text)
            .hint("ask again in a few seconds: then it answers, or any verb starts another");
        match self.pid {
            Some(pid) => failure.hint(format!("kill -9 {pid} {ENDS_IT}")),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_tells_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::separate(folder.path().into());
        assert_eq!(holder(&home), None);
        std::fs::create_dir(home.log()).unwrap();
        let path = home.log().join("lock");
        std::fs::write(&path, "pid 4411").unwrap();
        assert_eq!(holder(&home), None, "what is written there proves nothing");
        let file = File::open(&path).unwrap();
        file.lock().unwrap();
        assert_eq!(holder(&home), Some(Holder { pid: Some(4411) }));
        std::fs::write(&path, "").unwrap();
        assert_eq!(holder(&home), Some(Holder { pid: None }));
        file.unlock().unwrap();
        assert_eq!(holder(&home), None);
    }
}
