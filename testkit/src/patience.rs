//! A bound on waiting, for checks of promises that a broken store may never keep.

use std::pin::pin;
use std::thread;
use std::time::Duration;

use futures_util::future::{Either, select};

/// Long enough that no working store is taken for a stuck one on a busy machine; the port promises half a second.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// The future's output, or `None` where it took longer than [`PATIENCE`].
pub(crate) async fn within_patience<T>(future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), pin!(timer())).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(((), _)) => None,
    }
}

/// Ends after [`PATIENCE`]; a thread of its own, because which runtime drives the check is the fixture's affair.
async fn timer() {
    let (done, wait) = futures_util::future::abortable(futures_util::future::pending::<()>());
    thread::spawn(move || {
        thread::sleep(PATIENCE);
        wait.abort();
    });
    // It can only have been aborted.
    let _ = done.await;
}
