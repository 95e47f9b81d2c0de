//! Mutations of the code that protects data. Run them with `just mutants`.

use autoproc_testkit::mutants::{Mutants, Mutation};

const CONFORMANCE: &str = "conformance::";
const CROWD: &str = "crowd::a_crowd";
const FEW_ROWS: &str = "crowd::an_exchange_reads_few_rows";
const STARTS_LATER: &str = "claim_start::a_slow_claim_begins";
const START_ENDS: &str = "claim_start::the_start_of_claims_is_dropped_after_a_second";
const OWN_ADDITION: &str = "claim_start::the_start_of_claims_is_dropped_after_an_own_addition";
const OWN_RELEASE: &str = "claim_start::the_start_of_claims_is_dropped_after_an_own_release";
const BEFORE_START: &str = "claim_start::a_claim_finds";
const PAGE_READS_FEW: &str = "crowd::a_page_reads_few_rows";
const FOLDED: &str = "crowd::the_tally_is_folded";
const LOST_COMMIT: &str = "outages::an_exchange_whose_commit";
const ANNOUNCED: &str = "sharing::changes_of_other_handles";
const RECOVERY_WAITS: &str = "sharing::a_recovery_waits";
const REGISTRATION: &str = "outages::a_run_whose_registration";
const BECOMES_DUE: &str = "interleavings::an_item_that_becomes_due";
const STORES_SCOPE: &str = "interleavings::a_run_that_stores_its_scope";
const CANCELLED: &str = "outages::a_repeated_exchange_reports";
const SILENT: &str = "outages::a_lease_is_lost";
const REVIVED: &str = "outages::a_repeated_registration";
const NAME_IS_UNIQUE: &str = "outages::the_name_of_a_run";
const STOPPING: &str = "stopping::";
const ENDS_WAIT: &str = "sharing::ends_of_runs_wait";
const NOT_SYNCED: &str = "errors::a_server_that_does_not_sync";
const NEWER_SCHEMA: &str = "errors::a_newer_schema";

const RECORDED_ONCE: &str = "history::events_whose_answer";
const ENTRIES: &str = "history::the_history_of_attempts";
const PAST_RUNS: &str = "history::the_history_of_runs";
const VISITS: &str = "history::the_visits_of_attempts";

const POOLED: &str = "pooling::a_request_to_stop";
const POOLED_SESSIONS: &str = "pooling::the_store_leaves";

const FENCED: &str = "executions::a_journal_belongs";
const RECORDING_LEASE: &str = "executions::a_run_that_lost";
const RECORDING_WAITS: &str = "executions::a_change_of_a_journal";
const GROWS: &str = "executions::a_journal_grows";
const LEAVES: &str = "executions::a_journal_leaves";
const OLD_EXECUTIONS: &str = "executions::old_completed";
const OUTPUT_ONCE: &str = "outputs::outputs_whose_answer";
const OLD_OUTPUTS: &str = "outputs::old_outputs";

const REMOVED_MEANWHILE: &str = "executions::a_journal_that_was_removed";
const COPY_WAITS: &str = "copies::a_copy_waits";
const COPY_IS_BUSY: &str = "copies::a_queue_with_a_live_run";

const COPIED_PARTS: &str = "copies::copied_outputs";
const COPY_IS_EMPTY: &str = "copies::a_database_with_outputs";
const OLD_RUNS: &str = "pruning::old_runs";
const OLD_ATTEMPTS: &str = "pruning::old_attempts";

const MIGRATION: &str = "sql/migrations/0001_queue.sql";
const TRIGGERS_MIGRATION: &str = "sql/migrations/0008_fewer_triggers.sql";
const HISTORY_MIGRATION: &str = "sql/migrations/0003_history.sql";
const APPEND: &str = "sql/executions/append.sql";
const OPEN: &str = "sql/executions/open.sql";

const MUTATIONS: [Mutation; 75] = [
    Mutation {
        name: "the host of a copied output is that of its run",
        file: "sql/outputs/of_item.sql",
        text: "coalesce(o.host, r.host) as host",
        replacement: "r.host",
        test: COPIED_PARTS,
    },
    Mutation {
        name: "a copied run is alive or dead",
        file: "sql/copy/add_runs.sql",
        text: "'', 0, project, 0",
        replacement: "'', 0, project, null",
        test: COPIED_PARTS,
    },
    Mutation {
        name: "a database with outputs is empty",
        file: "src/locked.rs",
        text: " and not exists (select from attempt_output)",
        replacement: "",
        test: COPY_IS_EMPTY,
    },
    Mutation {
        name: "the events of a waiting file are removed",
        file: "sql/history/prune_events.sql",
        text: "i.status in (0, 1)",
        replacement: "false",
        test: OLD_RUNS,
    },
    Mutation {
        name: "the history of a live run is removed",
        file: "sql/history/old_runs.sql",
        text: "r.ended_at_us is null",
        replacement: "false",
        test: OLD_RUNS,
    },
    Mutation {
        name: "the attempts from which durations are forecast are removed",
        file: "sql/history/prune_attempts.sql",
        text: "desc limit 1000",
        replacement: "desc limit 1",
        test: OLD_ATTEMPTS,
    },
    Mutation {
        name: "only the first batch of old events is removed",
        file: "src/history/pruning.rs",
        text: "(runs, after) = (&runs[begun..], last);",
        replacement: "(runs, after) = (&runs[begun..begun], last);",
        test: OLD_ATTEMPTS,
    },
    Mutation {
        name: "a slow claim always begins at the head",
        file: "src/claim_start.rs",
        text: "search.duration_us > SLOW_SEARCH_US",
        replacement: "search.duration_us < 0",
        test: STARTS_LATER,
    },
    Mutation {
        name: "the start of claims is kept for ever",
        file: "src/claim_start.rs",
        text: "later.since.elapsed() >= MAX_AGE",
        replacement: "later.since.elapsed() > MAX_AGE * 1000",
        test: START_ENDS,
    },
    Mutation {
        name: "an addition keeps the start of claims",
        file: "src/change.rs",
        text: "shared.claim_start.forget();",
        replacement: "",
        test: OWN_ADDITION,
    },
    Mutation {
        name: "a release keeps the start of claims",
        file: "src/exchange.rs",
        text: "shared.claim_start.forget();",
        replacement: "",
        test: OWN_RELEASE,
    },
    Mutation {
        name: "a claim never looks before its start",
        file: "sql/exchange/ready_before_start.sql",
        text: " union all select * from preceding",
        replacement: "",
        test: BEFORE_START,
    },
    Mutation {
        name: "a page looks for held items if there are none",
        file: "sql/queue/page.sql",
        text: " and (select sum(held) > 0 from tally)",
        replacement: "",
        test: PAGE_READS_FEW,
    },
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
        text: "Ok(Renewal::Refused) => break,",
        replacement: "Ok(Renewal::Refused) => renew_at = SinceBoot::now().after(renewed_every),",
        test: CONFORMANCE,
    },
    Mutation {
        name: "a silent server keeps a lease",
        file: "src/lease.rs",
        text: "let Either::Left((renewal, _)) = select(renewal, pin!(reached(over_at))).await else { break };",
        replacement: "let renewal = renewal.await;",
        test: SILENT,
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
        text: "  limit $3\n  for update skip locked\n",
        replacement: "  limit $3\n",
        test: CROWD,
    },
    Mutation {
        name: "a claim with a scope does not lock its items",
        file: "sql/exchange/ready_of_scope.sql",
        text: "  for update of i skip locked\n",
        replacement: "",
        test: CROWD,
    },
    Mutation {
        name: "an exchange does not record which settlements had an effect",
        file: "sql/exchange/settle.sql",
        text: "settled = array(select place from settled order by place)",
        replacement: "settled = '{}'",
        test: LOST_COMMIT,
    },
    Mutation {
        name: "an exchange does not record which settlements met a cancelled claim",
        file: "sql/exchange/settle.sql",
        text: "settled_cancelled = array(select place from settled where is_cancelled order by place)",
        replacement: "settled_cancelled = '{}'",
        test: CANCELLED,
    },
    Mutation {
        name: "an item that becomes due during an exchange is forgotten",
        file: "sql/exchange/waiting_of_queue.sql",
        text: "and is_backing_off and not_before_us is not null),",
        replacement: "and is_backing_off and not_before_us > now_us()),",
        test: BECOMES_DUE,
    },
    Mutation {
        name: "a scope is stored in one transaction",
        file: "src/scopes.rs",
        text: "const MAX_ADDED: usize = 1000;",
        replacement: "const MAX_ADDED: usize = 1_000_000;",
        test: STORES_SCOPE,
    },
    Mutation {
        name: "a repeated registration revives a lease that is over",
        file: "sql/runs/grant.sql",
        text: "where lease.until_us > clock_us()\n",
        replacement: "",
        test: REVIVED,
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
        file: TRIGGERS_MIGRATION,
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
        file: TRIGGERS_MIGRATION,
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
        file: "src/link.rs",
        text: "(\"enable_bitmapscan\", \"off\"),",
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
        text: "format!(\"select pg_notify(",
        replacement: "format!(\"select concat(",
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
        name: "events whose answer is lost are recorded twice",
        file: "sql/history/record.sql",
        text: "where exists (select from writer)\n",
        replacement: "",
        test: RECORDED_ONCE,
    },
    Mutation {
        name: "a batch with an unknown outcome grows",
        file: "src/history/recorder.rs",
        text: "if waiting.in_batch == 0 {",
        replacement: "if waiting.in_batch < usize::MAX {",
        test: RECORDED_ONCE,
    },
    Mutation {
        name: "an end is that of another claim",
        file: TRIGGERS_MIGRATION,
        text: "and (claim is null or e.claim is null or claim = e.claim)",
        replacement: "",
        test: ENTRIES,
    },
    Mutation {
        name: "a beginning has the end of another claim",
        file: TRIGGERS_MIGRATION,
        text: "or lead(claim) over attempt_events = claim) as has_end",
        replacement: "or true) as has_end",
        test: ENTRIES,
    },
    Mutation {
        name: "an end is left out if another claim began before it",
        file: TRIGGERS_MIGRATION,
        text: "or lag(claim) over attempt_events = claim) as has_beginning",
        replacement: "or true) as has_beginning",
        test: ENTRIES,
    },
    Mutation {
        name: "the end of a whole attempt is recorded twice",
        file: TRIGGERS_MIGRATION,
        text: "elsif e.has_beginning is not true then",
        replacement: "else",
        test: ENTRIES,
    },
    Mutation {
        name: "recoveries alone make a run",
        file: HISTORY_MIGRATION,
        text: "having bool_or(name <> 'file_recovered') or",
        replacement: "having true or",
        test: PAST_RUNS,
    },
    Mutation {
        name: "a file that completed later has failed",
        file: "sql/history/failed_files.sql",
        text: " and number > coalesce(completed, 0)",
        replacement: "",
        test: PAST_RUNS,
    },
    Mutation {
        name: "a visit reads one page of events",
        file: "src/history/visits.rs",
        text: "after = page.last;",
        replacement: "after = page.last.max(latest);",
        test: VISITS,
    },
    Mutation {
        name: "a session behind a pooler counts as one of the store's own",
        file: "src/link.rs",
        text: "where current_setting('{MARK}', true) = '{mark}'",
        replacement: "where '{mark}' <> ''",
        test: POOLED_SESSIONS,
    },
    Mutation {
        name: "a transaction behind a pooler makes no settings",
        file: "src/link.rs",
        text: "if let Some(settings) = &self.settings {",
        replacement: "if let Some(settings) = self.settings.as_ref().filter(|_| false) {",
        test: POOLED,
    },
    Mutation {
        name: "a statement of an exchange is prepared behind a pooler",
        file: "src/connection.rs",
        text: "return Ok(Query::Text(sql));",
        replacement: "return Ok(Query::Prepared(self.statements.get(self.link.client(), sql).await?));",
        test: POOLED_SESSIONS,
    },
    Mutation {
        name: "a store listens behind a pooler",
        file: "src/companion.rs",
        text: "if !link.is_pooled() {",
        replacement: "if !link.is_pooled() || !link.client().is_closed() {",
        test: POOLED_SESSIONS,
    },
    Mutation {
        name: "an append does not compare the claim number",
        file: APPEND,
        text: " and i.claim_number = $2",
        replacement: "",
        test: FENCED,
    },
    Mutation {
        name: "an append does not compare the run",
        file: APPEND,
        text: " and i.claim_run = $3",
        replacement: "",
        test: FENCED,
    },
    Mutation {
        name: "an append does not check the lease",
        file: APPEND,
        text: " and until_us > clock_us()",
        replacement: "",
        test: RECORDING_LEASE,
    },
    Mutation {
        name: "an append does not lock its item",
        file: APPEND,
        text: "  for share of i\n",
        replacement: "",
        test: RECORDING_WAITS,
    },
    Mutation {
        name: "an opening does not compare the claim number",
        file: OPEN,
        text: " and i.claim_number = $2",
        replacement: "",
        test: FENCED,
    },
    Mutation {
        name: "an opening does not compare the run",
        file: OPEN,
        text: " and i.claim_run = $3",
        replacement: "",
        test: FENCED,
    },
    Mutation {
        name: "an opening does not check the lease",
        file: OPEN,
        text: " and until_us > clock_us()",
        replacement: "",
        test: RECORDING_LEASE,
    },
    Mutation {
        name: "an opening does not lock its item",
        file: OPEN,
        text: "  for share of i\n",
        replacement: "",
        test: RECORDING_WAITS,
    },
    Mutation {
        name: "an opening continues a journal that was removed",
        file: OPEN,
        text: "    and $4 <= (select count(*) from execution_event e where e.item = $1)\n",
        replacement: "",
        test: REMOVED_MEANWHILE,
    },
    Mutation {
        name: "a copy locks the items before the numbers",
        file: "src/locked.rs",
        text: "lock table numbering, item, event",
        replacement: "lock table item, numbering, event",
        test: COPY_WAITS,
    },
    Mutation {
        name: "a copy ignores live runs",
        file: "src/locked.rs",
        text: "match runs::live_of(link.client()).await?.first() {",
        replacement: "match runs::live_of(link.client()).await?.first().filter(|_| false) {",
        test: COPY_IS_BUSY,
    },
    Mutation {
        name: "an append that is repeated fails",
        file: APPEND,
        text: "  on conflict do nothing\n",
        replacement: "",
        test: GROWS,
    },
    Mutation {
        name: "an opening keeps every event",
        file: OPEN,
        text: " and e.number > $4",
        replacement: " and e.number < 0",
        test: GROWS,
    },
    Mutation {
        name: "a journal outlives its item",
        file: "sql/migrations/0004_executions.sql",
        text: "delete from execution_event e using old_items i where e.item = i.id;",
        replacement: "",
        test: LEAVES,
    },
    Mutation {
        name: "the journal of a claimed item is removed",
        file: "sql/executions/prune.sql",
        text: "i.claim_number is not null",
        replacement: "i.claim_number < 0",
        test: OLD_EXECUTIONS,
    },
    Mutation {
        name: "outputs whose answer is lost are stored twice",
        file: "sql/outputs/record.sql",
        text: "on conflict do nothing",
        replacement: "",
        test: OUTPUT_ONCE,
    },
    Mutation {
        name: "every output is old",
        file: "sql/outputs/prune.sql",
        text: " < now_us() - $1",
        replacement: " < now_us() + $1",
        test: OLD_OUTPUTS,
    },
    Mutation {
        name: "an unsafe server is accepted",
        file: "src/connection.rs",
        text: "current_setting(name) = 'off'",
        replacement: "current_setting(name) = 'never'",
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
