//! Signatures of failures. Failures with one signature probably have one cause.
//!
//! # Theory of operation
//!
//! The first line of an error text states the outcome, such as `exit status 1`. The line may also
//! quote the output line that probably names the cause; see [`failure`]. A signature is this first
//! line without the parts that differ from file to file. Two steps remove these parts:
//!
//! 1. Placeholders replace the names of the failed file; see [`without_own_names`].
//! 2. Marks such as `{n}` replace numbers, times, identifiers, other paths and quoted data.
//!
//! Exit codes, signals and HTTP status codes stay: different codes have different causes. Names
//! from the program also stay, such as the name of a missing module. Quoted error messages stay
//! too, such as `msg="permission denied"`.
//!
//! A signature depends only on the error text and the path. It is the same on every machine and in
//! every run.

mod groups;
mod masks;
mod own_names;

use std::fmt;

use crate::failure;
use crate::path::FilePath;

pub use groups::{FailureGroup, FailureGroups};

/// The maximum length of the reason in a signature, in bytes. A longer reason is cut.
pub const MAX_REASON_BYTES: usize = 200;

const NO_REASON: &str = "no reason is recorded";

/// The version of the masking rules. Another version gives other ids.
const VERSION: &str = "v1\n";

/// Beginnings of the reasons of a failed phase.
const PHASE_REASONS: [&str; 5] = [
    "checkpoint ",
    "its steps did not return ",
    "no transition can be taken",
    "required outputs are missing",
    "rolled back",
];

/// Beginnings of reasons that usually quote a progress line.
const INTERRUPTIONS: [&str; 2] = ["timed out after ", "killed by signal "];

/// The identity of a signature, shown as eight hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignatureId(u32);

impl SignatureId {
    /// Parses eight hexadecimal digits, as `Display` writes them. Returns `None` for other text.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let is_hex = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u32::from_str_radix(text, 16).ok()).flatten().map(Self)
    }

    /// Returns the 64-bit FNV-1a hash of a reason, XOR-folded to 32 bits. FNV is stable; the
    /// standard library's hasher may change between releases. Two of 1,000 signatures collide with
    /// a probability of 1 in 8,600.
    ///
    /// Source of the constants and of the XOR-folding:
    /// <http://www.isthe.com/chongo/tech/comp/fnv/>.
    fn of(reason: &str) -> Self {
        const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let bytes = VERSION.bytes().chain(reason.bytes());
        let hash = bytes.fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
        let folded = (hash >> 32) ^ (hash & u64::from(u32::MAX));
        Self(u32::try_from(folded).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for SignatureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The outcome and the reason of a failure, without the parts that differ from file to file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    id: SignatureId,
    reason: Box<str>,
}

/// Returns the text with placeholders for the names of the file: `{}` for the path, `{/}` for the
/// name, `{/.}` for the name without its extension, and `{//}` for the folder. A name that may be
/// an ordinary word or number is replaced only after a slash, in quotes, or before an extension.
#[must_use]
pub fn without_own_names(text: &str, file: &FilePath) -> String {
    own_names::replaced(text, file)
}

impl Signature {
    /// Returns the signature of a failure, given its error text and its file. `error` is `None` if
    /// no error text is stored, for instance for a file of an older queue.
    #[must_use]
    pub fn of(error: Option<&str>, file: &FilePath) -> Self {
        let line = error.map(failure::first_line).unwrap_or_default().trim_start();
        let (step, rest) = line.split_at(step_length(line));
        let masked = masks::masked(&own_names::replaced(rest, file));
        let reason = shortened(step.to_owned() + without_progress(masked.trim_end()));
        let reason = if reason.is_empty() { NO_REASON.to_owned() } else { reason };
        Self { id: SignatureId::of(&reason), reason: reason.into() }
    }

    /// Returns the identity of the signature: a hash of the reason.
    #[must_use]
    pub fn id(&self) -> SignatureId {
        self.id
    }

    /// Returns the outcome and the reason, without the varying parts, as one line of at most
    /// [`MAX_REASON_BYTES`]. The line has no control characters, but may have other unprintable
    /// ones.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Returns the length of a prefix such as `read/count: `. The prefix stays unmasked.
fn step_length(line: &str) -> usize {
    let Some((name, reason)) = line.split_once(": ") else { return 0 };
    let is_name = name.chars().all(|c| c.is_alphanumeric() || "/_-.".contains(c));
    let is_step = name.split_once('/').is_some_and(|(phase, step)| !phase.is_empty() && !step.is_empty());
    let is_phase = || PHASE_REASONS.iter().any(|start| reason.starts_with(start));
    if is_name && (is_step || is_phase()) { line.len() - reason.len() } else { 0 }
}

/// Removes a quoted progress line. Each progress line would make another signature.
fn without_progress(reason: &str) -> &str {
    if !INTERRUPTIONS.iter().any(|outcome| reason.starts_with(outcome)) {
        return reason;
    }
    match reason.split_once(": ") {
        Some((outcome, line)) if !failure::reads_like_error(line) => outcome,
        _ => reason,
    }
}

fn shortened(mut reason: String) -> String {
    if reason.len() > MAX_REASON_BYTES {
        reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES - failure::ELLIPSIS.len()));
        reason.push_str(failure::ELLIPSIS);
    }
    reason
}
