//! Timeouts for checks of a store.

use std::pin::pin;
use std::thread;
use std::time::Duration;

use futures_util::future::{Either, select};

/// Returns the future's output, or `None` if it takes longer than `limit`.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), pin!(timer(limit))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(((), _)) => None,
    }
}

/// Ends after `limit`. Uses a thread, because the runtime may have no timers.
async fn timer(limit: Duration) {
    let (done, wait) = futures_util::future::abortable(futures_util::future::pending::<()>());
    thread::spawn(move || {
        thread::sleep(limit);
        wait.abort();
    });
    // The result is always `Aborted`, because only the thread can end the future.
    let _ = done.await;
}
