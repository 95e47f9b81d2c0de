use std::thread;
use std::time::Duration;

use autoproc_domain::{RunId, Timestamp};
use autoproc_postgres_store::PostgresStore;
use autoproc_testkit::block_on;
use autoproc_testkit::conformance::storage::{Effort, StorageFixture, exercise};

use crate::pooler::Pooler;
use crate::queue::Queue;
use crate::server::PostgresServer;

const EFFORT: Effort = Effort { cases: 24, steps: 30 };

const SETTABLE_CLOCK: &str = "
    create table test_clock (us bigint not null);
    insert into test_clock values (0);
    create or replace function now_us() returns bigint language sql stable as 'select us from test_clock';
";

pub(crate) struct Fixture {
    queue: Queue,
    pooler: Option<&'static Pooler>,
}

impl Fixture {
    fn new() -> Self {
        let queue = Queue::create().unwrap();
        queue.execute(SETTABLE_CLOCK);
        Self { queue, pooler: None }
    }

    pub(crate) fn behind(pooler: &'static Pooler) -> Self {
        Self { pooler: Some(pooler), ..Self::new() }
    }

    fn expire(&self, run: &RunId) {
        self.queue.query("update lease set until_us = clock_us() - 1 where run = $1", &[&run.as_str()]);
    }
}

impl StorageFixture for Fixture {
    type Store = PostgresStore;

    fn open(&self) -> PostgresStore {
        match self.pooler {
            None => self.queue.open(),
            Some(pooler) => PostgresStore::open(self.queue.options_at(&pooler.address("postgres"))).unwrap(),
        }
    }

    fn kill(&self, store: PostgresStore, run: &RunId) {
        drop(store);
        self.expire(run);
    }

    fn lose_lease(&self, run: &RunId) -> bool {
        self.expire(run);
        true
    }

    fn let_leases_pass(&self) {
        let aged = "update lease set until_us = clock_us() + 30000000 where until_us >= clock_us()
                    returning run";
        let runs: Vec<String> = self.queue.query(aged, &[]).iter().map(|row| row.get(0)).collect();
        let renewed = "select count(*) from lease where run = any ($1) and until_us > clock_us() + 31000000";
        while self.queue.query(renewed, &[&runs])[0].get::<_, i64>(0) < i64::try_from(runs.len()).unwrap() {
            let lost = "select count(*) from lease where run = any ($1) and until_us < clock_us()";
            assert_eq!(self.queue.query(lost, &[&runs])[0].get::<_, i64>(0), 0, "a lease was not renewed in 30 s");
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn set_clock(&self, now: Timestamp) {
        self.queue.query("update test_clock set us = $1", &[&now.as_micros()]);
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        block_on(future)
    }
}

#[test]
fn the_store_keeps_the_promises_of_its_ports() {
    if PostgresServer::shared().is_some() {
        exercise(Fixture::new, EFFORT).unwrap();
    }
}
