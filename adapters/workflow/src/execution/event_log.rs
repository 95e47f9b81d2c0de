//! Formats the lines of the event log.

use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::{Value, json};

use super::event::Event;
use super::state::ExecutionState;

/// A line of the event log. Values, inputs and outputs are omitted, because they may be secret.
pub(super) struct Line<'l> {
    pub(super) state: &'l ExecutionState,
    pub(super) event: &'l Event,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serde_json::to_value(self.event).map_err(S::Error::custom)?;
        if let Value::Object(entries) = &mut document {
            entries.remove("stdout");
            entries.remove("inputs");
            if let Some(Value::Object(values)) = entries.remove("values") {
                entries.insert("returned".to_owned(), values.keys().cloned().collect());
            }
            entries.insert("run_id".to_owned(), json!(self.state.attempt_ids.run_id));
            entries.insert("item_id".to_owned(), json!(self.state.subject.item_id));
            entries.insert("workflow_id".to_owned(), json!(self.state.subject.workflow_id));
        }
        document.serialize(serializer)
    }
}
