//! The journals of workflow executions in a database.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use autoproc_domain::ItemId;
use autoproc_domain::ports::{Attempt, Location, StorageError};
use autoproc_postgres_store::{ExecutionJournal, PostgresStore, RecordingClaim};
use autoproc_workflow::execution::{Place, SharedJournal, SharedJournals};

pub(super) struct ServerJournals {
    pub(super) store: Arc<PostgresStore>,
    pub(super) place: String,
    pub(super) here: Location,
}

impl ServerJournals {
    fn shared(&self, item: ItemId, journal: ExecutionJournal) -> SharedJournal {
        let ExecutionJournal { events, host, project } = journal;
        let is_here = host == self.here.host && *project == *self.here.project;
        let place = || Place { host: host.into(), project_dir: project.to_string_lossy().into_owned() };
        SharedJournal {
            name: Path::new(&format!("the journal of item {item} at {}", self.place)).to_owned(),
            events,
            elsewhere: (!is_here).then(place),
        }
    }
}

fn claim_of(attempt: &Attempt) -> RecordingClaim {
    RecordingClaim { token: attempt.token, run: attempt.run.clone() }
}

#[async_trait]
impl SharedJournals for ServerJournals {
    async fn load(&self, item: ItemId) -> Result<Option<SharedJournal>, StorageError> {
        Ok(self.store.execution(item).await?.map(|journal| self.shared(item, journal)))
    }

    async fn open(&self, attempt: &Attempt, kept: usize) -> Result<(), StorageError> {
        self.store.open_execution(claim_of(attempt), kept).await
    }

    async fn append(
        &self,
        attempt: &Attempt,
        before: usize,
        events: &[Box<str>],
        is_completed: bool,
    ) -> Result<(), StorageError> {
        self.store.append_to_execution(claim_of(attempt), before, events.to_vec(), is_completed).await
    }
}
