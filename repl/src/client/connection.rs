//! One connection: frames over a Unix socket.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use decklog_protocol::frame::{Frame, FrameError, PROTOCOL};
use decklog_protocol::message::{Hello, Request};
use nix::fcntl::OFlag;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt};
use nix::sys::time::{TimeVal, TimeValLike as _};

use super::ANSWER_WITHIN;

/// What the kernel takes is 108 bytes with the zero at the end.
const SOCKET_PATH_BYTES_MAX: usize = 100;
const READ_BYTES: usize = 64 << 10;

/// What this client says that it is.
static VIA: OnceLock<&str> = OnceLock::new();

/// From here on this client is the shell, or does a verb for it.
pub(crate) fn speak_as_shell() {
    VIA.get_or_init(|| "shell");
}

/// Whether this client is the shell, or does a verb for it.
pub(crate) fn speaks_as_shell() -> bool {
    VIA.get().is_some()
}

/// One connection to the supervisor.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    /// Bytes that are not a whole frame yet.
    buffer: Vec<u8>,
}

/// What came.
#[derive(Debug)]
pub(super) enum Received {
    /// A frame.
    Frame(Frame),
    /// Bytes that are none.
    Nonsense(FrameError),
    /// The other side closed.
    End,
}

impl Connection {
    /// Connects. A path that is too long for a socket goes through the folder's descriptor.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            return Self::open_short(path);
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let folder = OpenOptions::new()
            .read(true)
            .custom_flags((OFlag::O_PATH | OFlag::O_DIRECTORY).bits())
            .open(folder)?;
        let mut short = OsString::from(format!("/proc/self/fd/{}/", folder.as_raw_fd()));
        short.push(name);
        Self::open_short(&PathBuf::from(short))
    }

    fn open_short(path: &Path) -> io::Result<Self> {
        let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        // Also bounds connecting: a supervisor that no longer accepts has a queue that fills up.
        let within = TimeVal::seconds(ANSWER_WITHIN.as_secs() as i64);
        setsockopt(&socket, sockopt::SendTimeout, &within)?;
        connect(socket.as_raw_fd(), &UnixAddr::new(path.as_os_str().as_bytes())?)?;
        Ok(Self { stream: UnixStream::from(socket), buffer: Vec::new() })
    }

    /// Says who asks, and what is wished, in one write.
    pub(super) fn send(&mut self, request: &Request) -> io::Result<()> {
        let via = VIA.get().copied().unwrap_or("cli").into();
        let hello = Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").into(), via };
        let mut bytes = Vec::new();
        Frame::message(&hello).encode(&mut bytes);
        Frame::message(request).encode(&mut bytes);
        self.stream.write_all(&bytes)
    }

    /// The next frame; waits no longer than this for each piece of it.
    pub(super) fn receive(&mut self, within: Duration) -> io::Result<Received> {
        loop {
            match Frame::decode(&mut self.buffer) {
                Ok(Some(frame)) => return Ok(Received::Frame(frame)),
                Ok(None) => {}
                Err(error) => return Ok(Received::Nonsense(error)),
            }
            self.stream.set_read_timeout(Some(within))?;
            let had = self.buffer.len();
            self.buffer.resize(had + READ_BYTES, 0);
            let read = self.stream.read(&mut self.buffer[had..]);
            self.buffer.truncate(had + read.as_ref().map_or(0, |read| *read));
            match read {
                Ok(0) if had > 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(0) => return Ok(Received::End),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The socket, and what was read of it already.
    pub(super) fn into_parts(self) -> (UnixStream, Vec<u8>) {
        (self.stream, self.buffer)
    }

    /// The process that listens.
    pub(super) fn peer_pid(&self) -> Option<i32> {
        let credentials =
            nix::sys::socket::getsockopt(&self.stream.as_fd(), sockopt::PeerCredentials).ok()?;
        Some(credentials.pid())
    }
}
