//! The ways between phases.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::definition::{AfterFailure, Phase, Transition, Workflow};
use crate::nearest::nearest;
use crate::problem::{Problem, Problems};

/// When each phase has its turn, compared with the others: by index in the file, its place in time.
pub(super) type Order = Vec<usize>;

/// Checks the ways, and says in which order they lead.
pub(super) fn check(workflow: &Workflow, problems: &mut Problems) -> Order {
    let ways = ways(workflow, problems);
    let order = order(&ways);
    match &order {
        Some(_) => unreachable_phases(workflow, &ways, problems),
        None => cycle(workflow, &ways, problems),
    }
    order.unwrap_or_else(|| (0..workflow.phases.len()).collect())
}

/// Where each phase may lead to.
fn ways(workflow: &Workflow, problems: &mut Problems) -> Vec<Vec<usize>> {
    let index: HashMap<_, _> =
        workflow.phases.iter().enumerate().map(|(index, phase)| (phase.id.as_str(), index)).collect();
    let mut leaving: Vec<Vec<(usize, &Transition)>> = vec![Vec::new(); workflow.phases.len()];
    for transition in &workflow.transitions {
        let [from, to] = [&transition.from, &transition.to].map(|end| {
            let found = index.get(end.value.as_str()).copied();
            if found.is_none() {
                problems.add({
                    Problem::error(end.position, format!("there is no phase `{}`", end.value))
                        .meaning(nearest(&end.value, index.keys().copied()))
                });
            }
            found
        });
        if let (Some(from), Some(to)) = (from, to) {
            leaving[from].push((to, transition));
        }
    }
    for (phase, leaving) in workflow.phases.iter().zip(&leaving) {
        after_an_open_one(phase, leaving, problems);
    }
    let phases = workflow.phases.iter().enumerate();
    phases.map(|(index, phase)| targets(phase, index, &leaving[index], workflow.phases.len())).collect()
}

/// A transition after one without a condition is never looked at.
fn after_an_open_one(phase: &Phase, leaving: &[(usize, &Transition)], problems: &mut Problems) {
    let is_open = |(_, transition): &&(usize, &Transition)| transition.condition.is_none();
    let open = leaving.iter().position(|leaving| is_open(&leaving));
    for (_, transition) in open.into_iter().flat_map(|open| &leaving[open + 1..]) {
        problems.add({
            let message = format!("never taken: an earlier transition from `{}` has no condition", phase.id);
            Problem::warning(transition.position, message)
        });
    }
}

fn targets(phase: &Phase, index: usize, leaving: &[(usize, &Transition)], phases: usize) -> Vec<usize> {
    let mut targets: Vec<_> = leaving.iter().map(|(to, _)| *to).collect();
    let has_open = leaving.iter().any(|(_, transition)| transition.condition.is_none());
    if index + 1 < phases && !has_open && (leaving.is_empty() || may_fall_through(phase)) {
        targets.push(index + 1);
    }
    targets
}

/// Whether the next phase may follow although a transition's condition does not hold: after a phase that was skipped, or
/// failed without harm.
fn may_fall_through(phase: &Phase) -> bool {
    let missed = phase.checkpoint.as_ref().is_some_and(|checkpoint| !checkpoint.blocking || !phase.blocking);
    phase.condition.is_some() || missed || phase.after_failed_step() == AfterFailure::NextPhase
}

/// The topological order (Kahn's algorithm), the order of the file where there is a choice; none where there is a cycle.
fn order(ways: &[Vec<usize>]) -> Option<Order> {
    let mut waiting_for = vec![0_usize; ways.len()];
    ways.iter().flatten().for_each(|to| waiting_for[*to] += 1);
    let mut ready: BinaryHeap<_> = (0..ways.len()).filter(|index| waiting_for[*index] == 0).map(Reverse).collect();
    let (mut order, mut next) = (vec![0; ways.len()], 0);
    while let Some(Reverse(index)) = ready.pop() {
        order[index] = next;
        next += 1;
        for to in &ways[index] {
            waiting_for[*to] -= 1;
            if waiting_for[*to] == 0 {
                ready.push(Reverse(*to));
            }
        }
    }
    (next == ways.len()).then_some(order)
}

fn unreachable_phases(workflow: &Workflow, ways: &[Vec<usize>], problems: &mut Problems) {
    let mut reached = vec![false; ways.len()];
    let mut open: Vec<_> = (!ways.is_empty()).then_some(0).into_iter().collect();
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut reached[index], true) {
            open.extend(&ways[index]);
        }
    }
    for (phase, _) in workflow.phases.iter().zip(reached).filter(|(_, reached)| !reached) {
        problems.add(Problem::warning(phase.position, format!("no way leads to the phase `{}`", phase.id)));
    }
}

/// Names one cycle, at the transition that closes it.
fn cycle(workflow: &Workflow, ways: &[Vec<usize>], problems: &mut Problems) {
    let circle = a_cycle(ways);
    let ids: Vec<_> = circle.iter().map(|index| workflow.phases[*index].id.as_str()).collect();
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return };
    let closing = workflow.transitions_from(last).find(|transition| transition.to.value == *first);
    let position = closing.map_or(workflow.position, |transition| transition.position);
    problems.add({
        let message = format!("the transitions lead in a circle: {} → {first}", ids.join(" → "));
        Problem::error(position, message).expecting("ways on which no phase comes twice")
    });
}

/// One cycle of a graph that has some: whoever is followed backwards from a node left over by Kahn's algorithm ends there.
fn a_cycle(ways: &[Vec<usize>]) -> Vec<usize> {
    let mut waiting_for = vec![0_usize; ways.len()];
    ways.iter().flatten().for_each(|to| waiting_for[*to] += 1);
    let mut ready: Vec<_> = (0..ways.len()).filter(|index| waiting_for[*index] == 0).collect();
    let mut left = vec![true; ways.len()];
    while let Some(index) = ready.pop() {
        left[index] = false;
        for to in &ways[index] {
            waiting_for[*to] -= 1;
            if waiting_for[*to] == 0 {
                ready.push(*to);
            }
        }
    }
    let mut before = vec![None; ways.len()];
    for (index, to) in ways
        .iter()
        .enumerate()
        .filter(|(index, _)| left[*index])
        .flat_map(|(index, to)| to.iter().map(move |to| (index, *to)))
    {
        before[to] = Some(index);
    }
    walk_back(&before, left.iter().position(|left| *left))
}

fn walk_back(before: &[Option<usize>], start: Option<usize>) -> Vec<usize> {
    let (mut seen, mut path, mut next) = (HashMap::new(), Vec::new(), start);
    while let Some(index) = next {
        if let Some(first) = seen.insert(index, path.len()) {
            let mut circle = path.split_off(first);
            circle.reverse();
            let smallest = circle.iter().enumerate().min_by_key(|(_, index)| **index).map_or(0, |(at, _)| at);
            circle.rotate_left(smallest);
            return circle;
        }
        path.push(index);
        next = before[index];
    }
    Vec::new()
}
