use crate::fixture::{Done, TempProject};

/// The path, status and number of attempts of each item, in list order.
pub(crate) type Summary = Vec<(String, String, u64)>;

/// An existing file to add during the fault.
const NEW: &str = "/etc/passwd";
const AFTER: &str = "/after";

/// A command, and the small or large queue on which it runs.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    template: TempProject,
    /// True if the queue is large and has a journal.
    is_warm: bool,
    pub(crate) words: &'static [&'static str],
    /// The expected effect of each transaction of the command, in order.
    steps: &'static [fn(&mut Summary)],
}

pub(crate) fn all() -> Vec<Scenario> {
    const ADD: &[&str] = &["queue", "add", NEW];
    const REMOVE: &[&str] = &["queue", "remove", "/item/0"];
    const PRIORITISE: &[&str] = &["queue", "prioritise", "/item/1", "9"];
    const CLEAR: &[&str] = &["queue", "clear"];
    const RUN: &[&str] = &["run", "--quiet", "--no-wait", "--shell", "exit 0"];
    let add: &'static [fn(&mut Summary)] = &[|items| items.push(fresh(NEW))];
    let remove: &'static [fn(&mut Summary)] = &[|items| drop(items.remove(0))];
    vec![
        Scenario::new("the first addition", TempProject::new(), ADD, add),
        Scenario::new("an addition", TempProject::with_items(3), ADD, add),
        Scenario { is_warm: true, ..Scenario::new("an addition to a large queue", TempProject::large(), ADD, add) },
        Scenario::new("a removal", TempProject::with_items(3), REMOVE, remove),
        Scenario {
            is_warm: true,
            ..Scenario::new("a removal from a large queue", TempProject::large(), REMOVE, remove)
        },
        Scenario::new("a new priority", TempProject::with_items(3), PRIORITISE, &[|items| items[..2].swap(0, 1)]),
        Scenario::new("a clearance", TempProject::with_items(3), CLEAR, &[Vec::clear]),
        Scenario::new(
            "a run",
            TempProject::with_items(1),
            RUN,
            &[|items| mark(items, "processing"), |items| mark(items, "completed")],
        ),
    ]
}

fn fresh(path: &str) -> (String, String, u64) {
    (path.into(), "pending".into(), 0)
}

fn mark(items: &mut Summary, status: &str) {
    items[0].1 = status.into();
    items[0].2 = 1;
}

impl Scenario {
    fn new(
        name: &'static str,
        template: TempProject,
        words: &'static [&'static str],
        steps: &'static [fn(&mut Summary)],
    ) -> Self {
        Self { name, template, is_warm: false, words, steps }
    }

    /// Prepares a project for the command. Returns the summary of the queue.
    pub(crate) fn prepare(&self, project: &TempProject) -> Summary {
        project.copy_state(&self.template);
        if self.is_warm {
            project.run(["queue", "add", "/etc/hosts"]).expect_code(0);
        }
        project.summary()
    }

    /// Checks that each transaction of the command took effect completely or not at all. An
    /// acknowledged command must have all its effects. Returns the summary of the queue.
    #[track_caller]
    pub(crate) fn check(&self, project: &TempProject, before: &Summary, done: &Done, fault: &str) -> Summary {
        let found = project.summary();
        let mut states = vec![before.clone()];
        for step in self.steps {
            let mut next = states[states.len() - 1].clone();
            step(&mut next);
            states.push(next);
        }
        let reached = states.iter().position(|state| *state == found);
        let reached = reached.unwrap_or_else(|| panic!("{}, {fault}: half done: {found:?}", self.name));
        let is_all = reached == self.steps.len();
        assert!(is_all || !done.is_acknowledged(), "{}, {fault}: acknowledged and lost: {found:?}", self.name);
        found
    }

    /// Checks that files can still be added and processed after the fault.
    #[track_caller]
    pub(crate) fn go_on(&self, project: &TempProject, found: &Summary, fault: &str) {
        let told = format!("{}, {fault}", self.name);
        let added = project.run(["queue", "add", AFTER]);
        assert!(added.is_acknowledged(), "{told}: {}", added.err);
        let mut expected = found.clone();
        expected.push(fresh(AFTER));
        assert_eq!(project.summary(), expected, "{told}");
        if self.steps.len() > 1 {
            let run = project.run(self.words);
            assert!(run.is_acknowledged(), "{told}: {}", run.err);
            for (path, status, attempts) in project.summary() {
                let was_completed = found.iter().any(|item| item.0 == path && item.1 == "completed");
                assert!(
                    status == "completed" && (attempts == 1 || !was_completed),
                    "{told}: {path} {status} {attempts}"
                );
            }
        }
    }
}
