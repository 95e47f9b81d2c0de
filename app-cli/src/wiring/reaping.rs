//! Ends processes that dead runs left behind. Finds them with the records that the guards of these
//! runs wrote.
//!
//! For a queue in a folder, the records of all runs are in that folder. The runs of a database may
//! belong to several project folders of this machine, and to containers that share its kernel. If
//! this process cannot see the records or the processes of a run, it treats the run like a run on
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
    /// `None` if no such reason is known in advance.
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

    /// Removes the records of a run whose items were recovered without proof that its processes
    /// have ended. Affects only this project folder.
    pub(crate) fn forget(&self, run: &RunId) {
        self.sweeper(&self.project).forget(run);
    }

    fn sweeper(&self, project: &Project) -> Sweeper {
        Sweeper::for_grace(project.runs_dir(), self.grace, project.root())
    }

    /// Returns the project of `dead`, which ran on this machine. `None` if this process cannot see
    /// the records or the processes of this run.
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
