//! Mutations of the protections in SQL and of the decisions around them. The crate's own tests must
//! detect each.
//!
//! `just mutants` applies one after another to a copy of the workspace and runs the named test
//! there, against a real server.

use autoproc_testkit::mutants::{Mutants, Mutation};

const CONFORMANCE: &str = "conformance::";
const CROWD: &str = "crowd::a_crowd";
const FEW_ROWS: &str = "crowd::an_exchange_reads_few_rows";
const FOLDED: &str = "crowd::the_tally_is_folded";
const LOST_COMMIT: &str = "outages::an_exchange_whose_commit";
const ANNOUNCED: &str = "sharing::changes_of_other_handles";
const RECOVERY_WAITS: &str = "sharing::a_recovery_waits";
const REGISTRATION: &str = "outages::a_run_whose_registration";
const NAME_IS_UNIQUE: &str = "outages::the_name_of_a_run";
const STOPPING: &str = "stopping::";
const ENDS_WAIT: &str = "sharing::ends_of_runs_wait";
const NOT_SYNCED: &str = "errors::a_server_that_does_not_sync";
const NEWER_SCHEMA: &str = "errors::a_newer_schema";

const MIGRATION: &str = "sql/migrations/0001_queue.sql";

const MUTATIONS: [Mutation; 25] = [
    Mutation {
        name: "a settlement does not compare the claim number",
        file: "sql/exchange/settle.sql",
        text: " and i.claim_number = s.number",
        replacement: "",
        test: CONFORMANCE,
    },
    Mutation {
        name: "a settlement does not compare the run",
        file: "sql/exchange/settle.sql",
        text: " and i.claim_run is not distinct from $1",
        replacement: "",
        test: CONFORMANCE,
    },
    Mutation {
        name: "an exchange does not check the lease",
        file: MIGRATION,
        text: "where run = asking and until_us > clock_us()",
        replacement: "where run = asking",
        test: CONFORMANCE,
    },
    Mutation {
        name: "an exchange does not lock its run",
        file: MIGRATION,
        text: "from exchange where run = asking for update;",
        replacement: "from exchange where run = asking;",
        test: RECOVERY_WAITS,
    },
    Mutation {
        name: "a request is carried out twice",
        file: MIGRATION,
        text: "if latest = number then",
        replacement: "if false then",
        test: CONFORMANCE,
    },
    Mutation {
        name: "the id of a request is not recorded",
        file: "sql/exchange/finish.sql",
        text: "set request = $2,",
        replacement: "set request = case when $2 < 0 then $2 end,",
        test: LOST_COMMIT,
    },
    Mutation {
        name: "an exchange whose answer is lost is not asked again",
        file: "src/exchange.rs",
        text: "const IS_IDEMPOTENT: bool = true;",
        replacement: "const IS_IDEMPOTENT: bool = false;",
        test: LOST_COMMIT,
    },
    Mutation {
        name: "a lease that is over is renewed",
        file: "sql/runs/renew.sql",
        text: "where run = $1 and until_us > clock_us()",
        replacement: "where run = $1",
        test: CONFORMANCE,
    },
    Mutation {
        name: "a refused renewal does not end the lease",
        file: "src/lease.rs",
        text: "Ok(Ok(false)) => break,",
        replacement: "Ok(Ok(false)) => renew_at = SinceBoot::now().after(renewed_every),",
        test: CONFORMANCE,
    },
    Mutation {
        name: "a recovery does not check the lease",
        file: "sql/runs/lock_expired.sql",
        text: " and l.until_us < clock_us()",
        replacement: "",
        test: CONFORMANCE,
    },
    Mutation {
        name: "a claim does not lock its items",
        file: "sql/exchange/ready_of_queue.sql",
        text: "  for update skip locked\n",
        replacement: "",
        test: CROWD,
    },
    Mutation {
        name: "claim numbers are not in claim order",
        file: "sql/exchange/claim.sql",
        text: "from ready order by rank, sequence) ordered",
        replacement: "from ready order by rank, sequence desc) ordered",
        test: CONFORMANCE,
    },
    Mutation {
        name: "the tally does not subtract",
        file: MIGRATION,
        text: "select -1, status, is_held from old_items",
        replacement: "select 0, status, is_held from old_items",
        test: CONFORMANCE,
    },
    Mutation {
        name: "folding keeps the old rows of the tally",
        file: "sql/queue/fold_tally.sql",
        text: "insert into tally\nselect",
        replacement: "insert into tally\nselect 1 +",
        test: FOLDED,
    },
    Mutation {
        name: "the items of a scope keep their state",
        file: MIGRATION,
        text: "sequence = i.sequence, state = i.state,",
        replacement: "sequence = i.sequence,",
        test: CONFORMANCE,
    },
    Mutation {
        name: "a settlement reads the whole queue",
        file: "sql/exchange/settle.sql",
        text: "where i.id = c.item",
        replacement: "where i.id + 0 = c.item",
        test: FEW_ROWS,
    },
    Mutation {
        name: "plans depend on statistics",
        file: "src/connection.rs",
        text: "set enable_bitmapscan to off; ",
        replacement: "",
        test: FEW_ROWS,
    },
    Mutation {
        name: "a backoff that is over keeps its item out of the index",
        file: MIGRATION,
        text: "update item set is_backing_off = false",
        replacement: "update item set is_backing_off = is_backing_off",
        test: CONFORMANCE,
    },
    Mutation {
        name: "exchanges are not announced",
        file: "src/companion.rs",
        text: "commit; select pg_notify(",
        replacement: "commit; select concat(",
        test: ANNOUNCED,
    },
    Mutation {
        name: "a registration whose answer is lost is not asked again",
        file: "src/runs.rs",
        text: "type Reply = (Vec<LiveRun>, SinceBoot);\n    const IS_IDEMPOTENT: bool = true;",
        replacement: "type Reply = (Vec<LiveRun>, SinceBoot);",
        test: REGISTRATION,
    },
    Mutation {
        name: "runs that end at the same time do not wait for each other",
        file: "src/runs.rs",
        text: "transaction.execute(LOCK_REGISTRY, &[]).await?;\n        transaction.execute(END",
        replacement: "transaction.execute(END",
        test: ENDS_WAIT,
    },
    Mutation {
        name: "a run takes the name of another one",
        file: "src/runs.rs",
        text: "from exchange where run = $1 and request is null",
        replacement: "from exchange where run = $1",
        test: NAME_IS_UNIQUE,
    },
    Mutation {
        name: "a run obeys requests to stop that are older than itself",
        file: "sql/stop/level.sql",
        text: "on q.number > r.stop_number",
        replacement: "on q.number <> r.stop_number",
        test: STOPPING,
    },
    Mutation {
        name: "an unsafe server is accepted",
        file: "src/connection.rs",
        text: "and setting = 'off'",
        replacement: "and setting = 'never'",
        test: NOT_SYNCED,
    },
    Mutation {
        name: "a newer schema is accepted",
        file: "src/migration.rs",
        text: "Some(found) if found > KNOWN =>",
        replacement: "Some(found) if found > KNOWN + 1000 =>",
        test: NEWER_SCHEMA,
    },
];

const MUTANTS: Mutants = Mutants {
    package: "autoproc-postgres-store",
    folder: env!("CARGO_MANIFEST_DIR"),
    target: &["--test", "store"],
    environment: &[("AUTOPROC_REQUIRE_POSTGRES", "1")],
    mutations: &MUTATIONS,
};

#[test]
fn every_mutation_finds_its_text() {
    MUTANTS.find_texts();
}

#[test]
#[ignore = "builds the crate for each mutation: `just mutants`"]
fn every_mutation_is_noticed() {
    MUTANTS.apply_all();
}
