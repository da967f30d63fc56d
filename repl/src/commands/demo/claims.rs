//! What the story claims, checked; and the table in which it says so.

/// Claims, and whether each is true.
#[derive(Debug, Default)]
pub(super) struct Claims(Vec<(String, bool)>);

impl Claims {
    /// Notes whether a claim is true.
    pub(super) fn check(&mut self, claim: &str, is_true: bool) {
        self.0.push((claim.to_owned(), is_true));
    }

    /// How many were checked.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Those that are not true.
    pub(super) fn untrue(&self) -> Vec<&str> {
        self.0.iter().filter(|(_, is_true)| !is_true).map(|(claim, _)| claim.as_str()).collect()
    }
}

/// The heading of the table of jobs.
pub(super) fn heading() -> String {
    line("job", "exit", "output", "while nobody watched")
}

/// One job of it.
pub(super) fn line(job: &str, exit: &str, output: &str, unwatched: &str) -> String {
    format!("{job:16}{exit:9}{output:27}{unwatched}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_untrue_claim_is_told() {
        let mut claims = Claims::default();
        claims.check("water is wet", true);
        claims.check("pigs fly", false);
        assert_eq!((claims.count(), claims.untrue()), (2, vec!["pigs fly"]));
    }
}
