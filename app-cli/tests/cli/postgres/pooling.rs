use serde_json::Value;

use super::database::Database;
use super::pooler::Pooler;
use crate::fixture::{Answer, TempProject};

const PICKY: &str = "test {/} != bad || test -e fixed || { echo it is bad >&2; exit 3; }";

struct Pooled {
    database: Database,
    pooler: Pooler,
}

impl Pooled {
    fn create(mode: &str) -> Option<Self> {
        let database = Database::create()?;
        let pooler = Pooler::start(database.server(), mode)?;
        Some(Self { database, pooler })
    }

    fn words(&self, words: &[&str]) -> Vec<String> {
        let socket = self.pooler.socket();
        let folder = socket.parent().and_then(|folder| folder.to_str()).expect("a folder").replace('/', "%2F");
        let name = self.database.config().get_dbname().expect("a name").to_owned();
        let store = ["--store".to_owned(), format!("postgres://postgres@{folder}/{name}")];
        store.into_iter().chain(words.iter().map(ToString::to_string)).collect()
    }

    fn ask(&self, project: &TempProject, words: &[&str]) -> Answer {
        project.ask(self.words(words))
    }

    fn json(&self, project: &TempProject, words: &[&str]) -> Value {
        project.json(self.words(words))
    }
}

#[test]
fn a_night_behind_a_pooler_ends_with_every_file_completed() {
    let Some(pooled) = Pooled::create("transaction") else { return };
    let project = TempProject::with_files(&["a", "bad", "c"]);
    pooled.ask(&project, &["store", "init"]).expect_code(0);
    let checked = pooled.ask(&project, &["store", "check"]).expect_code(0);
    assert!(checked.out.contains("through a connection pooler"), "{checked:?}");
    pooled.ask(&project, &["queue", "add", "a", "bad", "c"]).expect_code(0);

    let run = ["run", "-j", "2", "-r", "0", "--shell", PICKY];
    let first = pooled.ask(&project, &run).expect_code(100);
    assert!(first.out.contains("it is bad"), "{first:?}");
    assert!(pooled.ask(&project, &["failures"]).expect_code(0).out.contains("it is bad"));
    project.write("fixed", "");
    pooled.ask(&project, &["retry-failed"]).expect_code(0);
    pooled.ask(&project, &run).expect_code(0);

    let status = pooled.json(&project, &["status"]);
    assert_eq!(status["counts"]["completed"], 3, "{status}");
    pooled.ask(&project, &["report", "--html", "night.html"]).expect_code(0);
    assert!(std::fs::read_to_string(project.path("night.html")).expect("a page").contains("/c"));
    let stop = pooled.ask(&project, &["stop"]).expect_code(0);
    assert_eq!(stop.out, "no run is live: there is nothing to stop\n");
    assert_eq!(pooled.database.count(&project, "completed"), 3, "a direct connection sees the same queue");
}

#[test]
fn runs_behind_a_pooler_share_a_queue() {
    let Some(pooled) = Pooled::create("transaction") else { return };
    let names: Vec<String> = (0..60).map(|number| format!("file{number}")).collect();
    let project = TempProject::with_files(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let other = TempProject::new();
    pooled.ask(&project, &["store", "init"]).expect_code(0);
    let files: Vec<&str> = ["queue", "add"].into_iter().chain(names.iter().map(String::as_str)).collect();
    pooled.ask(&project, &files).expect_code(0);
    let run = ["run", "-j", "2", "--shell", "mkdir {}.once"];
    std::thread::scope(|scope| {
        for place in [&project, &other] {
            scope.spawn(|| {
                let answer = pooled.ask(place, &run);
                // Exit code 75: the other run is still processing the last files.
                assert!([0, 75].contains(&answer.code), "{answer:?}");
            });
        }
    });
    let status = pooled.json(&project, &["status"]);
    assert_eq!((&status["counts"]["completed"], &status["counts"]["failed"]), (&60.into(), &0.into()), "{status}");
}

#[test]
fn a_pooler_of_statements_is_refused_before_anything_changes() {
    let Some(pooled) = Pooled::create("statement") else { return };
    pooled.database.initialise();
    let project = TempProject::with_files(&["a"]);
    let refused = pooled.ask(&project, &["queue", "add", "a"]).expect_code(78);
    assert!(refused.err.contains("error: the connection pooler at postgres:///"), "{refused:?}");
    assert!(refused.err.contains("hint: set its pool_mode to transaction or session"), "{refused:?}");
    assert_eq!(pooled.database.count(&project, "pending"), 0);
}
