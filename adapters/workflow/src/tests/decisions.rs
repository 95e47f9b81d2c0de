//! Tests the state machine of executions with random workflows and failures.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use crate::definition::{
    Action, AfterFailure, Checkpoint, Located, OnFail, Phase, Position, ROLLBACK, Rerun, Resume, Step, StepOutput,
    Transition, Workflow,
};
use crate::execution::{
    Answers, AttemptIds, Decision, Event, EventKind, ExecutionState, Failure, Plan, Question, StepName, StepRecord,
    StepStatus, Subject, Values, decide,
};
use autoproc_domain::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Shape {
    steps: Vec<(bool, bool)>,
    has_condition: bool,
    checkpoint: Option<bool>,
    blocking: bool,
    on_fail: OnFail,
    /// The length of each transition in phases, and whether the transition has a condition.
    transitions: Vec<(usize, bool)>,
}

fn shapes() -> impl Strategy<Value = Shape> {
    let on_fail = prop_oneof![4 => Just(OnFail::Fail), 1 => Just(OnFail::Continue), 1 => Just(OnFail::Skip)];
    let checkpoint = prop_oneof![2 => Just(None), 1 => any::<bool>().prop_map(Some)];
    let steps = vec((any::<bool>(), prop::bool::weighted(0.2)), 0..4);
    let transitions = vec((1..3_usize, any::<bool>()), 0..3);
    (steps, any::<bool>(), checkpoint, prop::bool::weighted(0.8), on_fail, transitions).prop_map(
        |(steps, has_condition, checkpoint, blocking, on_fail, transitions)| Shape {
            steps,
            has_condition,
            checkpoint,
            blocking,
            on_fail,
            transitions,
        },
    )
}

fn at<T>(value: T) -> Located<T> {
    Located::new(value, Position::START)
}

fn step(phase: usize, index: usize, has_condition: bool, is_always: bool) -> Step {
    Step {
        id: format!("s{phase}_{index}"),
        has_own_id: true,
        name: None,
        description: None,
        condition: has_condition.then(|| at("x".to_owned())),
        action: Action::Run(vec![at("true".to_owned())]),
        inputs: Vec::new(),
        params: Vec::new(),
        timeout: None,
        retries: 0,
        env: Vec::new(),
        workdir: None,
        output: StepOutput::File,
        rerun: if is_always { Rerun::Always } else { Rerun::Never },
        position: Position::START,
    }
}

fn phase(index: usize, shape: &Shape) -> Phase {
    let id = format!("p{index}");
    let steps = shape.steps.iter().enumerate();
    Phase {
        name: None,
        description: None,
        condition: shape.has_condition.then(|| at("x".to_owned())),
        steps: steps.map(|(number, (condition, always))| step(index, number, *condition, *always)).collect(),
        blocking: shape.blocking,
        on_fail: shape.on_fail.clone(),
        checkpoint: shape.checkpoint.map(|blocking| Checkpoint {
            id: id.clone(),
            blocking,
            validation: vec![at("good".to_owned())],
            position: Position::START,
        }),
        position: Position::START,
        id,
    }
}

fn workflow(shapes: &[Shape]) -> Workflow {
    let mut transitions = Vec::new();
    for (index, shape) in shapes.iter().enumerate() {
        for (further, has_condition) in shape.transitions.iter().filter(|(further, _)| index + further < shapes.len()) {
            transitions.push(Transition {
                from: at(format!("p{index}")),
                to: at(format!("p{}", index + further)),
                condition: has_condition.then(|| at("x".to_owned())),
                position: Position::START,
            });
        }
    }
    Workflow {
        id: "w".to_owned(),
        name: None,
        description: None,
        version: None,
        orchestrator: None,
        inputs: Vec::new(),
        phases: shapes.iter().enumerate().map(|(index, shape)| phase(index, shape)).collect(),
        transitions,
        outputs: Vec::new(),
        activation: None,
        rollback: None,
        on_error: None,
        resume: Resume::default(),
        position: Position::START,
    }
}

/// Derives the results of conditions and steps from a seed.
struct World {
    seed: u64,
    /// The share of false conditions and failing steps, in eighths.
    negatives: u64,
}

impl World {
    fn draws(&self, of: &str) -> bool {
        let mut hash = self.seed ^ 0xcbf2_9ce4_8422_2325;
        for byte in of.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        (hash >> 33) % 8 < self.negatives
    }
}

impl Answers for World {
    fn holds(&self, question: Question<'_>) -> Result<bool, String> {
        let about = match question {
            Question::Phase(phase) => format!("phase {}", phase.id),
            Question::Step(step) => format!("step {}", step.id),
            Question::Transition { transition, .. } => format!("to {}{}", transition.from.value, transition.to.value),
            Question::Returned { phase, name } => format!("returned {phase} {name}"),
            Question::HasValue { phase, name } => format!("value {phase} {name}"),
        };
        Ok(!self.draws(&about))
    }
}

struct History {
    state: ExecutionState,
    events: Vec<Event>,
    ran: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Completed,
    Failed,
}

fn event(kind: EventKind) -> Event {
    Event { at: Timestamp::from_micros(0), kind }
}

fn attempt_ids(attempt: u32) -> AttemptIds {
    AttemptIds { run_id: "r".to_owned(), claim: u64::from(attempt), round: 1, attempt }
}

fn begin(plan: &Plan) -> History {
    let subject = Subject {
        version: "1.0.0".to_owned(),
        workflow_id: "w".to_owned(),
        workflow_hash: "h".to_owned(),
        item_id: 1,
        file_path: "/f".to_owned(),
        file_path_bytes: None,
        inputs: Values::new(),
    };
    let begun = event(EventKind::WorkflowStarted {
        subject: Box::new(subject),
        attempt_ids: attempt_ids(1),
        steps_total: plan.steps_total(),
        abandoned: None,
        first: plan.workflow().phases.first().map(|phase| phase.id.clone()),
    });
    History { state: ExecutionState::begin(&begun).unwrap(), events: vec![begun], ran: Vec::new() }
}

impl History {
    fn record(&mut self, kind: EventKind) {
        let event = event(kind);
        self.state.apply(&event);
        self.events.push(event);
    }

    fn run_attempt(&mut self, plan: &Plan, world: &World) -> End {
        let in_rollback = plan.rollback().map_or(0, |rollback| rollback.steps.len());
        let bound = 3 * plan.steps_total() + 4 * plan.workflow().phases.len() + in_rollback + 2;
        for _ in 0..=bound {
            match decide(plan, &self.state, world) {
                Decision::Record(kind) => {
                    let fails = matches!(
                        kind,
                        EventKind::CheckpointFailed { blocking: true, then: AfterFailure::Fail, .. }
                            | EventKind::TransitionFailed { .. }
                    );
                    self.record(kind);
                    if fails {
                        return self.fail();
                    }
                }
                Decision::Run { phase, step } => {
                    self.ran.push(step.id.clone());
                    if self.run(phase, step, world) == AfterFailure::Fail {
                        return self.fail();
                    }
                }
                Decision::Stuck { place, error } => panic!("{place}: {error}"),
                Decision::RolledBack(_) => return self.fail(),
                Decision::Finish => {
                    self.record(EventKind::WorkflowCompleted { outputs: Vec::new() });
                    return End::Completed;
                }
            }
        }
        panic!("no end after {bound} decisions");
    }

    fn run(&mut self, phase: &Phase, step: &Step, world: &World) -> AfterFailure {
        let name = StepName { phase: phase.id.clone(), step: step.id.clone() };
        self.record(EventKind::StepStarted { name: name.clone() });
        let elapsed = Duration::from_millis(1);
        if !world.draws(&format!("fails {}", step.id)) {
            let values = [("good".to_owned(), true.into())].into_iter().collect();
            self.record(EventKind::StepCompleted { name, elapsed, values, stdout: None });
            return AfterFailure::NextStep;
        }
        let then = phase.after_failed_step();
        self.record(EventKind::StepFailed { name, elapsed, error: "it did".to_owned(), then });
        then
    }

    fn fail(&mut self) -> End {
        self.record(EventKind::WorkflowFailed { error: "it did".to_owned(), file: None });
        End::Failed
    }

    fn resume(&mut self, plan: &Plan) -> Vec<StepName> {
        let rerun = plan.to_rerun(&self.state);
        self.record(EventKind::WorkflowResumed { attempt_ids: attempt_ids(2), rerun: rerun.clone() });
        rerun
    }
}

fn times(ran: &[String]) -> BTreeMap<&str, usize> {
    ran.iter().fold(BTreeMap::new(), |mut times, step| {
        *times.entry(step.as_str()).or_default() += 1;
        times
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_execution_ends_and_every_step_runs_once_at_most(shapes in vec(shapes(), 0..7), seed: u64, negatives in 0..5_u64) {
        let plan = Plan::new(workflow(&shapes));
        let mut history = begin(&plan);
        let end = history.run_attempt(&plan, &World { seed, negatives });
        prop_assert!(times(&history.ran).values().all(|count| *count == 1), "{:?}", history.ran);
        prop_assert!(history.state.steps_over <= history.state.steps_total);
        // Transitions lead forward, so steps run in the order of the file.
        let mut sorted = history.ran.clone();
        sorted.sort();
        prop_assert_eq!(&sorted, &history.ran);
        let skipped: BTreeSet<_> = history.state.history.iter()
            .filter(|record| record.status == StepStatus::Skipped).map(|record| record.name.step.clone()).collect();
        prop_assert!(history.ran.iter().all(|step| !skipped.contains(step)));
        if end == End::Completed && negatives == 0 {
            prop_assert!(skipped.is_empty());
        }
    }

    #[test]
    fn the_journal_restores_the_state(shapes in vec(shapes(), 0..5), seed: u64, negatives in 0..5_u64) {
        let plan = Plan::new(workflow(&shapes));
        let mut history = begin(&plan);
        history.run_attempt(&plan, &World { seed, negatives });
        history.resume(&plan);
        let read = |event: &Event| serde_json::from_slice::<Event>(&serde_json::to_vec(event).unwrap()).unwrap();
        let events: Vec<_> = history.events.iter().map(read).collect();
        prop_assert_eq!(&events, &history.events);
        let mut state = ExecutionState::begin(&events[0]).unwrap();
        events[1..].iter().for_each(|event| state.apply(event));
        prop_assert_eq!(state, history.state);
    }

    #[test]
    fn a_failed_execution_resumes_and_completes(shapes in vec(shapes(), 1..7), seed: u64, negatives in 1..5_u64) {
        let plan = Plan::new(workflow(&shapes));
        let mut history = begin(&plan);
        if history.run_attempt(&plan, &World { seed, negatives }) == End::Completed {
            return Ok(());
        }
        let finished: BTreeSet<_> = history.state.step_outputs.iter().map(|(name, _)| name.step.clone()).collect();
        let rerun: BTreeSet<_> = history.resume(&plan).into_iter().map(|name| name.step).collect();
        let is_always = |step: &&Step| step.rerun == Rerun::Always && finished.contains(&step.id);
        let steps = plan.workflow().phases.iter().flat_map(|phase| &phase.steps);
        let always: BTreeSet<_> = steps.filter(is_always).map(|step| step.id.clone()).collect();
        prop_assert_eq!(&rerun, &always);
        let failed = history.events.iter().rev().find_map(|event| match &event.kind {
            EventKind::StepFailed { name, then: AfterFailure::Fail, .. } => Some(name.step.clone()),
            _ => None,
        });
        history.ran.clear();
        prop_assert_eq!(history.run_attempt(&plan, &World { seed, negatives: 0 }), End::Completed);
        let again: BTreeSet<_> = history.ran.iter().filter(|step| finished.contains(*step)).cloned().collect();
        prop_assert_eq!(again, rerun);
        prop_assert!(failed.is_none_or(|step| history.ran.contains(&step)), "{:?}", history.ran);
        prop_assert!(times(&history.ran).values().all(|count| *count == 1), "{:?}", history.ran);
    }
}

fn rollback(conditions: &[bool]) -> Phase {
    let steps = conditions.iter().enumerate();
    let steps = steps.map(|(number, has_condition)| step(99, number, *has_condition, true)).collect();
    Phase::aside(ROLLBACK, steps, Position::START)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn only_the_rollback_runs_once_it_has_begun(
        shapes in vec(shapes(), 1..5),
        conditions in vec(any::<bool>(), 0..4),
        seeds in vec(any::<u64>(), 2..6),
        negatives in 1..5_u64,
    ) {
        let plan = Plan::new(Workflow { rollback: Some(rollback(&conditions)), ..workflow(&shapes) });
        let mut history = begin(&plan);
        for seed in &seeds[..2] {
            if history.run_attempt(&plan, &World { seed: *seed, negatives }) == End::Completed {
                return Ok(());
            }
            history.resume(&plan);
        }
        let failure = Failure::of("p0", "it did".to_owned());
        history.record(EventKind::RollbackStarted { failure });
        let (begun, ended) = (history.ran.len(), history.state.history.len());
        for seed in seeds {
            prop_assert_eq!(history.run_attempt(&plan, &World { seed, negatives }), End::Failed);
            prop_assert_eq!(history.resume(&plan), vec![]);
        }
        prop_assert_eq!(history.run_attempt(&plan, &World { seed: 0, negatives: 0 }), End::Failed);
        let is_of_rollback = |step: &String| step.starts_with("s99_");
        prop_assert!(history.ran[begun..].iter().all(is_of_rollback), "{:?}", history.ran);
        let is_over = |record: &&StepRecord| record.status != StepStatus::Failed;
        let over: Vec<_> = history.state.history[ended..].iter().filter(is_over).map(|record| &record.name.step).collect();
        let steps: Vec<_> = (0..conditions.len()).map(|number| format!("s99_{number}")).collect();
        prop_assert_eq!(over, steps.iter().collect::<Vec<_>>());
        prop_assert!(history.state.is_over());
        let ran = history.ran.len();
        prop_assert_eq!(history.resume(&plan), vec![]);
        prop_assert_eq!(history.run_attempt(&plan, &World { seed: 0, negatives: 0 }), End::Failed);
        prop_assert_eq!(history.ran.len(), ran);
    }
}

fn always_again(plan: &Plan, events: &[Event]) -> Vec<String> {
    let mut finished = HashSet::new();
    for event in events {
        match &event.kind {
            EventKind::StepCompleted { name, .. } => {
                finished.insert(name.clone());
            }
            EventKind::CheckpointFailed { phase, blocking: true, then: AfterFailure::Fail, .. }
            | EventKind::TransitionFailed { phase, .. } => finished.retain(|name| name.phase != *phase),
            _ => {}
        }
    }
    let steps = plan.workflow().phases.iter().flat_map(|phase| phase.steps.iter().map(|step| (&phase.id, step)));
    let is_again = |(phase, step): &(&String, &Step)| {
        let name = StepName { phase: (*phase).clone(), step: step.id.clone() };
        step.rerun == Rerun::Always && finished.contains(&name)
    };
    steps.filter(is_again).map(|(_, step)| step.id.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn each_attempt_begins_with_the_steps_that_always_rerun(
        shapes in vec(shapes(), 1..7),
        seeds in vec(any::<u64>(), 1..6),
        negatives in 1..4_u64,
    ) {
        let plan = Plan::new(workflow(&shapes));
        let mut history = begin(&plan);
        let worlds = seeds.iter().map(|seed| World { seed: *seed, negatives }).chain([World { seed: 0, negatives: 0 }]);
        let mut end = End::Failed;
        for world in worlds {
            if history.events.len() > 1 {
                let expected = always_again(&plan, &history.events);
                let rerun: Vec<_> = history.resume(&plan).into_iter().map(|name| name.step).collect();
                prop_assert_eq!(&rerun, &expected);
            }
            let rerun: Vec<_> = history.state.rerun.iter().map(|name| name.step.clone()).collect();
            history.ran.clear();
            end = history.run_attempt(&plan, &world);
            let begun = rerun.len().min(history.ran.len());
            prop_assert_eq!(&history.ran[..begun], &rerun[..begun]);
            if end == End::Completed {
                prop_assert!(history.ran.len() >= rerun.len());
                break;
            }
        }
        prop_assert_eq!(end, End::Completed);
    }
}

/// The check of workflow files rejects this cycle. An unchecked execution must stop too.
#[test]
fn an_execution_stops_at_a_cycle_of_transitions() {
    let shape = Shape {
        steps: vec![(false, false)],
        has_condition: false,
        checkpoint: None,
        blocking: true,
        on_fail: OnFail::Fail,
        transitions: Vec::new(),
    };
    let mut cycle = workflow(&[shape.clone(), shape]);
    cycle.transitions.push(Transition {
        from: at("p1".to_owned()),
        to: at("p0".to_owned()),
        condition: None,
        position: Position::START,
    });
    let plan = Plan::new(cycle);
    let mut history = begin(&plan);
    let world = World { seed: 0, negatives: 0 };
    let place = loop {
        match decide(&plan, &history.state, &world) {
            Decision::Record(kind) => history.record(kind),
            Decision::Run { phase, step } => {
                history.run(phase, step, &world);
            }
            Decision::Stuck { place, .. } => break place,
            Decision::Finish | Decision::RolledBack(_) => panic!("it has no end"),
        }
    };
    assert_eq!(place, "p0");
}
