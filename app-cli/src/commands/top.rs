//! A full-screen live view of the queue.
//!
//! # Theory of operation
//!
//! [`state::State`] contains everything that the view shows. [`update`] applies an input to the
//! state and returns effects. [`draw`] turns the state into lines. Neither function performs I/O.
//!
//! [`session`] waits for inputs and carries out the effects. [`reader`] reads the data of the
//! queue, and [`followed_output`] reads the output of one attempt. [`terminal`] owns the terminal.
//!
//! Each action of the user is an autoproc command line. The view shows this command line and asks
//! for confirmation. It then passes the words to the command-line parser. Therefore, an action
//! always does the same as its command.

mod action;
mod draw;
mod followed_output;
mod last_line;
mod list;
mod reader;
mod session;
mod snapshot;
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod text_page;
mod throttle;
mod throughput;
mod update;

use std::io::{self, IsTerminal as _};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;

pub(super) const HELP: &str = "Keys:
  q, Ctrl-C         quit; runs continue
  Tab, 1, 2, 3      next pane; the pane of this number
  Up, Down, k, j    move; also PgUp, PgDn, Home, End, g, G, and the mouse wheel
  Enter             what `queue show` prints about the file; the files of a reason
  l                 the output of the file's latest attempt, as it grows
  /                 show only files and reasons that contain a text
  p, h, c           change the priority of the file; hold or release it; cancel it
  r                 retry the failed files of the selected reason
  s, S              stop the runs after their current files; stop them now
  ?                 these keys

An action asks first, and shows the command that it stands for.

Examples:
  autoproc top
  autoproc top --store postgres://anna@db.example.com/queue";

const STATUS: &str = "`autoproc status` prints the state of the queue once; with --json as JSON";

pub(super) async fn top(context: &Context) -> Result<ExitCode, CliError> {
    if let Some(reason) = obstacle(context) {
        return Err(CliError::usage(reason).with_hint(STATUS));
    }
    context.require_queue()?;
    session::session(context).await
}

fn obstacle(context: &Context) -> Option<&'static str> {
    if context.json {
        return Some("`top` is a view for a terminal and has no JSON");
    }
    if !context.console.out().is_terminal() || !io::stdin().is_terminal() {
        return Some("`top` needs a terminal for its output and its keys");
    }
    let is_dumb = !context.console.out().can_redraw();
    is_dumb.then_some("`top` needs a terminal that can move its cursor, and TERM is `dumb`")
}
