//! Checks the transitions between phases.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::definition::{AfterFailure, Phase, ROLLBACK, Transition, Workflow};
use crate::nearest::nearest;
use crate::problem::Problems;

/// Maps the index of each phase in the file to its topological position.
pub(super) type Order = Vec<usize>;

/// For each phase in the file, the indices of the phases that may follow.
pub(crate) type Successors = Vec<Vec<usize>>;

/// A transition from a phase, and the index of the phase to which it leads; `None` for the rollback.
type Leaving<'w> = (Option<usize>, &'w Transition);

pub(super) fn check(workflow: &Workflow, problems: &mut Problems) -> Order {
    let successors = successors(workflow, problems);
    let order = order(&successors);
    if order.contains(&None) {
        report_cycle(workflow, &successors, &order, problems);
        return (0..workflow.phases.len()).collect();
    }
    report_unreachable(workflow, &successors, problems);
    order.into_iter().flatten().collect()
}

pub(crate) fn successors_of(workflow: &Workflow) -> Successors {
    successors(workflow, &mut Problems::default())
}

/// Returns the topological position of each phase. If the transitions form a cycle, returns the
/// positions in the file.
pub(crate) fn phase_order(workflow: &Workflow) -> Vec<usize> {
    check(workflow, &mut Problems::default())
}

fn successors(workflow: &Workflow, problems: &mut Problems) -> Successors {
    let index: HashMap<_, _> =
        workflow.phases.iter().enumerate().map(|(index, phase)| (phase.id.as_str(), index)).collect();
    let mut leaving: Vec<Vec<Leaving<'_>>> = vec![Vec::new(); workflow.phases.len()];
    check_rollback(workflow, problems);
    for transition in &workflow.transitions {
        if workflow.is_rollback(&transition.to.value) {
            if let Some(from) = index.get(transition.from.value.as_str()) {
                leaving[*from].push((None, transition));
            }
            continue;
        }
        let [from, to] = [&transition.from, &transition.to].map(|end| {
            let found = index.get(end.value.as_str()).copied();
            if found.is_none() {
                let problem = problems.error(end.position, format!("there is no phase `{}`", end.value));
                problem.meaning(nearest(&end.value, index.keys().copied()));
            }
            found
        });
        if let (Some(from), Some(_)) = (from, to) {
            leaving[from].push((to, transition));
        }
    }
    for (phase, leaving) in workflow.phases.iter().zip(&leaving) {
        report_never_taken(phase, leaving, problems);
    }
    let phases = workflow.phases.iter().enumerate();
    phases.map(|(index, phase)| targets(phase, index, &leaving[index], workflow.phases.len())).collect()
}

fn check_rollback(workflow: &Workflow, problems: &mut Problems) {
    if let Some(rollback) = &workflow.rollback
        && !workflow.is_rollback(ROLLBACK)
    {
        problems.error(rollback.position, "the workflow has a phase `rollback` and also the section `rollback`");
    }
    for transition in workflow.transitions.iter().filter(|transition| workflow.is_rollback(&transition.to.value)) {
        if !workflow.phases.iter().any(|phase| phase.id == transition.from.value) {
            problems.error(transition.from.position, format!("there is no phase `{}`", transition.from.value));
        }
        if workflow.rollback.is_none() {
            let message = "there is no section `rollback`: the file fails, and nothing is undone";
            problems.warning(transition.to.position, message);
        }
    }
}

fn is_unconditional((_, transition): &Leaving<'_>) -> bool {
    transition.condition.is_none()
}

fn report_never_taken(phase: &Phase, leaving: &[Leaving<'_>], problems: &mut Problems) {
    let unconditional = leaving.iter().position(is_unconditional);
    for (_, transition) in unconditional.into_iter().flat_map(|index| &leaving[index + 1..]) {
        let message = format!("never taken: an earlier transition from `{}` has no condition", phase.id);
        problems.warning(transition.position, message);
    }
}

fn targets(phase: &Phase, index: usize, leaving: &[Leaving<'_>], phases: usize) -> Vec<usize> {
    let mut targets: Vec<_> = leaving.iter().filter_map(|(to, _)| *to).collect();
    let has_unconditional = leaving.iter().any(is_unconditional);
    if index + 1 < phases && !has_unconditional && (targets.is_empty() || may_fall_through(phase)) {
        targets.push(index + 1);
    }
    targets
}

/// True if the execution may go on to the next phase in the file although no transition from
/// `phase` can be taken.
fn may_fall_through(phase: &Phase) -> bool {
    let missed = phase.checkpoint.as_ref().is_some_and(|checkpoint| !checkpoint.blocking || !phase.blocking);
    phase.condition.is_some() || missed || phase.after_failed_step() == AfterFailure::NextPhase
}

/// Sorts the phases by Kahn's algorithm. A phase on or after a cycle has no position.
fn order(successors: &Successors) -> Vec<Option<usize>> {
    let mut waiting_for = vec![0_usize; successors.len()];
    successors.iter().flatten().for_each(|to| waiting_for[*to] += 1);
    let mut ready: BinaryHeap<_> =
        (0..successors.len()).filter(|index| waiting_for[*index] == 0).map(Reverse).collect();
    let (mut order, mut next) = (vec![None; successors.len()], 0);
    while let Some(Reverse(index)) = ready.pop() {
        order[index] = Some(next);
        next += 1;
        for to in &successors[index] {
            waiting_for[*to] -= 1;
            if waiting_for[*to] == 0 {
                ready.push(Reverse(*to));
            }
        }
    }
    order
}

fn report_unreachable(workflow: &Workflow, successors: &Successors, problems: &mut Problems) {
    let mut reached = vec![false; successors.len()];
    let mut open: Vec<_> = (!successors.is_empty()).then_some(0).into_iter().collect();
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut reached[index], true) {
            open.extend(&successors[index]);
        }
    }
    for (phase, _) in workflow.phases.iter().zip(reached).filter(|(_, reached)| !reached) {
        problems.warning(phase.position, format!("no transition leads to the phase `{}`", phase.id));
    }
}

fn report_cycle(workflow: &Workflow, successors: &Successors, order: &[Option<usize>], problems: &mut Problems) {
    let cycle = find_cycle(successors, order);
    let ids: Vec<_> = cycle.iter().map(|index| workflow.phases[*index].id.as_str()).collect();
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return };
    let closing = workflow.transitions_from(last).find(|transition| transition.to.value == *first);
    let position = closing.map_or(workflow.position, |transition| transition.position);
    let message = format!("the transitions form a cycle: {} → {first}", ids.join(" → "));
    problems.error(position, message).expecting("transitions without a cycle");
}

/// Finds a cycle among the phases without a position.
fn find_cycle(successors: &Successors, order: &[Option<usize>]) -> Vec<usize> {
    let mut before = vec![None; successors.len()];
    for index in (0..successors.len()).filter(|index| order[*index].is_none()) {
        successors[index].iter().for_each(|to| before[*to] = Some(index));
    }
    let (mut seen, mut path, mut next) = (HashMap::new(), Vec::new(), order.iter().position(Option::is_none));
    while let Some(index) = next {
        if let Some(first) = seen.insert(index, path.len()) {
            let mut cycle = path.split_off(first);
            cycle.reverse();
            let smallest = cycle.iter().enumerate().min_by_key(|(_, index)| **index).map_or(0, |(at, _)| at);
            cycle.rotate_left(smallest);
            return cycle;
        }
        path.push(index);
        next = before[index];
    }
    Vec::new()
}
