//! Attached to sessions, on real terminals: what is typed reaches them, what they draw is seen, and nothing stays behind.
