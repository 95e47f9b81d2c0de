//! What must hold when all is over.

mod attempts;
mod outcomes;
mod runs;

use super::world::World;

/// Everything there is to check in the end.
pub(super) fn check(world: &World) -> Result<(), String> {
    runs::check(world)?;
    attempts::check(world)?;
    outcomes::check(world)
}

/// An objection, unless it holds.
fn holds(is_so: bool, objection: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(objection()) }
}
