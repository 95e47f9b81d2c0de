//! The attempts of one slot: a single one, or several short ones that the orchestrator carries out one after the other.

use std::collections::VecDeque;
use std::io;

use futures_util::stream::{BoxStream, StreamExt};

use crate::ports::{AttemptOf, OrchestratorError, SeriesNews};
use crate::processor::round::attempt::{Ended, judge};
use crate::processor::round::reserve::Reserved;
use crate::processor::{Ports, RunConfig};

/// A series under way, with the claims of it that are not over. The first of them has begun.
pub(super) struct Series<'a> {
    news: BoxStream<'a, SeriesNews>,
    claims: VecDeque<Reserved>,
}

/// What is heard of a series.
pub(super) enum Heard {
    /// An attempt is over.
    Over(Ended),
    /// These claims are as free as they were before the series.
    NotBegun(VecDeque<Reserved>),
    /// Sight was lost of an attempt.
    Lost(OrchestratorError),
}

impl<'a> Series<'a> {
    /// The attempts on these claims, as the orchestrator tells of them.
    pub(super) fn new(claims: Vec<Reserved>, news: BoxStream<'a, SeriesNews>) -> Self {
        Self { news, claims: claims.into() }
    }

    /// The attempt that is under way; `None` where none is any more.
    pub(super) fn current(&self) -> Option<AttemptOf> {
        self.claims.front().map(|claim| AttemptOf::latest(&claim.item))
    }

    /// Whether all of it was heard of.
    pub(super) fn is_over(&self) -> bool {
        self.claims.is_empty()
    }

    /// Waits for news. The series must not be over.
    pub(super) async fn hear(mut self, ports: &Ports, config: &RunConfig) -> (Heard, Self) {
        let news = self.news.next().await;
        if let Some(SeriesNews::NotBegun(count)) = news {
            let begun = self.claims.len().saturating_sub(count);
            let rest = self.claims.split_off(begun);
            return (Heard::NotBegun(rest), self);
        }
        let claim = self.claims.pop_front().expect("a series that is not over has a claim");
        let heard = match news {
            Some(SeriesNews::Over(Ok(report))) => Heard::Over(judge(ports, config, &claim, report).await),
            Some(SeriesNews::Over(Err(error))) => Heard::Lost(error),
            _ => Heard::Lost(OrchestratorError {
                file_path: claim.item.file_path,
                source: io::Error::other("nobody says how it ended"),
            }),
        };
        (heard, self)
    }
}
