use super::decide::{Answers, Question};
use crate::expression::{Scope, holds, transition_holds};

/// Answers from the values that an execution knows.
pub(super) struct ScopeAnswers<'s>(pub(super) &'s Scope);

impl Answers for ScopeAnswers<'_> {
    fn holds(&self, question: Question<'_>) -> Result<bool, String> {
        let scope = self.0;
        let answer = match question {
            Question::Phase(phase) => phase.condition.as_ref().map(|condition| holds(&condition.value, scope)),
            Question::Step(step) => step.condition.as_ref().map(|condition| holds(&condition.value, scope)),
            Question::Transition { transition, is_checkpoint_passed } => {
                let from = &transition.from.value;
                let condition = transition.condition.as_ref();
                condition.map(|condition| transition_holds(&condition.value, from, is_checkpoint_passed, scope))
            }
            Question::Returned { phase, name } => Some(Ok(scope.has_returned(phase, name))),
        };
        answer.unwrap_or(Ok(true)).map_err(|error| error.to_string())
    }
}
