//! How a screen is drawn: with or without colour, and how wide. Colour carries state only; every screen reads
//! without it.

/// Colour and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether colours are written.
    pub(crate) color: bool,
    /// How many columns the terminal has; `None` where there is none, and nothing is cut off.
    pub(crate) width: Option<usize>,
}

/// What a piece of text is painted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// As it is.
    Plain,
    /// A heading.
    Bold,
    /// Beside the point.
    Dim,
    /// It failed.
    Red,
    /// It is done.
    Green,
    /// It needs you.
    Yellow,
    /// It works.
    Cyan,
    /// Nobody can tell.
    Magenta,
}

impl Style {
    /// No colour, no width: as for a file.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { color: false, width: None };

    /// The text, painted.
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            _ if !self.color || text.is_empty() => return text.into(),
            Paint::Plain => return text.into(),
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Red => "31",
            Paint::Green => "32",
            Paint::Yellow => "33",
            Paint::Cyan => "36",
            Paint::Magenta => "35",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The paint of a state.
pub(crate) fn of_state(state: &str) -> Paint {
    match state {
        "blocked" => Paint::Yellow,
        "working" => Paint::Cyan,
        "done" => Paint::Green,
        "failed" => Paint::Red,
        "unknown" => Paint::Magenta,
        "queued" | "stopped" => Paint::Dim,
        _ => Paint::Plain,
    }
}

/// The mark of a state.
pub(crate) fn mark(state: &str) -> &'static str {
    match state {
        "blocked" => "●",
        "working" => "◐",
        "queued" => "○",
        "done" => "✓",
        "failed" => "✗",
        "stopped" => "■",
        "unknown" => "?",
        _ => "·",
    }
}
