mod fixture;
mod flaw;
mod store;
mod tampering;

pub(crate) use fixture::FlawedFixture;
pub(crate) use flaw::Flaw;
pub(crate) use store::FlawedStore;
