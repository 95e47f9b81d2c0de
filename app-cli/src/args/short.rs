//! What scripts type once for each file, understood without a definition of the command line.
//!
//! The whole definition has some two hundred arguments, and to build it, or only the part that speaks of `queue add`, takes
//! longer than all that `queue add` does before it opens the queue. So the plain words and flags of that one command are
//! read here. Whatever is not understood, for the slightest reason, is left to the whole definition: so there is one set of
//! messages and help texts, and what is understood here means there the same.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use super::{AddArgs, Cli, ColorWhen, Command, GlobalArgs, PathListArgs, QueueCommand};
use crate::priority;

/// The command line, where it is a plain `queue add` and nothing is wrong with it.
pub(super) fn parse(words: &[OsString]) -> Option<Cli> {
    let mut form = Form::new();
    let mut words = words.iter().skip(1);
    form.options_until("queue", &mut words)?;
    form.options_until("add", &mut words)?;
    form.add(&mut words)?;
    let is_complete = !form.add.words.is_empty() || form.add.lists.from_file.is_some();
    is_complete.then_some(Cli { global: form.global, command: Command::Queue(QueueCommand::Add(form.add)) })
}

/// What was understood so far; at first, what holds where nothing is said.
struct Form {
    global: GlobalArgs,
    add: AddArgs,
}

impl Form {
    fn new() -> Self {
        let global = GlobalArgs {
            project_dir: None,
            lock_timeout: Duration::from_secs(10),
            allow_network_fs: false,
            json: false,
            color: ColorWhen::Auto,
        };
        let lists = PathListArgs { from_file: None, null: false, hidden: false, must_exist: false };
        Self { global, add: AddArgs { words: Vec::new(), priority: None, lists } }
    }

    /// The options before a command's name, and that name.
    fn options_until<'a>(&mut self, name: &str, words: &mut impl Iterator<Item = &'a OsString>) -> Option<()> {
        loop {
            let word = words.next()?;
            if word == name {
                return Some(());
            }
            self.global_option(word.to_str()?, words)?;
        }
    }

    fn global_option<'a>(&mut self, word: &str, words: &mut impl Iterator<Item = &'a OsString>) -> Option<()> {
        match word {
            "--json" => flag(&mut self.global.json),
            "--allow-network-fs" => flag(&mut self.global.allow_network_fs),
            "--project-dir" => path(&mut self.global.project_dir, words),
            _ => None,
        }
    }

    fn add<'a>(&mut self, words: &mut impl Iterator<Item = &'a OsString>) -> Option<()> {
        while let Some(word) = words.next() {
            if is_plain(word) {
                self.add.words.push(word.clone());
            } else {
                self.add_option(word.to_str()?, words)?;
            }
        }
        Some(())
    }

    fn add_option<'a>(&mut self, word: &str, words: &mut impl Iterator<Item = &'a OsString>) -> Option<()> {
        let lists = &mut self.add.lists;
        match word {
            "--must-exist" => flag(&mut lists.must_exist),
            "--hidden" => flag(&mut lists.hidden),
            "--null" => flag(&mut lists.null),
            "--from-file" => path(&mut lists.from_file, words),
            "-p" | "--priority" => {
                let value = words.next().filter(|value| is_plain(value))?.to_str()?;
                once(&mut self.add.priority, priority::parse(value).ok()?)
            }
            _ => self.global_option(word, words),
        }
    }
}

/// A word that is no option, nor could be taken for one or for nothing.
fn is_plain(word: &OsStr) -> bool {
    !matches!(word.as_encoded_bytes().first(), None | Some(b'-'))
}

fn flag(flag: &mut bool) -> Option<()> {
    (!std::mem::replace(flag, true)).then_some(())
}

fn path<'a>(path: &mut Option<PathBuf>, words: &mut impl Iterator<Item = &'a OsString>) -> Option<()> {
    once(path, words.next().filter(|value| is_plain(value))?.into())
}

/// What is said twice is not understood here.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;

    /// Words that mean something to one command or another, among them every option that `queue add` has.
    fn word() -> impl Strategy<Value = &'static str> {
        prop_oneof![
            4 => prop::sample::select(vec!["queue", "add"]),
            2 => prop::sample::select(vec!["a.pdf", "5", "-", "--", "-3"]),
            1 => prop::sample::select(vec![
                "run", "status", "list", "help", "--help", "-h", "--version", "-V", "--json", "--json=1", "--color", "never",
                "--color=never", "--project-dir", "/tmp", "--lock-timeout", "--lock-timeout=3s", "--allow-network-fs",
                "--priority", "-p", "-p7", "--from-file", "-0", "--must-exist", "--null", "--hidden", "", "--status",
                "--nonsense",
            ]),
        ]
    }

    fn told(cli: Option<Cli>) -> Option<String> {
        cli.map(|cli| format!("{cli:?}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_understood_here_means_the_same_there(words in prop::collection::vec(word(), 0..6), forms in any::<bool>()) {
            let start: &[&str] = if forms { &["autoproc", "queue", "add"] } else { &["autoproc"] };
            let words: Vec<_> = start.iter().copied().chain(words).map(OsString::from).collect();
            if let Some(short) = parse(&words) {
                prop_assert_eq!(told(Some(short)), told(Cli::try_parse_from(&words).ok()));
            }
        }
    }

    #[test]
    fn additions_are_understood_here() {
        for line in ["queue add a.pdf", "queue add a.pdf 5", "--json queue add --project-dir /tmp a.pdf b.pdf -p 7"] {
            let words: Vec<_> = std::iter::once("autoproc").chain(line.split(' ')).map(OsString::from).collect();
            assert!(parse(&words).is_some(), "{line}");
        }
        assert!(
            parse(&["autoproc", "queue", "add"].map(OsString::from)).is_none(),
            "the whole definition says what is missing"
        );
    }
}
