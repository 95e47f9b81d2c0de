//! Uses the queue as a plain value, without a store or a run loop.
//!
//! `cargo run -p autoproc-domain --example queue`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use autoproc_domain::ports::AttemptOutcome;
use autoproc_domain::{FilePath, FileQueue, Priority, RetryPolicy, Timestamp};

fn main() -> Result<(), Box<dyn Error>> {
    let mut now = Timestamp::from_micros(0);
    let mut queue = FileQueue::new();
    queue.add(&FilePath::new("/in/report.pdf")?, Priority::new(0), now);
    queue.add(&FilePath::new("/in/urgent.pdf")?, Priority::new(5), now);

    let policy = RetryPolicy::default();
    while !queue.is_empty() {
        let Some(item) = queue.pop(now) else {
            // No item is due: skip to the end of a backoff.
            now = queue.next_due(now).ok_or("every pending item is held")?;
            continue;
        };
        let outcome = work(item.attempts);
        println!("{:>2} s  {}  attempt {}: {outcome}", seconds(now), item.file_path, item.attempts);
        now = now.saturating_add(Duration::from_secs(1));
        queue.mark(&item.file_path, policy.judge(&outcome, item.attempt()), now)?;
    }
    println!("completed: {}, failed: {}", queue.counts().completed, queue.get_failed().len());
    Ok(())
}

fn work(attempt: u32) -> AttemptOutcome {
    if attempt < 3 { AttemptOutcome::Exited { code: 1 } } else { AttemptOutcome::Succeeded }
}

fn seconds(now: Timestamp) -> i64 {
    now.as_micros() / 1_000_000
}
