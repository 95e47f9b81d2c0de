//! Mutations of the protections in SQL and of the decisions around them. The crate's own tests must
//! detect each.
//!
//! `just mutants` applies one after another to a copy of the workspace and runs the named test
//! there, against a real server.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Mutation {
    name: &'static str,
    /// Relative to the crate.
    file: &'static str,
    /// Occurs exactly once in the file.
    text: &'static str,
    replacement: &'static str,
    /// The test that must fail.
    test: &'static str,
}

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

const TESTS: [&str; 13] = [
    CONFORMANCE,
    CROWD,
    FEW_ROWS,
    FOLDED,
    LOST_COMMIT,
    ANNOUNCED,
    RECOVERY_WAITS,
    REGISTRATION,
    NAME_IS_UNIQUE,
    STOPPING,
    ENDS_WAIT,
    NOT_SYNCED,
    NEWER_SCHEMA,
];

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
        file: "sql/exchange/finish_queue.sql",
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
        file: "sql/exchange/claim_queue.sql",
        text: "  for update skip locked\n",
        replacement: "",
        test: CROWD,
    },
    Mutation {
        name: "claim numbers are not in claim order",
        file: "sql/exchange/claim_queue.sql",
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

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

impl Mutation {
    fn apply(&self, krate: &Path) -> String {
        let text = fs::read_to_string(krate.join(self.file)).unwrap();
        assert_eq!(text.matches(self.text).count(), 1, "{}: {:?} in {}", self.name, self.text, self.file);
        text.replace(self.text, self.replacement)
    }
}

#[test]
fn every_mutation_finds_its_text() {
    for mutation in &MUTATIONS {
        mutation.apply(Path::new(env!("CARGO_MANIFEST_DIR")));
        assert!(TESTS.contains(&mutation.test), "{}", mutation.name);
    }
}

/// Copies the workspace's sources. No test changes anything outside the copy.
fn copy_sources(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            if entry.file_name() != "target" && entry.file_name() != ".git" {
                fs::create_dir_all(&copy).unwrap();
                copy_sources(&path, &copy);
            }
        } else if fs::read(&copy).ok() != Some(fs::read(&path).unwrap()) {
            fs::copy(&path, &copy).unwrap();
        }
    }
}

/// Runs a test of the copy; `None` if the copy does not compile.
fn passes(copy: &Path, test: &str) -> Option<bool> {
    let cargo = |extra: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(copy).env("CARGO_TARGET_DIR", copy.with_file_name("target")).env("RUSTFLAGS", "-Awarnings");
        command.env("AUTOPROC_REQUIRE_POSTGRES", "1");
        command.args(["test", "--offline", "--quiet", "-p", "autoproc-postgres-store", "--test", "store"]).args(extra);
        command.output().unwrap().status.success()
    };
    cargo(&["--no-run"]).then(|| cargo(&["--", test]))
}

#[test]
#[ignore = "builds the crate for each mutation: `just mutants`"]
#[expect(clippy::print_stderr, reason = "the list is the result")]
fn every_mutation_is_noticed() {
    let copy = workspace().join("target/mutants/workspace");
    fs::create_dir_all(&copy).unwrap();
    copy_sources(&workspace(), &copy);
    for test in TESTS {
        assert_eq!(passes(&copy, test), Some(true), "{test} fails without a mutation");
    }
    let krate = copy.join("adapters/postgres-store");
    for mutation in &MUTATIONS {
        let original = fs::read(krate.join(mutation.file)).unwrap();
        fs::write(krate.join(mutation.file), mutation.apply(&krate)).unwrap();
        let passed = passes(&copy, mutation.test);
        fs::write(krate.join(mutation.file), original).unwrap();
        assert_eq!(passed, Some(false), "not noticed: {}", mutation.name);
        eprintln!("noticed: {}", mutation.name);
    }
}
