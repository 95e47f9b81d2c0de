//! Tests of Tab completion in real shells, and of the output that the completion scripts receive.

mod fixture;
mod records;
mod session;
mod shells;
