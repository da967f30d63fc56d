//! What of a session's live output may reach a person's terminal: text, colours, movements, and those modes that are
//! set back in the end. What is not known here never passes.

use super::modes;
use super::sequence::{Csi, Piece, Splitter};

/// What becomes of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It passes.
    Pass,
    /// It does not.
    Drop,
    /// It does not, and the screen is drawn anew, for it changes more than can be set back.
    Redraw,
}

/// Whether a piece may pass. What makes the terminal answer does only where the answer reaches the session: not for a
/// client that only watches.
pub(crate) fn verdict(piece: Piece<'_>, watches: bool) -> Verdict {
    let if_answered = if watches { Verdict::Drop } else { Verdict::Pass };
    match piece {
        Piece::Text(_) | Piece::Control(0x07..=0x0f) => Verdict::Pass,
        Piece::Control(0x05) | Piece::Escape(b"Z") => if_answered,
        Piece::Escape(b"c") => Verdict::Redraw,
        Piece::Escape(b"7" | b"8" | b"=" | b">" | b"D" | b"E" | b"M" | [b'(' | b')', b'0' | b'A' | b'B']) => {
            Verdict::Pass
        }
        Piece::Control(_) | Piece::Escape(_) => Verdict::Drop,
        Piece::Csi(csi) => csi_verdict(csi, watches, if_answered),
    }
}

fn csi_verdict(csi: Csi<'_>, watches: bool, if_answered: Verdict) -> Verdict {
    match (csi.prefix(), csi.intermediate(), csi.end()) {
        // What erases the lines that scrolled away erases those of the person's shell.
        (None, None, b'J') if csi.numbers().any(|number| number == 3) => Verdict::Drop,
        (
            None,
            None,
            b'@'..=b'M'
            | b'P'
            | b'S'
            | b'T'
            | b'X'
            | b'Z'
            | b'`'..=b'b'
            | b'd'..=b'f'
            | b'm'
            | b'r'
            | b's'
            | b'u',
        )
        | (Some(b'?'), None, b'J' | b'K')
        | (None, Some(b' '), b'q') => Verdict::Pass,
        (None, None, b'h' | b'l') if csi.parameters() == b"4" => Verdict::Pass,
        (Some(b'?'), None, b'h' | b'l') => private_verdict(csi, watches),
        // The keyboard's protocols have levels, of which the terminal is to have one.
        (Some(b'<'..=b'>'), None, b'u') | (Some(b'>'), None, b'm') | (None, Some(b'!'), b'p') => {
            Verdict::Redraw
        }
        // What the terminal is, how it does, where its cursor is, whether a mode is set, and its keyboard's level.
        (_, None, b'c')
        | (None | Some(b'?'), None, b'n')
        | (_, Some(b'$'), b'p')
        | (Some(b'>'), None, b'q')
        | (Some(b'?'), None, b'u') => if_answered,
        _ => Verdict::Drop,
    }
}

fn private_verdict(csi: Csi<'_>, watches: bool) -> Verdict {
    let is_switch = |number| matches!(number, 47 | 1047 | 1049);
    let passes = |number| modes::may_be_set(number) && !(watches && modes::reports(number));
    if csi.numbers().any(is_switch) {
        Verdict::Redraw
    } else if csi.numbers().all(passes) {
        Verdict::Pass
    } else if csi.numbers().any(passes) {
        // Some of several: they are set with the rest.
        Verdict::Redraw
    } else {
        Verdict::Drop
    }
}

/// Adds a piece's bytes.
pub(crate) fn push(out: &mut Vec<u8>, piece: Piece<'_>) {
    match piece {
        Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
        Piece::Control(byte) => out.push(byte),
        Piece::Escape(bytes) => {
            out.push(0x1b);
            out.extend_from_slice(bytes);
        }
        Piece::Csi(Csi(bytes)) => {
            out.extend_from_slice(b"\x1b[");
            out.extend_from_slice(bytes);
        }
    }
}

/// What of these bytes passes, for one who only watches.
pub(crate) fn filtered(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Splitter::new().feed(bytes, |piece| {
        if verdict(piece, true) == Verdict::Pass {
            push(&mut out, piece);
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdicts(bytes: &[u8], watches: bool) -> Vec<Verdict> {
        let mut found = Vec::new();
        Splitter::new().feed(bytes, |piece| found.push(verdict(piece, watches)));
        found
    }

    #[track_caller]
    fn assert_each(sequences: &[&str], watches: bool, expected: Verdict) {
        for sequence in sequences {
            assert_eq!(verdicts(sequence.as_bytes(), watches), [expected], "{sequence:?}");
        }
    }

    #[test]
    fn what_draws_passes() {
        let drawing = [
            "text ä 日本 🦀",
            "\r",
            "\n",
            "\t",
            "\x08",
            "\x07",
            "\x1b[31m",
            "\x1b[38;5;1m",
            "\x1b[4:3m",
            "\x1b[H",
            "\x1b[2J",
            "\x1b[K",
            "\x1b[12;40H",
            "\x1b[5A",
            "\x1b[3;20r",
            "\x1b[2L",
            "\x1b[?25l",
            "\x1b[?2004h",
            "\x1b[?1;7h",
            "\x1b[4h",
            "\x1b[5 q",
            "\x1b(0",
            "\x1b7",
            "\x1b8",
            "\x1b=",
            "\x1bM",
            "\x1b[?2026h",
            "\u{9b}31m",
        ];
        assert_each(&drawing, true, Verdict::Pass);
        assert_each(&drawing, false, Verdict::Pass);
        assert_each(&["\x1b[?1000h", "\x1b[?1006h", "\x1b[?1004h"], false, Verdict::Pass);
        assert_each(&["\x1b[?1000h", "\x1b[?1006h", "\x1b[?1004h"], true, Verdict::Drop);
    }

    #[test]
    fn what_cannot_be_set_back_does_not() {
        let harmful = [
            "\x1b[8;10;10t",
            "\x1b[21t",
            "\x1b[>1t",
            "\x1b[3J",
            "\x1b[5i",
            "\x1b[?5i",
            "\x1b[?3h",
            "\x1b[?2l",
            "\x1b[20h",
            "\x1b[2h",
            "\x1b[62\"p",
            "\x1b%@",
            "\x1b F",
            "\x1bH",
            "\x1b[3g",
            "\x1b[?1s",
            "\x1b[4y",
            "\x1b[1;1;2;2*y",
            "\x1b[?2;1;0S",
            "\x1b[#P",
            "\x1b#3",
            "\x1b[?9999h",
            "\x1bl",
            "\x11",
            "\x00",
            "\x1b(Z",
        ];
        assert_each(&harmful, false, Verdict::Drop);
        let switching = [
            "\x1b[?1049h",
            "\x1b[?47l",
            "\x1b[?1;1047h",
            "\x1bc",
            "\x1b[!p",
            "\x1b[>1u",
            "\x1b[<u",
            "\x1b[>4;2m",
        ];
        assert_each(&switching, false, Verdict::Redraw);
    }

    #[test]
    fn what_makes_the_terminal_answer_is_for_the_one_who_types() {
        let asking = [
            "\x1b[c",
            "\x1b[>c",
            "\x1b[=c",
            "\x1b[0c",
            "\x1b[6n",
            "\x1b[?6n",
            "\x1b[?2004$p",
            "\x1b[4$p",
            "\x1b[>q",
            "\x1b[?u",
            "\x05",
            "\x1bZ",
        ];
        assert_each(&asking, true, Verdict::Drop);
        assert_each(&asking, false, Verdict::Pass);
    }

    #[test]
    fn strings_never_pass() {
        let bytes =
            b"a\x1b]52;c;aGk=\x07b\x1b]8;;http://x\x1b\\c\x1bPq~\x1b\\d\x1b]2;never\xc2\x9ce\x1b]0;open";
        assert_eq!(filtered(bytes), b"abcde");
    }

    /// Bytes that are likely to be something to a terminal.
    fn soup() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            3 => any::<u8>().prop_map(|byte| vec![byte]),
            2 => Just(b"\x1b".to_vec()),
            2 => Just(b"\x1b[".to_vec()),
            1 => Just(b"\x1b]".to_vec()),
            1 => Just(b"\xc2\x9b".to_vec()),
            1 => Just(b"\xc2\x9d".to_vec()),
            1 => Just(b"\x1bP".to_vec()),
            1 => Just(b"\x1b\\".to_vec()),
            2 => "[0-9;?<=>!$ ]{1,8}".prop_map(String::into_bytes),
            2 => "[a-zA-Z@`]".prop_map(String::into_bytes),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_made_of_any_bytes(bytes in soup()) {
            let out = String::from_utf8(filtered(&bytes)).expect("it is text");
            prop_assert!(!out.chars().any(|c| c.is_control() && !c.is_ascii()));
            for escape in ["\x1b]", "\x1bP", "\x1b_", "\x1b^", "\x1bX", "\x1bk", "\x1bc"] {
                prop_assert!(!out.contains(escape), "{out:?}");
            }
            // What passed once passes again as it is.
            prop_assert_eq!(filtered(out.as_bytes()), out.as_bytes());
        }

        #[test]
        fn it_does_not_matter_where_bytes_are_cut(bytes in soup(), size in 1_usize..9) {
            let mut out = Vec::new();
            let mut splitter = Splitter::new();
            for bytes in bytes.chunks(size) {
                splitter.feed(bytes, |piece| if verdict(piece, true) == Verdict::Pass { push(&mut out, piece) });
            }
            prop_assert_eq!(out, filtered(&bytes));
        }
    }
}
