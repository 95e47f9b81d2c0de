//! What scripts type once for each file, understood without first building the definition of every other command.
//!
//! That definition has some two hundred arguments, and to build it takes longer than anything else that `queue add` does
//! before it opens the queue. Whatever is not understood here, for the slightest reason, is left to the whole definition:
//! so there is one set of messages and help texts, and what is understood here means there the same.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use super::{AddArgs, Cli, Command, GlobalArgs, QueueCommand};

#[derive(Debug, Parser)]
struct Short {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: ShortCommand,
}

#[derive(Debug, Subcommand)]
enum ShortCommand {
    #[command(subcommand)]
    Queue(ShortQueueCommand),
}

#[derive(Debug, Subcommand)]
enum ShortQueueCommand {
    Add(AddArgs),
}

/// The command line, where it is a `queue add` and nothing is wrong with it.
pub(super) fn parse(words: &[OsString]) -> Option<Cli> {
    // To fail takes longer than to look.
    if !words.iter().any(|word| word == "add") {
        return None;
    }
    let Short { global, command: ShortCommand::Queue(ShortQueueCommand::Add(args)) } =
        Short::try_parse_from(words).ok()?;
    Some(Cli { global, command: Command::Queue(QueueCommand::Add(args)) })
}

#[cfg(test)]
mod tests {
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
                "--priority", "-p", "-p7", "--from-file", "-0", "--must-exist", "--null", "--status", "--nonsense",
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
        for line in ["queue add a.pdf", "queue add a.pdf 5", "--json queue add --project-dir /tmp a.pdf b.pdf"] {
            let words: Vec<_> = std::iter::once("autoproc").chain(line.split(' ')).map(OsString::from).collect();
            assert!(parse(&words).is_some(), "{line}");
        }
        assert!(
            parse(&["autoproc", "queue", "add"].map(OsString::from)).is_none(),
            "the whole definition says what is missing"
        );
    }
}
