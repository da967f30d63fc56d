//! Clients that misbehave: they hinder nobody, and cost the supervisor little.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use decklog_protocol::frame::{Frame, PROTOCOL};
use decklog_protocol::message::{Hello, Reply, Request};

use crate::support::Instance;
use crate::whole;

/// A connection to the supervisor, without a client's manners.
pub(crate) struct Client {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl Client {
    /// One to the supervisor of this instance, which must run.
    pub(crate) fn of(instance: &Instance) -> Self {
        let stream = UnixStream::connect(instance.home().join("run/supervisor.sock")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// Says these bytes, as far as anybody listens.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Begins as a client does.
    pub(crate) fn hello(&mut self) {
        let mut bytes = Vec::new();
        let hello = Hello { protocol: PROTOCOL, version: "0".into(), via: "test".into() };
        Frame::message(&hello).encode(&mut bytes);
        self.send(&bytes);
    }

    /// Asks as a client does.
    pub(crate) fn ask(&mut self, request: &Request) {
        self.hello();
        let mut bytes = Vec::new();
        Frame::message(request).encode(&mut bytes);
        self.send(&bytes);
    }

    /// The next message, warnings passed over.
    pub(crate) fn reply(&mut self) -> Reply {
        loop {
            while let Some(frame) = Frame::decode(&mut self.buffer).unwrap() {
                match frame.parse().unwrap() {
                    Reply::Warning { .. } => {}
                    reply => return reply,
                }
            }
            let mut piece = [0; 8 << 10];
            let read = self.stream.read(&mut piece).unwrap();
            assert!(read > 0, "it ended without an answer");
            self.buffer.extend_from_slice(&piece[..read]);
        }
    }
}

/// A number of kilobytes that the kernel counts of a process.
fn kilobytes(pid: i32, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

fn open_files(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

#[test]
fn what_is_no_request_is_answered_and_costs_nothing() {
    let instance = Instance::new();
    instance.ok(&["daemon", "start"]);
    for bytes in [
        // A frame of 4 GB, a frame of nothing, an unknown kind, no JSON, no hello, and the words of a browser.
        &[0xff, 0xff, 0xff, 0xff, 0][..],
        &[0, 0, 0, 0, 0],
        &[2, 0, 0, 0, 9, 9],
        &[3, 0, 0, 0, 0, b'{', b'!'],
        &[3, 0, 0, 0, 0, b'[', b']'],
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x1b[2J\x1b]0;x\x07\xff\xfe\xfd\xfc\xfb\xfa",
    ] {
        let mut client = Client::of(&instance);
        client.send(bytes);
        let Reply::Failed { text, hints } = client.reply() else { panic!("{bytes:?} was understood") };
        assert!(!text.is_empty() && hints.iter().any(|hint| hint.contains("protocol")), "{text} {hints:?}");
    }
    whole(&instance);
}

#[test]
fn a_crowd_that_does_nothing_right_hinders_nobody() {
    const EACH: usize = 60;
    let instance = Instance::new();
    let much = instance.dispatch("much", "head -c 20000000 /dev/zero");
    instance.finished(std::slice::from_ref(&much));
    let supervisor = instance.supervisor();
    let before = open_files(supervisor);
    let logs = Request::Logs { target: much, run: None, follow: false, lines: None, from: None, since: None };
    let mut crowd = Vec::new();
    for number in 0..EACH * 8 {
        let mut client = Client::of(&instance);
        match number % 8 {
            // Says nothing; half a frame; half a header; a frame that it never sends; nothing after hello.
            0 | 1 => {}
            2 => client.send(&[100, 0, 0, 0, 0, b'{']),
            3 => client.send(&[100, 0]),
            4 => client.send(&(60_u32 << 20).to_le_bytes()),
            5 => client.hello(),
            // Asks for much and reads nothing of it.
            6 => client.ask(&logs),
            // Is gone before the answer.
            _ => {
                client.ask(&Request::Status);
                continue;
            }
        }
        crowd.push(client);
    }
    let id = instance.dispatch("meanwhile", "echo served");
    assert_eq!(instance.ok(&["logs", "-f", &id]), "served\n");
    assert_eq!(instance.supervisor(), supervisor);
    let peak = kilobytes(supervisor, "VmHWM");
    assert!(peak < 256 << 10, "{peak} kB");
    assert!(open_files(supervisor) >= before + crowd.len() / 2, "they are connected");
    drop(crowd);
    instance.until("they are forgotten", || open_files(supervisor) <= before + 2);
    whole(&instance);
}
