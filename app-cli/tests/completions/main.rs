//! Completion at a Tab: in real shells on a terminal, and by the records that their scripts get.

mod fixture;
mod records;
mod session;
mod shells;
