//! Stores that are wrong on purpose, each in one way.

mod flaw;
mod store;
mod tampering;

pub(crate) use flaw::Flaw;
pub(crate) use store::{FlawedPlace, FlawedStore};
