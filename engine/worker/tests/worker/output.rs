//! Every byte of output, in order, whatever the job and whatever the limit.

use decklog_worker::{Chunk, Config, FromWorker, OutputMode, OutputReader, ToWorker};

use crate::support::{Client, Job, eventually};

pub(crate) fn a_terminal_keeps_every_byte() {
    let mut job = Job::new();
    // Every byte value, many times, without a newline that is not one of them.
    let data: Vec<u8> = (0..200_000_u32).map(|n| (n % 256) as u8).collect();
    std::fs::write(job.folder.path().join("data"), &data).unwrap();
    let exit = job.run(&job.shell("test -t 1 && test -t 2 && printf 'a\\nb\\r\\n\\tc' && cat data"));
    assert_eq!(exit.code, Some(0));
    let expected = [b"a\nb\r\n\tc".as_slice(), &data].concat();
    assert!(job.output() == expected, "{} bytes of {}", job.output().len(), expected.len());
    assert_eq!(exit.output_end, expected.len() as u64);
    assert_eq!((exit.dropped, exit.dropped_bytes), (vec![], 0));
}

pub(crate) fn pipes_keep_every_byte() {
    let mut job = Job::new();
    let data: Vec<u8> = (0..300_000_u32).map(|n| (n % 256) as u8).collect();
    std::fs::write(job.folder.path().join("data"), &data).unwrap();
    let exit = job.run(&job.piped("! test -t 1 && cat data && echo two >&2 && echo three"));
    assert_eq!(exit.code, Some(0));
    assert!(job.output() == [&data[..], b"two\nthree\n"].concat());
}

pub(crate) fn a_large_output_keeps_its_ends() {
    for output in [OutputMode::Pty, OutputMode::Pipes] {
        let mut job = Job::new();
        // 16 bytes a line: the offset of a line follows from its number.
        let lines = (5 << 20) / 16_u64;
        let config = job.shell(&format!("seq -f %015.0f 0 {}", lines - 1));
        let exit = job.run(&Config { output, output_bytes_max: 1 << 20, ..config });
        assert_eq!((exit.code, exit.output_end), (Some(0), 5 << 20));
        let mut reader = OutputReader::open(&job.run_dir());
        let (mut offset, mut kept, mut holes) = (0, 0, Vec::new());
        let mut buffer = vec![0; 16];
        loop {
            match reader.read_at(offset, &mut buffer).unwrap() {
                Chunk::Bytes { len, .. } => {
                    let line = format!("{:015}\n", offset / 16);
                    let within = offset as usize % 16;
                    assert_eq!(buffer[..len], line.as_bytes()[within..][..len], "at {offset}");
                    kept += len as u64;
                    offset += len as u64;
                    buffer.resize(16 - offset as usize % 16, 0);
                }
                Chunk::Dropped { from, to } => {
                    holes.push((from, to));
                    offset = to;
                    buffer.resize(16 - offset as usize % 16, 0);
                }
                Chunk::End => break,
            }
        }
        assert_eq!(offset, exit.output_end);
        assert!(kept <= 1 << 20 && kept > 800 << 10, "{kept}");
        assert_eq!(holes.len(), 1, "{holes:?}");
        assert_eq!(holes[0].0, 512 << 10);
        assert_eq!(exit.dropped.iter().map(|range| (range.from, range.to)).collect::<Vec<_>>(), holes);
        assert_eq!(exit.dropped_bytes, exit.output_end - kept);
    }
}

pub(crate) fn nothing_waits_for_a_key() {
    let mut job = Job::new();
    // No terminal to open, an end of input, and nothing to read from standard error either.
    let script = "cat /dev/tty || echo no terminal; cat; echo end of input; cat <&2 || echo not readable";
    assert_eq!(job.run(&job.shell(script)).code, Some(0));
    let text = job.text();
    for expected in ["no terminal\n", "end of input\n", "not readable\n"] {
        assert!(text.contains(expected), "{text}");
    }
}

pub(crate) fn the_terminal_has_the_size_that_was_asked_for() {
    // stty asks its standard input, which is a descriptor like any other.
    for (output, script) in [(OutputMode::Pty, "stty size <&1"), (OutputMode::Tty, "stty size")] {
        let mut job = Job::new();
        job.run(&Config { output, columns: 132, rows: 43, ..job.shell(script) });
        assert_eq!(job.text().trim(), "43 132");
    }
}

pub(crate) fn a_follower_hears_of_growth_and_reads_it() {
    let mut job = Job::new();
    let mut client = job.start(&job.piped("echo one; while ! test -e go; do sleep 0.01; done; echo two"));
    client.running();
    client.send(&ToWorker::Follow { on: true });
    let grew = |wanted: u64| {
        move |message: &FromWorker| match message {
            FromWorker::Grew { end } if *end >= wanted => Some(*end),
            _ => None,
        }
    };
    assert_eq!(client.wait_for(grew(4)), 4);
    assert_eq!(job.text(), "one\n");
    std::fs::write(job.folder.path().join("go"), "").unwrap();
    assert_eq!(client.wait_for(grew(8)), 8);
    assert_eq!(job.text(), "one\ntwo\n");
    assert_eq!(client.exited().output_end, 8);
}

pub(crate) fn a_full_terminal_can_be_typed_into_and_resized() {
    let mut job = Job::new();
    let script = "trap 'stty size' WINCH; echo ready; until read line; do :; done; echo \"got $line\"; tty; cat /dev/tty; exit 5";
    let mut client = job.start(&Config { output: OutputMode::Tty, ..job.shell(script) });
    job.lines(1);
    client.send(&ToWorker::Resize { columns: 100, rows: 30 });
    client.send(&ToWorker::Input { bytes: "hello\n".into() });
    client.send(&ToWorker::Input { bytes: "more\n\u{4}".into() });
    let exit = client.exited();
    let text = job.text();
    assert_eq!(exit.code, Some(5), "{text}");
    for expected in ["ready\r\n", "30 100\r\n", "got hello\r\n", "/dev/pts/", "more\r\n"] {
        assert!(text.contains(expected), "{text}");
    }
}

pub(crate) fn a_lot_of_output_just_before_the_end_is_kept() {
    for output in [OutputMode::Pty, OutputMode::Pipes, OutputMode::Tty] {
        let mut job = Job::new();
        let script = "head -c 3000000 /dev/zero | tr '\\0' x; printf end";
        let exit = job.run(&Config { output, ..job.shell(script) });
        assert_eq!(exit.output_end, 3_000_003, "{output:?}");
        assert!(job.output().ends_with(b"xend"), "{output:?}");
    }
}

pub(crate) fn a_reply_is_typed_once() {
    let mut job = Job::new();
    let script = "read one; echo got $one; read two; echo got $two; while ! test -e go; do sleep 0.01; done";
    let mut client = job.start(&Config { output: OutputMode::Tty, ..job.shell(script) });
    client.running();
    let deliver = |client: &mut Client, id: u64, text: &str| {
        client.send(&ToWorker::Deliver { id, bytes: format!("{text}\r").into_bytes().into() });
        client.wait_for(|message| match message {
            FromWorker::Delivered { id: delivered } => Some(*delivered == id),
            FromWorker::DeliveryRefused { .. } => Some(false),
            _ => None,
        })
    };
    assert!(deliver(&mut client, 7, "a"));
    assert!(deliver(&mut client, 7, "a"));
    // By another supervisor, after the first one has gone.
    drop(client);
    let mut client = job.connect();
    assert_eq!(client.hello().terminal, Some((80, 24)));
    assert!(deliver(&mut client, 7, "a"));
    assert!(deliver(&mut client, 9, "b"));
    eventually("both replies", || job.text().contains("got b").then_some(()));
    assert_eq!(job.text().matches("got a").count(), 1);
    std::fs::write(job.folder.path().join("go"), "").unwrap();
    assert_eq!(client.exited().code, Some(0));
    assert!(!deliver(&mut client, 11, "c"), "nobody is there to read it");

    let mut job = Job::new();
    let mut client = job.start(&job.shell("sleep 3600"));
    client.running();
    assert!(!deliver(&mut client, 1, "a"), "it has no terminal to type into");
    client.send(&ToWorker::Kill);
    client.exited();
}
