//! Ends processes that dead runs left behind.
//!
//! A guard is a process that supervises the commands of a run. Guards record the processes of their
//! run in files. If this process cannot see these files or processes, the run counts as a run of
//! another machine. Then only an expired lease proves that no process is left.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{DeadRun, Location, Reaper, Unproven};
use autoproc_domain::recovery;
use autoproc_subprocess::sweep::Sweeper;

use crate::project::Project;

pub(crate) struct RunReaper {
    project: Project,
    grace: Duration,
}

impl RunReaper {
    pub(super) fn new(project: Project, grace: Duration) -> Self {
        Self { project, grace }
    }

    /// Returns the reason why processes of a dead run may remain even after [`reap`](Reaper::reap).
    /// `None` if no reason is known.
    pub(crate) fn obstacle(&self, dead: &DeadRun) -> Option<String> {
        let own = self.sweeper(&self.project);
        if !recovery::is_of_host(dead, &own.location()) {
            return own.obstacle(dead);
        }
        match self.project_of(dead, &own.location()) {
            Some(project) => self.sweeper(&project).obstacle(dead),
            None => recovery::unproven_elsewhere(dead.clone()).map(|unproven| unproven.reason.into()),
        }
    }

    /// Removes the records of a run in this project folder. Call it only after the items of the run
    /// were recovered without proof that its processes have ended.
    pub(crate) fn forget(&self, run: &RunId) {
        self.sweeper(&self.project).forget(run);
    }

    fn sweeper(&self, project: &Project) -> Sweeper {
        Sweeper::for_grace(project.runs_dir(), self.grace, project.root())
    }

    /// Returns the project of `dead`. `None` if this process cannot see the run's records or
    /// processes.
    fn project_of(&self, dead: &DeadRun, own: &Location) -> Option<Project> {
        let Some(location) = dead.location.as_ref().filter(|_| self.project.is_of_store()) else {
            return Some(self.project.clone());
        };
        if location.pid_namespace != own.pid_namespace {
            return None;
        }
        if *location.project == *self.project.root() {
            return Some(self.project.clone());
        }
        self.project.sibling(&location.project)
    }
}

#[async_trait]
impl Reaper for RunReaper {
    fn location(&self) -> Location {
        self.sweeper(&self.project).location()
    }

    async fn reap(&self, dead: Vec<DeadRun>) -> Vec<Unproven> {
        let own = self.location();
        let (mut visible, mut unproven) = (BTreeMap::<PathBuf, (Project, Vec<DeadRun>)>::new(), Vec::new());
        for dead in dead {
            match self.project_of(&dead, &own) {
                Some(project) => {
                    let key = project.root().to_owned();
                    visible.entry(key).or_insert_with(|| (project, Vec::new())).1.push(dead);
                }
                None => unproven.extend(recovery::unproven_elsewhere(dead)),
            }
        }
        for (project, dead) in visible.into_values() {
            unproven.extend(self.sweeper(&project).reap(dead).await);
        }
        unproven
    }
}
