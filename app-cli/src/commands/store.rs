//! The `store` commands, for a queue in a database.

mod check;
mod init;
mod prune;

use clap::Subcommand;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::wiring::Server;

/// The command on the database.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Create the schema of the queue in the database, or update it
    #[command(
        after_help = "The database must exist, with the encoding UTF8, and the user needs the right to create a schema in it.
Files in the queue stay. Runs of an earlier version of autoproc should end before an update.

Exit status:
  0   the schema is that of this version
  73  the user lacks a right, or the server is read-only
  75  the server cannot be reached
  78  the server refuses the user or its settings are unsafe, or a newer version made the schema

Example:
  autoproc store init --store postgres://anna@db.example.com/queue"
    )]
    Init,
    /// Check the connection, the settings of the server, its clock, and the schema
    #[command(after_help = "Changes nothing.

Exit status:
  0   no problems; there may be warnings
  73  the user may not read the schema
  75  the server cannot be reached
  78  the server refuses the user, or something must change

Example:
  autoproc store check --store postgres://anna@db.example.com/queue")]
    Check,
    /// Remove old runs from the history in the database
    Prune(prune::PruneArgs),
}

pub(super) async fn store(command: &StoreCommand, context: &Context) -> Result<ExitCode, CliError> {
    let server = server(context)?;
    match command {
        StoreCommand::Init => init::init(server, context).await,
        StoreCommand::Check => check::check(server, context).await,
        StoreCommand::Prune(args) => prune::prune(args, server, context).await,
    }
}

fn server(context: &Context) -> Result<&Server, CliError> {
    context.wiring.server().ok_or_else(|| {
        CliError::usage("`autoproc store` works on a queue in a database, and no database is named")
            .with_hint("name the database with --store postgres://USER@HOST/DATABASE, or with AUTOPROC_STORE")
    })
}
