//! Requests and replies. Additive: a field is only ever added, with a default; an unknown one is ignored.
//!
//! One connection serves one request: the client sends [`Hello`] and a [`Request`], the supervisor answers with
//! frames until it closes; the last message is the verdict. Only who is attached goes on talking ([`FromAttached`]).

mod reply;
mod request;

pub use reply::*;
pub use request::*;
