//! Reads the sizes of claimed files, for forecasts.

use std::iter;
use std::time::Duration;

use crate::run::Action;
use crate::run::config::{MIN_ADAPTED_TIMEOUT, TIMEOUT_FACTOR};
use crate::run::state::{Operation, RunState};
use crate::view::Claimed;

impl RunState {
    pub(super) fn on_claims(&mut self, claims: Vec<Claimed>) {
        if !self.config.uses_forecasts() || claims.is_empty() {
            return claims.into_iter().for_each(|claim| self.hand_over(claim, self.config.timeout));
        }
        let files = claims.iter().map(|(_, item)| item.file_path.clone()).collect();
        self.attempts.measuring = claims;
        self.begin(Operation::Measure, Action::Measure(files));
    }

    pub(super) fn on_measured(&mut self, sizes: Vec<Option<u64>>) {
        self.operation = None;
        // The time of `until` may have passed since the exchange.
        self.check_time();
        let claims = std::mem::take(&mut self.attempts.measuring);
        for (claim, size) in claims.into_iter().zip(sizes.into_iter().chain(iter::repeat(None))) {
            let longest = size.and_then(|size| self.forecast.longest(&claim.1.file_path, size));
            self.hand_over_in_time(claim, longest);
        }
    }

    /// `longest` is the upper end of the attempt's forecast.
    pub(super) fn timeout(&self, longest: Option<Duration>) -> Duration {
        let adapted = longest
            .filter(|_| self.config.adapts_timeout)
            .map(|longest| longest.saturating_mul(TIMEOUT_FACTOR).max(MIN_ADAPTED_TIMEOUT));
        adapted.map_or(self.config.timeout, |adapted| adapted.min(self.config.timeout))
    }
}
