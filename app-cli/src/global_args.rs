use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::console::ColorWhen;
use crate::path_map::MapRule;
use crate::store_choice::StoreUrl;

const GLOBAL: &str = "Global options";

const PROJECT_DIR_HELP: &str = "Folder of the queue [default: AUTOPROC_PROJECT_DIR, or CLAUDE_PROJECT_DIR, or the nearest folder upwards with .claude/mission-control, or the current folder]";

const STORE_HELP: &str = "PostgreSQL database of a queue that many machines share, as postgres://USER@HOST/DATABASE [default: AUTOPROC_STORE, or url in the section [store] of autoproc.toml, or the queue in the project folder]";

const MAP_HELP: &str = "Folder in the paths of a queue in a database, and the same folder on this machine, as /data=/mnt/nas/data; may be repeated, and the longest match applies [default: AUTOPROC_MAP, one rule a line, or map in the section [store] of autoproc.toml]";

/// The options of every command.
#[derive(Debug, Args)]
pub(crate) struct GlobalArgs {
    /// Folder of the queue [default: the nearest folder upwards with a queue]
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        value_hint = ValueHint::DirPath,
        long_help = PROJECT_DIR_HELP,
        help_heading = GLOBAL
    )]
    pub(crate) project_dir: Option<PathBuf>,
    /// PostgreSQL database of a queue that many machines share [env: `AUTOPROC_STORE`]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        value_hint = ValueHint::Url,
        long_help = STORE_HELP,
        hide_short_help = true,
        help_heading = GLOBAL
    )]
    pub(crate) store: Option<StoreUrl>,
    /// Folder in the paths of a queue in a database, and the same folder on this machine; may be
    /// repeated
    #[arg(
        long,
        global = true,
        value_name = "STORED=HERE",
        long_help = MAP_HELP,
        hide_short_help = true,
        help_heading = GLOBAL
    )]
    pub(crate) map: Vec<MapRule>,
    /// Longest time to wait while another process writes to the queue
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        allow_negative_numbers = true,
        default_value = "10",
        value_parser = autoproc_time_text::parse,
        hide_short_help = true,
        help_heading = GLOBAL
    )]
    pub(crate) lock_timeout: Duration,
    /// Allow writing to a queue on a network file system [env:
    /// `AUTOPROC_ALLOW_NETWORK_FS=1`]
    #[arg(long, global = true, hide_short_help = true, help_heading = GLOBAL)]
    pub(crate) allow_network_fs: bool,
    /// Print data as JSON
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// Use of colour; `auto` follows `NO_COLOR` and `CLICOLOR_FORCE`
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        hide_possible_values = true,
        default_value = "auto",
        hide_short_help = true,
        help_heading = GLOBAL
    )]
    pub(crate) color: ColorWhen,
}
