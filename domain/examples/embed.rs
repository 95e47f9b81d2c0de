//! The queue inside another program: no store, no loop, no runtime. The program keeps the value, tells it the time, and
//! does the work by itself.
//!
//! `cargo run -p autoproc-domain --example embed`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use autoproc_domain::command::{Enqueue, ExchangeRequest, NewItem, Settlement};
use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::AttemptOutcome;
use autoproc_domain::queue::{Transaction, decide};
use autoproc_domain::{FilePath, FileQueue, Priority, RetryPolicy, RunId, Timestamp};

fn main() -> Result<(), Box<dyn Error>> {
    let mut queue = FileQueue::new();
    let mut now = Timestamp::from_micros(0);

    // Deciding changes nothing: the events could be written down, sent, or thrown away before they are applied.
    let batch = [("/in/report.pdf", 0), ("/in/urgent.pdf", 5)].map(|(path, rank)| {
        Ok::<_, Box<dyn Error>>(NewItem { file_path: FilePath::new(path)?, priority: Priority::new(rank) })
    });
    let command = Enqueue(batch.into_iter().collect::<Result<_, _>>()?).into();
    for event in decide(&queue, &command, now)? {
        queue.apply(&event);
    }

    let policy = RetryPolicy::default();
    let run = RunId::new("embedded");
    let mut settlements = Vec::new();
    loop {
        // Where nothing stands between the two, `perform` decides and applies at once. One exchange settles and claims.
        let request = ExchangeRequest { run: run.clone(), settlements: std::mem::take(&mut settlements), limit: 1 };
        let exchanged = request.perform(&mut queue, now)?.reply;
        for (token, item) in exchanged.claims {
            let outcome = work(item.attempts);
            println!("{:>4} s  {}  attempt {}: {outcome}", seconds(now), item.file_path, item.attempts);
            let attempt = AttemptNumber::new(item.attempts).ok_or("a claimed item has an attempt")?;
            settlements.push(Settlement { token, verdict: policy.judge(&outcome, attempt) });
        }
        match exchanged.next_due {
            _ if !settlements.is_empty() => now = now.saturating_add(Duration::from_secs(1)),
            Some(due) => now = due,
            None => break,
        }
    }
    println!("completed: {}, failed: {}", queue.counts().completed, queue.failed().count());
    Ok(())
}

/// Every file fails twice here, so that the backoff can be seen.
fn work(attempt: u32) -> AttemptOutcome {
    if attempt < 3 { AttemptOutcome::Exited { code: 1 } } else { AttemptOutcome::Succeeded }
}

fn seconds(now: Timestamp) -> i64 {
    now.as_micros() / 1_000_000
}
