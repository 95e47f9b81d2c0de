//! A bound on waiting, for checks of promises that a broken store may never keep.

use std::pin::pin;
use std::thread;
use std::time::Duration;

use futures_util::future::{Either, select};

/// The future's output, or `None` if it takes longer than `limit`.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), pin!(timer(limit))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(((), _)) => None,
    }
}

/// Ends after `limit`, on a thread of its own: the runtime is the fixture's choice.
async fn timer(limit: Duration) {
    let (done, wait) = futures_util::future::abortable(futures_util::future::pending::<()>());
    thread::spawn(move || {
        thread::sleep(limit);
        wait.abort();
    });
    // It can only have been aborted.
    let _ = done.await;
}
