//! One job folder, its worker, a client; and the certainty that nothing outlives its test.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Child,
    thread,
    time::{Duration, Instant},
};

use decklog_worker::{
    Chunk, Config, Exempt, ExitRecord, FromWorker, Hello, Lock, OutputMode, OutputReader, Raw, StartedChild,
    ToWorker, connect, frame,
    frame::Decoder,
    layout::{JobDir, RunDir, run_tag},
    spawn, sweep_orphans,
};

/// Far more than anything takes, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A job's folder below a folder for all jobs, with a worker perhaps. Ends whatever ran in it when dropped.
pub(crate) struct Job {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) jobs_root: PathBuf,
    pub(crate) dir: JobDir,
    pub(crate) session: String,
    workers: Vec<Child>,
}

impl Job {
    pub(crate) fn new() -> Self {
        Self::in_depth("jobs")
    }

    /// A job whose folder lies at a path below the temporary folder.
    pub(crate) fn in_depth(below: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let jobs_root = folder.path().join(below);
        fs::create_dir_all(&jobs_root).unwrap();
        // As unique as the folder's name, so that a sweep finds this test's processes and no others.
        let name = folder.path().file_name().unwrap().to_string_lossy().into_owned();
        let session = name.bytes().fold(String::new(), |session, byte| format!("{session}{byte:02x}"));
        let dir = JobDir::new(jobs_root.join(&session));
        dir.create().unwrap();
        Self { folder, jobs_root, dir, session, workers: Vec::new() }
    }

    pub(crate) fn run_dir(&self) -> RunDir {
        self.dir.run(1)
    }

    pub(crate) fn config(&self, argv: &[&str]) -> Config {
        let argv = argv.iter().map(|word| Raw::from(*word)).collect();
        let mut config = Config::new(&self.session, 1, argv, self.folder.path().into());
        config.env = vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())];
        config
    }

    pub(crate) fn shell(&self, script: &str) -> Config {
        self.config(&["/bin/sh", "-c", script])
    }

    pub(crate) fn piped(&self, script: &str) -> Config {
        Config { output: OutputMode::Pipes, ..self.shell(script) }
    }

    /// Starts a worker that waits for its config.
    pub(crate) fn spawn(&mut self) -> Client {
        // Another test's child, not yet at its exec, can for a moment hold copies of all our descriptors.
        let lock = eventually("the session's lock", || Lock::try_take(&self.dir.lock()).unwrap());
        let spawned = spawn(Path::new("/proc/self/exe"), &self.dir, lock).unwrap();
        self.workers.push(spawned.child);
        Client::new(spawned.control)
    }

    /// Starts a worker and tells it what to run.
    pub(crate) fn start(&mut self, config: &Config) -> Client {
        let mut client = self.spawn();
        client.send(&ToWorker::Config(Box::new(config.clone())));
        client
    }

    /// Runs a job to its end, dismisses the worker, and gives the exit.
    pub(crate) fn run(&mut self, config: &Config) -> ExitRecord {
        let mut client = self.start(config);
        let exit = client.exited();
        client.send(&ToWorker::ExitRecorded);
        self.wait_for_worker();
        exit
    }

    /// A further client, as a new supervisor would connect.
    pub(crate) fn connect(&self) -> Client {
        Client::new(eventually("a worker that listens", || connect(&self.run_dir()).ok()))
    }

    pub(crate) fn worker(&mut self) -> &mut Child {
        self.workers.last_mut().expect("a worker was started")
    }

    /// Waits until the worker has left; gives its exit code.
    pub(crate) fn wait_for_worker(&mut self) -> Option<i32> {
        let worker = self.worker();
        eventually("a worker that leaves", || worker.try_wait().unwrap()).code()
    }

    /// All of the output; a hole shows as `<from..to>`.
    pub(crate) fn output(&self) -> Vec<u8> {
        let mut reader = OutputReader::open(&self.run_dir());
        let (mut offset, mut output, mut buffer) = (0, Vec::new(), vec![0; 100_000]);
        loop {
            match reader.read_at(offset, &mut buffer).unwrap() {
                Chunk::Bytes { len, .. } => {
                    output.extend_from_slice(&buffer[..len]);
                    offset += len as u64;
                }
                Chunk::Dropped { from, to } => {
                    output.extend_from_slice(format!("<{from}..{to}>").as_bytes());
                    offset = to;
                }
                Chunk::End => return output,
            }
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output()).into_owned()
    }

    /// Waits until the output holds this many lines, and gives them.
    pub(crate) fn lines(&self, count: usize) -> Vec<String> {
        eventually("lines of output", || {
            let text = self.text();
            let lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
            (text.matches('\n').count() >= count).then_some(lines)
        })
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            // A child that is not yet reaped: its pid is its own. Killing one that has ended does nothing.
            let _ = worker.kill();
            let _ = worker.wait();
        }
        for run in 1..=2 {
            let _ = sweep_orphans(&run_tag(&self.session, run), &Exempt::default());
        }
    }
}

/// One end of a control connection.
pub(crate) struct Client {
    pub(crate) stream: UnixStream,
    decoder: Decoder,
}

impl Client {
    fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self { stream, decoder: Decoder::new(frame::MESSAGE_BYTES_MAX) }
    }

    pub(crate) fn send(&mut self, message: &ToWorker) {
        self.stream.write_all(&frame::encode(message)).unwrap();
    }

    /// The next message; `None` when the connection has ended.
    pub(crate) fn next(&mut self) -> Option<FromWorker> {
        loop {
            if let Some(message) = self.decoder.next_message().unwrap() {
                return Some(message);
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(len) => self.decoder.push(&buffer[..len]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no message in time: {error}"),
            }
        }
    }

    /// The first message that `pick` picks; those before it are gone.
    pub(crate) fn wait_for<T>(&mut self, pick: impl Fn(&FromWorker) -> Option<T>) -> T {
        loop {
            let message = self.next().expect("the connection ended before the message came");
            if let Some(picked) = pick(&message) {
                return picked;
            }
        }
    }

    pub(crate) fn hello(&mut self) -> Hello {
        match self.next() {
            Some(FromWorker::Hello(hello)) => *hello,
            other => panic!("a connection starts with Hello, not {other:?}"),
        }
    }

    pub(crate) fn running(&mut self) -> StartedChild {
        self.wait_for(|message| match message {
            FromWorker::Running(child) => Some(*child),
            _ => None,
        })
    }

    pub(crate) fn exited(&mut self) -> ExitRecord {
        self.wait_for(|message| match message {
            FromWorker::Exited { exit } => Some((**exit).clone()),
            _ => None,
        })
    }
}

/// Waits for a state.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "waited too long for {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Whether this process lives: it is there and no zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with(['Z', 'X'])))
}

#[allow(clippy::disallowed_methods, reason = "tests measure real processes")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
