//! The poll loop that holds a run: moves output, hears the supervisor, sees the end through, and then waits,
//! for a while, to be dismissed.
//!
//! End-of-file of anything, a connection or the output, never means an exit here.

use std::{
    os::{
        fd::AsFd,
        unix::net::{UnixListener, UnixStream},
    },
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{signal::Signal, signalfd::SignalFd},
};

use super::{
    capture::{Capture, InputRefused},
    clock,
    connections::Connections,
    ending::Ending,
};
use crate::{Config, FromWorker, Hello, PROTOCOL_VERSION, Phase, StartedChild, ToWorker, frame::Decoder};

/// One run, held.
pub(super) struct Holder {
    session: String,
    run: u64,
    linger: Duration,
    signals: SignalFd,
    listener: UnixListener,
    connections: Connections,
    capture: Capture,
    ending: Ending,
    /// The last reply that was typed.
    delivered: u64,
    /// The supervisor has the exit; the worker is not needed any more.
    is_dismissed: bool,
    /// The machine is going down; the worker does not linger.
    is_terminated: bool,
    /// Since when there has been nothing to wait for but a connection.
    idle_from: Option<Instant>,
}

/// What a job gets to end in when the worker itself is told to.
const TERMINATED_GRACE: Duration = Duration::from_secs(3);
/// How long the exit can still be told when the machine is going down.
const TERMINATED_LINGER: Duration = Duration::from_secs(1);

impl Holder {
    pub(super) fn new(
        config: &Config,
        (signals, listener): (SignalFd, UnixListener),
        capture: Capture,
        ending: Ending,
    ) -> Self {
        Self {
            session: config.session.clone(),
            run: config.run,
            linger: clock::bounded_ms(config.linger_ms),
            signals,
            listener,
            connections: Connections::default(),
            capture,
            ending,
            delivered: 0,
            is_dismissed: false,
            is_terminated: false,
            idle_from: None,
        }
    }

    /// The job's process, if it was started.
    pub(super) fn child(&self) -> Option<StartedChild> {
        self.ending.child()
    }

    /// Greets the supervisor that started this worker.
    pub(super) fn greet(&mut self, control: UnixStream, decoder: Decoder) {
        self.advance();
        let greeting = self.greeting();
        self.connections.add(control, decoder, &greeting);
        self.flush();
    }

    /// Holds the run until it has ended and the worker is dismissed, or not needed any more.
    pub(super) fn hold(mut self) {
        // Frames may have come with the config.
        for index in 0..self.connections.len() {
            self.hear(index);
        }
        loop {
            self.advance();
            self.flush();
            if self.may_leave() {
                return;
            }
            let ready = self.wait();
            self.handle(&ready);
        }
    }

    fn advance(&mut self) {
        let had_ended = self.ending.exit().is_some();
        self.ending.advance(&mut self.capture);
        self.connections.note_dropped(&self.capture.take_dropped_news());
        if !had_ended && self.ending.exit().is_some() {
            let messages = self.end_messages();
            self.connections.tell_end(clock::monotonic(), self.capture.end(), &messages);
        }
    }

    fn flush(&mut self) {
        self.connections.flush(clock::monotonic(), self.capture.end());
    }

    /// Waits until something is ready. In this order: signals, the listener, the connections, the job's output.
    fn wait(&self) -> Vec<PollFlags> {
        let mut polled = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.listener.as_fd(), PollFlags::POLLIN),
        ];
        polled.extend(self.connections.polled().map(|(fd, flags)| PollFd::new(fd, flags)));
        polled.extend(self.capture.polled().map(|(fd, flags)| PollFd::new(fd, flags)));
        let timeout = self.next_deadline().map_or(PollTimeout::NONE, |deadline| {
            let left = deadline.saturating_duration_since(clock::monotonic());
            // Rounded up: waking early would only mean waiting again.
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        // An error is an interruption; nothing is ready then.
        let _ = poll(&mut polled, timeout);
        polled.iter().map(|fd| fd.revents().unwrap_or(PollFlags::empty())).collect()
    }

    fn handle(&mut self, ready: &[PollFlags]) {
        let is_ready = |index: usize| ready.get(index).is_some_and(|flags| !flags.is_empty());
        let connected = self.connections.len();
        for index in (0..connected).filter(|index| is_ready(2 + index)) {
            self.hear(index);
        }
        if is_ready(2 + connected) {
            self.capture.step();
        }
        if is_ready(0) {
            self.read_signals();
        }
        if is_ready(1) {
            let greeting = self.greeting();
            self.connections.accept(&self.listener, &greeting);
        }
    }

    fn hear(&mut self, index: usize) {
        for message in self.connections.receive(index) {
            self.obey(index, message);
        }
    }

    fn obey(&mut self, index: usize, message: ToWorker) {
        match message {
            ToWorker::Follow { on } => self.connections.follow(index, on),
            ToWorker::Stop { grace_ms } => {
                self.ending.stop(clock::bounded_ms(grace_ms));
                self.connections.tell(index, &FromWorker::StopAcknowledged);
            }
            ToWorker::Kill => {
                self.ending.stop(Duration::ZERO);
                self.connections.tell(index, &FromWorker::StopAcknowledged);
            }
            ToWorker::ExitRecorded => self.is_dismissed = self.ending.exit().is_some(),
            ToWorker::Resize { columns, rows } => self.capture.resize(columns, rows),
            ToWorker::Input { bytes } => {
                if let Err(InputRefused) = self.capture.type_in(&bytes.0) {
                    self.connections.tell(index, &FromWorker::InputRefused);
                }
            }
            ToWorker::Deliver { id, bytes } => {
                let answer = self.deliver(id, &bytes.0);
                self.connections.tell(index, &answer);
            }
            ToWorker::Config(_) | ToWorker::Unknown => {}
        }
    }

    /// Types a reply once, however often it is told to.
    fn deliver(&mut self, id: u64, bytes: &[u8]) -> FromWorker {
        if self.delivered >= id {
            return FromWorker::Delivered { id };
        }
        let refused = |why: &str| FromWorker::DeliveryRefused { id, why: why.into() };
        if !self.capture.takes_input() {
            return refused("there is no terminal to type it into");
        }
        if let Err(InputRefused) = self.capture.type_in(bytes) {
            return refused("the job does not read what was typed before");
        }
        self.delivered = id;
        FromWorker::Delivered { id }
    }

    fn read_signals(&mut self) {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            if signal.ssi_signo == Signal::SIGCHLD as u32 {
                self.ending.reap();
            } else {
                self.is_terminated = true;
                self.ending.terminate(TERMINATED_GRACE);
            }
        }
    }

    /// What a new connection is told.
    fn greeting(&self) -> Vec<FromWorker> {
        let exit = self.ending.exit();
        let hello = Hello {
            version: PROTOCOL_VERSION,
            session: self.session.clone(),
            run: self.run,
            worker_pid: std::process::id() as i32,
            phase: if exit.is_some() { Phase::Ended } else { Phase::Running },
            child: self.child(),
            output_end: self.capture.end(),
            exit: exit.cloned(),
            terminal: self.capture.terminal_size(),
        };
        let mut greeting = vec![FromWorker::Hello(Box::new(hello))];
        greeting.extend(self.child().map(FromWorker::Running));
        greeting.extend(self.end_messages());
        greeting
    }

    fn end_messages(&self) -> Vec<FromWorker> {
        let Some(exit) = self.ending.exit() else { return Vec::new() };
        let error = self.ending.spawn_error().cloned();
        let failed = error.map(|error| FromWorker::SpawnFailed { error });
        failed.into_iter().chain([FromWorker::Exited { exit: Box::new(exit.clone()) }]).collect()
    }

    fn next_deadline(&self) -> Option<Instant> {
        let leave = self.idle_from.map(|from| from + self.linger());
        let news = self.connections.next_news(clock::monotonic(), self.capture.end());
        [self.ending.next_deadline(), leave, news].into_iter().flatten().min()
    }

    fn linger(&self) -> Duration {
        if self.is_terminated { self.linger.min(TERMINATED_LINGER) } else { self.linger }
    }

    /// Whether all is said and done, or there is nobody to say it to.
    fn may_leave(&mut self) -> bool {
        if self.is_dismissed {
            return true;
        }
        // An exit that is only in memory is not left alone.
        let is_idle = self.ending.is_exit_safe() && (self.is_terminated || self.connections.is_empty());
        let now = clock::monotonic();
        self.idle_from = is_idle.then(|| self.idle_from.unwrap_or(now));
        self.idle_from.is_some_and(|from| from + self.linger() <= now)
    }
}
