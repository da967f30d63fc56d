//! What clients and the supervisor say to each other: requests, replies, frames; rows and events as the contract
//! writes them in JSON; where an instance keeps its things; how a TIME is read.
//!
//! Sans-IO: bytes and values in, bytes and values out. It must never open a file or a socket, nor read a clock or the
//! environment: those are handed in.

pub mod digest;
pub mod filter;
pub mod frame;
pub mod home;
pub mod message;
pub mod moment;
pub mod row;
