//! Waits longer before a retry after certain errors.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::item::AttemptNumber;
use autoproc_domain::retry::{BackoffRange, BackoffRules};
use autoproc_domain::signature::without_own_names;
use autoproc_domain::{FilePath, RetryPolicy};
use autoproc_time_text as time_text;
use regex_lite::{Regex, RegexBuilder};

/// Matches errors of overloaded servers. A number such as 503 matches only as a status.
const OVERLOAD: &str = r"overloaded|rate[ _-]?limit|too many requests|throttl|unavailable|(?:^|[:=(\[]|\b(?:http(?:/[0-9.]+)?|status|code|error|response|returned|received|got))[^\w\n./-]{0,3}(?:429|503|529)(?:[^\w./-]|\.?$|\.\s)";

/// The waits after an overload. Most limits on the rate of requests are stated per minute.
const OVERLOAD_RANGE: BackoffRange = BackoffRange { first: Duration::from_secs(30), longest: Duration::from_secs(600) };

const DEFAULT_NAME: &str = "overload";

const OPTION_NAME: &str = "--backoff-on";

/// The value that disables [`OVERLOAD`].
const NONE: &str = "none";

#[derive(Debug, Clone)]
pub(super) enum BackoffOn {
    /// Disables the default rule.
    None,
    Rule(Rule),
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    name: &'static str,
    pattern: Regex,
    range: BackoffRange,
    /// True if the rule can only lengthen the wait.
    is_minimum: bool,
}

impl FromStr for BackoffOn {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if word == NONE {
            return Ok(Self::None);
        }
        let parts = word.rsplit_once('=').and_then(|(pattern, range)| Some((pattern, range.split_once("..")?)));
        let Some((pattern, (first, longest))) = parts.filter(|(pattern, _)| !pattern.is_empty()) else {
            return Err(format!("expected PATTERN=TIME..TIME, as in 'overloaded=30s..10m', or `{NONE}`"));
        };
        let time = |word: &str| time_text::parse(word).map_err(|error| format!("{word:?}: {error}"));
        let range = BackoffRange { first: time(first)?, longest: time(longest)? };
        if range.first > range.longest {
            return Err(format!("the first time must not be longer than the second one: {first}..{longest}"));
        }
        Ok(Self::Rule(Rule { name: OPTION_NAME, pattern: pattern_of(pattern)?, range, is_minimum: false }))
    }
}

fn pattern_of(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).case_insensitive(true).multi_line(true).build();
    built.map_err(|error| format!("{pattern:?} is not a regular expression: {error}"))
}

/// The rules of a run, in the order in which they are tried.
#[derive(Debug)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    /// Returns the rules of the options, followed by the default rule. Leaves out the default rule
    /// if an option is `none`, or if the base backoff of the policy is 0.
    ///
    /// `limit` is the maximum wait of the rules of the options. The policy limits the default rule.
    pub(super) fn new(options: &[BackoffOn], policy: &RetryPolicy, limit: Option<Duration>) -> Arc<Self> {
        let limit = limit.unwrap_or(Duration::MAX);
        let rule =
            |option: &BackoffOn| if let BackoffOn::Rule(rule) = option { Some(rule.within(limit)) } else { None };
        let mut rules: Vec<_> = options.iter().filter_map(rule).collect();
        let is_disabled = options.iter().any(|option| matches!(option, BackoffOn::None));
        if !is_disabled && !policy.backoff_base.is_zero() {
            let of_pattern = |pattern| Rule { name: DEFAULT_NAME, pattern, range: OVERLOAD_RANGE, is_minimum: true };
            // Parsing cannot fail: the pattern is a constant, and a test parses it.
            rules.extend(pattern_of(OVERLOAD).ok().map(|pattern| of_pattern(pattern).within(policy.max_backoff)));
        }
        Arc::new(Self(rules))
    }

    pub(super) fn name_for(&self, error: &str, file: &FilePath) -> Option<&'static str> {
        self.rule_for(error, file).map(|rule| rule.name)
    }

    /// Ignores the file name in `error`: a video may be called `full-throttle.mp4`.
    fn rule_for(&self, error: &str, file: &FilePath) -> Option<&Rule> {
        let error = without_own_names(error, file);
        self.0.iter().find(|rule| rule.pattern.is_match(&error))
    }
}

impl Rule {
    fn within(&self, limit: Duration) -> Self {
        let BackoffRange { first, longest } = self.range;
        Self { range: BackoffRange { first: first.min(limit), longest: longest.min(limit) }, ..self.clone() }
    }
}

impl BackoffRules for Rules {
    fn wait(&self, error: &str, file: &FilePath, attempt: AttemptNumber, of_policy: Duration) -> Duration {
        match self.rule_for(error, file) {
            Some(rule) if rule.is_minimum => rule.range.wait(attempt).max(of_policy),
            Some(rule) => rule.range.wait(attempt),
            None => of_policy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(rules: &Rules, error: &str) -> [u64; 2] {
        let wait = |attempt| rules.wait(error, &file(), attempt, Duration::from_secs(7)).as_secs();
        [1, 10].map(|attempt| wait(AttemptNumber::new(attempt).expect("not 0")))
    }

    fn file() -> FilePath {
        FilePath::new("/films/full-throttle.mp4").expect("it is absolute")
    }

    fn rules(options: &[&str]) -> Arc<Rules> {
        let options: Vec<_> = options.iter().map(|option| option.parse().expect("a rule")).collect();
        Rules::new(&options, &RetryPolicy::default(), None)
    }

    #[test]
    fn errors_of_overloaded_servers_wait_longer() {
        let rules = rules(&[]);
        for error in [
            "exit status 22: curl: (22) The requested URL returned error: 503",
            "exit status 1: HTTP/1.1 503 Service Temporarily Unavailable",
            "exit status 1: requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: https://x/",
            "exit status 1: Error code: 529 - {'type': 'overloaded_error'}",
            "exit status 1: status=503",
            "exit status 1: server said no\nHTTP 429.\nmore",
            "exit status 1: grpc: UNAVAILABLE: try again",
            "exit status 1: openai.RateLimitError: Rate limit reached",
            "exit status 1: ThrottlingException",
        ] {
            assert_eq!(waits(&rules, error), [30, 600], "{error}");
        }
    }

    #[test]
    fn numbers_of_lines_and_in_names_are_no_overload() {
        let rules = rules(&[]);
        for error in [
            "exit status 1: no such page",
            "exit status 1: full-throttle.mp4: moov atom not found",
            "exit status 1: cannot read /films/full-throttle.mp4",
            "exit status 1: /scans/page 503.pdf: corrupt",
            "exit status 1: IMG_429.jpg: corrupt",
            "exit status 1:   File \"x.py\", line 503, in main",
            "exit status 1: processed 14290 of 15030 bytes",
            "exit status 1: error 5030",
        ] {
            assert_eq!(waits(&rules, error), [7, 7], "{error}");
        }
    }

    #[test]
    fn given_rules_come_first_and_none_disables_the_default() {
        let given = rules(&["model is not loaded=1m..2m", "x=y=0..0"]);
        assert_eq!(waits(&given, "exit status 1: Model is NOT loaded, 503 overloaded"), [60, 120]);
        assert_eq!(waits(&given, "exit status 1: x=y"), [0, 0]);
        assert_eq!(waits(&given, "exit status 1: overloaded"), [30, 600]);
        let disabled = rules(&["none", "busy=1..2"]);
        assert_eq!(waits(&disabled, "exit status 1: overloaded"), [7, 7]);
        assert_eq!(waits(&disabled, "exit status 1: busy"), [1, 2]);
    }

    #[test]
    fn the_default_rule_keeps_to_the_policy() {
        let waits = |backoff_base: u64, max_backoff: u64| {
            let (backoff_base, max_backoff) = (Duration::from_secs(backoff_base), Duration::from_secs(max_backoff));
            let policy = RetryPolicy { backoff_base, max_backoff, ..RetryPolicy::default() };
            let rules = Rules::new(&[], &policy, Some(max_backoff));
            [1, 2, 10].map(|attempt| {
                let attempt = AttemptNumber::new(attempt).expect("not 0");
                rules.wait("exit status 1: overloaded", &file(), attempt, policy.backoff(attempt)).as_secs()
            })
        };
        assert_eq!(waits(2, 60), [30, 60, 60]);
        assert_eq!(waits(2, 5), [5, 5, 5]);
        assert_eq!(waits(300, 3600), [300, 600, 3600]);
        assert_eq!(waits(0, 3600), [0, 0, 0]);
        // After many attempts, the policy waits longer than 10 min.
        assert_eq!(waits(2, 3600), [30, 60, 1024]);
        assert_eq!(waits(20, 900), [30, 60, 900]);
    }

    #[test]
    fn words_that_are_no_rules_are_refused() {
        let refused = |word: &str| word.parse::<BackoffOn>().expect_err(word);
        for word in ["", "busy", "busy=1m", "=1..2", "busy=1m.2m"] {
            assert!(refused(word).starts_with("expected PATTERN=TIME..TIME"), "{word}");
        }
        assert_eq!(refused("busy=2m..1m"), "the first time must not be longer than the second one: 2m..1m");
        assert!(refused("busy=1..x").starts_with("\"x\": "), "{}", refused("busy=1..x"));
        assert!(refused("(=1..2").starts_with("\"(\" is not a regular expression: "), "{}", refused("(=1..2"));
    }
}
