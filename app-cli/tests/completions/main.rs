//! Completion with the Tab key: in real shells on a terminal, and in the records that the
//! completion scripts receive.

mod fixture;
mod records;
mod session;
mod shells;
