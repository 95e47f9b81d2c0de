//! Tests of Tab completion in real shells.

mod fixture;
mod records;
mod session;
mod shells;
