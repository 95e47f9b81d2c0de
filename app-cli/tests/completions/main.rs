//! Completion at a Tab: in real shells on a terminal, and by the records that the completion
//! scripts receive.

mod fixture;
mod records;
mod session;
mod shells;
