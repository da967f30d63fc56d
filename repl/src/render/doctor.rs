//! What `doctor` found: a line for each check, and below it what mends it.

use serde::Serialize;

use super::style::{Paint, Style};
use super::text;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Health {
    /// As it should be.
    Ok,
    /// It works, and may not do so for long, or not as expected.
    Warning,
    /// Something does not work.
    Wrong,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: &'static str,
    /// How it is.
    pub(crate) status: Health,
    /// In one sentence.
    pub(crate) text: String,
    /// What to do about it; null where nothing need be done.
    pub(crate) mend: Option<String>,
}

impl Finding {
    /// All is well.
    pub(crate) fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, status: Health::Ok, text: text.into(), mend: None }
    }

    /// Something to know.
    pub(crate) fn warning(check: &'static str, text: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, status: Health::Warning, text: text.into(), mend: Some(mend.into()) }
    }

    /// Something to mend.
    pub(crate) fn wrong(check: &'static str, text: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, status: Health::Wrong, text: text.into(), mend: Some(mend.into()) }
    }
}

/// The findings in their order, and how many are not well.
pub(crate) fn screen(findings: &[Finding], style: Style) -> String {
    let width = findings.iter().map(|finding| text::width(finding.check)).max().unwrap_or(0);
    let indent = width + 4;
    let mut out = String::new();
    for finding in findings {
        let (mark, paint) = match finding.status {
            Health::Ok => ("✓", Paint::Green),
            Health::Warning => ("!", Paint::Yellow),
            Health::Wrong => ("✗", Paint::Red),
        };
        out.push_str(&format!("{} {:width$}  ", style.paint(paint, mark), finding.check));
        out.push_str(&wrapped(&text::shown(&finding.text), indent, style.width));
        if let Some(mend) = &finding.mend {
            out.push_str(&" ".repeat(indent));
            out.push_str(&wrapped(&format!("→ {}", text::shown(mend)), indent + 2, style.width));
        }
    }
    out + &last_line(findings)
}

fn last_line(findings: &[Finding]) -> String {
    let count = |health| findings.iter().filter(|finding| finding.status == health).count() as u64;
    match (count(Health::Wrong), count(Health::Warning)) {
        (0, 0) => "nothing is wrong\n".into(),
        (0, warnings) => format!("nothing is wrong, {}\n", text::count(warnings, "warning")),
        (1, 0) => "1 thing is wrong\n".into(),
        (wrong, 0) => format!("{wrong} things are wrong\n"),
        (1, warnings) => format!("1 thing is wrong, {}\n", text::count(warnings, "warning")),
        (wrong, warnings) => format!("{wrong} things are wrong, {}\n", text::count(warnings, "warning")),
    }
}

/// The text in lines that a terminal of this width holds, those after the first indented; ends with a line break.
fn wrapped(text: &str, indent: usize, width: Option<usize>) -> String {
    const COLUMNS_MIN: usize = 20;
    let columns = width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(COLUMNS_MIN));
    let mut out = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let wide = text::width(word);
        if used > 0 && used + 1 + wide > columns {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = 0;
        }
        if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += wide;
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_well_says_what_mends_it() {
        let findings = [
            Finding::ok("state", "/home/u/.local/state/decklog is yours alone"),
            Finding::warning("supervisor", "it is of version 0.0.9", "decklog daemon restart"),
            Finding::wrong("disk", "12.0 MiB are free in \u{1b}[2J/home", "free some space"),
        ];
        insta::assert_snapshot!(screen(&findings, Style::PLAIN), @"
        ✓ state       /home/u/.local/state/decklog is yours alone
        ! supervisor  it is of version 0.0.9
                      → decklog daemon restart
        ✗ disk        12.0 MiB are free in ␛[2J/home
                      → free some space
        1 thing is wrong, 1 warning
        ");
        insta::assert_snapshot!(screen(&findings[..1], Style { color: false, width: Some(40) }), @"
        ✓ state  /home/u/.local/state/decklog is
                 yours alone
        nothing is wrong
        ");
    }
}
