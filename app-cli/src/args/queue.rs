//! `queue …`: the forms that look at the queue and change it.

use std::ffi::OsString;
use std::path::PathBuf;

use autoproc_domain::{Priority, Status};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};

use crate::priority;

/// What to do with the queue.
#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Add files
    Add(AddArgs),
    /// List files, in the order in which they are taken
    List(ListArgs),
    /// Take everything out but what is being processed
    Clear(ClearArgs),
    /// Print how many files wait
    #[command(after_help = "Example:
  test \"$(autoproc queue size)\" -eq 0 && echo nothing waits")]
    Size,
    /// Show the file that would be taken next
    #[command(after_help = "Example:
  autoproc queue peek")]
    Peek,
    /// Show all that is known of one file
    Show(ShowArgs),
    /// Take files out
    Remove(RemoveArgs),
    /// Change a file's priority
    #[command(visible_alias = "prioritize")]
    Prioritise(PrioritiseArgs),
    /// Print the whole queue as it is now, as one JSON document
    #[command(
        after_help = "The document has the format of QUEUE-STATE.json without its `store` section, and opens as \
one.\nIt waits for no other process, and is true at any moment, also during a run.

Examples:
  autoproc queue export > queue.json
  autoproc queue export | jq '.items | length'"
    )]
    Export,
    /// End the leftover processes of dead runs, and return their files to pending
    Recover(RecoverArgs),
    /// Say what is damaged in the queue's files and what can be saved, or repair it
    Repair(RepairArgs),
}

/// `queue recover`
#[derive(Debug, Args)]
#[command(
    after_help = "A run that was killed is found by its lock. What it left running is ended; only when nothing is left its \
files wait again. The attempt that was under way stays counted; a file that has none left ends as failed. Each `run` does \
the same when it begins.

Exit status:
  0   there was nothing to take back, or everything was
  75  some files stay `processing`: something may still be at work on them

Examples:
  autoproc queue recover
  autoproc queue recover --force    after a look at what is named"
)]
pub(crate) struct RecoverArgs {
    /// Take files back even if something may still be at work on them
    #[arg(long)]
    pub(crate) force: bool,
    /// Attempts a file may have after the first one, as for `run`
    #[arg(short, long, value_name = "N", default_value = "3")]
    pub(crate) retries: u32,
}

/// `queue repair`
#[derive(Debug, Args)]
#[command(
    after_help = "Without --apply nothing is changed. With it, the files are first copied to a folder backup-TIME \
beside them.

Exit status:
  0   nothing is damaged, or it was repaired
  65  something is damaged; it was not touched
  75  a run is alive; try again when it has ended

Examples:
  autoproc queue repair
  autoproc queue repair --apply salvage"
)]
pub(crate) struct RepairArgs {
    /// Repair it in this way
    #[arg(long, value_name = "CHOICE", value_enum)]
    pub(crate) apply: Option<ChoiceWord>,
}

/// A way to repair the queue, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChoiceWord {
    /// Keep what stands before the damage in the journal
    Truncate,
    /// Also keep the valid lines after the damage; of a damaged
    /// QUEUE-STATE.json, each line that can be read
    Salvage,
    /// Keep QUEUE-STATE.json alone and put the journal aside
    UseSnapshot,
}

/// `queue add`
#[derive(Debug, Args)]
#[command(
    override_usage = "autoproc queue add [OPTIONS] FILE [PRIORITY]
       autoproc queue add [OPTIONS] [-p N] FILE FILE...
       COMMAND | autoproc queue add [OPTIONS] [-p N] [-0] -",
    after_help = "A file that waits already is not added twice; its priority is raised where the new one is higher.
Of two words, an integer second one is the priority: write ./5 for a file named 5.
A folder stands for the files below it, `-` for a list on standard input.

Examples:
  autoproc queue add report.pdf 5
  autoproc queue add *.pdf -p -10
  find . -name '*.pdf' -print0 | autoproc queue add -0 -
  autoproc queue add -- -name-with-a-dash.pdf"
)]
pub(crate) struct AddArgs {
    /// Files or folders; after a single file, an integer is its priority
    #[arg(value_name = "FILE", required_unless_present = "from_file", allow_negative_numbers = true)]
    pub(crate) words: Vec<OsString>,
    /// Priority of all the files: higher is taken first [default: 0]
    #[arg(short, long, value_name = "N", allow_negative_numbers = true, value_parser = priority::parse)]
    pub(crate) priority: Option<Priority>,
    #[command(flatten)]
    pub(crate) lists: PathListArgs,
}

/// How lists of paths are read.
#[derive(Debug, Args)]
pub(crate) struct PathListArgs {
    /// Read paths from this file too, one a line; `-` is standard input
    #[arg(long, value_name = "LIST")]
    pub(crate) from_file: Option<PathBuf>,
    /// Paths in lists end with a NUL byte instead of a line end
    #[arg(short = '0', long)]
    pub(crate) null: bool,
    /// Take hidden files and folders too, if a folder is given
    #[arg(long)]
    pub(crate) hidden: bool,
    /// Fail, and add nothing, if a file does not exist
    #[arg(long)]
    pub(crate) must_exist: bool,
}

/// `queue list`
#[derive(Debug, Args)]
#[command(after_help = "Where standard output is no terminal, the columns are separated by tabs:
number, status, priority, attempts, file, note.

Examples:
  autoproc queue list
  autoproc queue list --status failed --status timeout
  autoproc queue list -n 20 --json")]
pub(crate) struct ListArgs {
    /// Only files in this status; may be repeated
    #[arg(long = "status", value_name = "STATUS", value_parser = status_parser(), value_delimiter = ',')]
    pub(crate) statuses: Vec<Status>,
    /// At most this many
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

/// `queue clear`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc queue clear
  autoproc queue clear --status completed")]
pub(crate) struct ClearArgs {
    /// Only files in this status; may be repeated
    #[arg(long = "status", value_name = "STATUS", value_parser = status_parser(), value_delimiter = ',')]
    pub(crate) statuses: Vec<Status>,
}

/// `queue show`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc queue show report.pdf
  autoproc queue show 17")]
pub(crate) struct ShowArgs {
    /// A file, or the number `queue list` shows for it
    #[arg(value_name = "FILE|ID")]
    pub(crate) item: OsString,
}

/// `queue remove`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  autoproc queue remove report.pdf draft.pdf")]
pub(crate) struct RemoveArgs {
    /// Files in the queue; if one of them is not, nothing is removed
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// `queue prioritise`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  autoproc queue prioritise report.pdf 10")]
pub(crate) struct PrioritiseArgs {
    /// A file that waits or is being processed
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Its new priority: higher is taken first
    #[arg(value_name = "PRIORITY", allow_negative_numbers = true, value_parser = priority::parse)]
    pub(crate) priority: Priority,
}

fn status_parser() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.map(possible_status))
        .try_map(|word| Status::from_word(&word).ok_or("unknown status"))
}

fn possible_status(status: Status) -> PossibleValue {
    PossibleValue::new(status.word()).help(match status {
        Status::Pending => "Waits for its turn",
        Status::Processing => "Is being processed",
        Status::Completed => "Ended well",
        Status::Failed => "Ended badly",
        Status::Timeout => "Ended badly, out of time",
    })
}
