//! The log of what executions do, for people and other programs. The journal of an execution holds
//! the truth.

use std::path::PathBuf;

use autoproc_system::{JsonLines, OnWarning};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::{Value, json};

use super::event::Event;
use super::state::ExecutionState;

/// Appends a line for every event of every execution.
pub(crate) struct EventLog(JsonLines);

impl EventLog {
    pub(crate) fn new(path: PathBuf, on_warning: OnWarning) -> Self {
        Self(JsonLines::new(path, on_warning))
    }

    /// Appends an event; `state` is the state after it.
    pub(crate) fn append(&self, state: &ExecutionState, event: &Event) {
        self.0.append(&Line { state, event });
    }
}

struct Line<'l> {
    state: &'l ExecutionState,
    event: &'l Event,
}

/// The event, with the execution it belongs to. Values that a step returned or printed may be long
/// and secret, so the log has their names only.
impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serde_json::to_value(self.event).map_err(S::Error::custom)?;
        if let Value::Object(entries) = &mut document {
            entries.remove("stdout");
            entries.remove("inputs");
            if let Some(Value::Object(values)) = entries.remove("values") {
                entries.insert("returned".to_owned(), values.keys().cloned().collect());
            }
            entries.insert("run_id".to_owned(), json!(self.state.carrier.run_id));
            entries.insert("item_id".to_owned(), json!(self.state.subject.item_id));
            entries.insert("workflow_id".to_owned(), json!(self.state.subject.workflow_id));
        }
        document.serialize(serializer)
    }
}
