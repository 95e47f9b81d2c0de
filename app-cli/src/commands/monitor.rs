//! `monitor`: shows the progress of the latest run.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoproc_domain::Timestamp;
use autoproc_domain::ports::StopLevel;
use autoproc_domain::run::ProcessorStatus;
use autoproc_system::MonitorDocument;
use clap::Args;
use serde::Serialize;
use tokio::time::timeout;

use crate::console::{Console, Delivery};
use crate::context::{Context, OTHER_FOLDER};
use crate::error::{CliError, in_one_line};
use crate::escape::Shown;
use crate::view::screen::Screen;
use crate::view::time::{local, running_span, span};
use crate::view::{View, files};

const INTERVAL: Duration = Duration::from_secs(1);

const UNKNOWN: &str = "–";

/// The arguments of `monitor`.
#[derive(Debug, Args)]
#[command(after_help = "Prints the file AUTONOMOUS-MONITOR.json, which a run keeps up to date. If no run is live, it
describes the latest one. `autoproc status` shows more: all live runs, and what waits.

Examples:
  autoproc monitor
  autoproc monitor --watch
  autoproc monitor --json | jq .error_rate_percent")]
pub(crate) struct MonitorArgs {
    /// Repeat every second until the run ends; Ctrl-C ends only the watching. In a pipe, print each
    /// change
    #[arg(short, long)]
    watch: bool,
}

pub(super) async fn monitor(args: &MonitorArgs, context: &Context) -> Result<(), CliError> {
    if args.watch { watch(context).await } else { context.show(&Monitor::read(context).await?) }
}

/// Shows the progress until no run is live or a signal arrives.
async fn watch(context: &Context) -> Result<(), CliError> {
    let stop = context.wiring.signals()?;
    let is_redrawn = !context.json && context.console.out().can_redraw() && context.console.err().can_redraw();
    if is_redrawn {
        context.console.attach();
    }
    let mut printed = None;
    loop {
        let monitor = Monitor::read(context).await?;
        if !monitor.is_live {
            break;
        }
        if is_redrawn {
            context.console.draw(monitor.lines(&context.console)?);
        } else if printed.as_ref() != Some(&monitor.document) {
            if context.deliver(&monitor)? == Delivery::Cut {
                return Ok(());
            }
            printed = Some(monitor.document);
        }
        if timeout(INTERVAL, stop.raised_above(StopLevel::Running)).await.is_ok() {
            break;
        }
    }
    context.console.detach();
    context.show(&Monitor::read(context).await?)
}

struct Monitor {
    /// The content of the monitor file; the default if the file is missing or unreadable.
    document: MonitorDocument,
    is_live: bool,
    is_paused: bool,
    has_queue: bool,
    project_dir: PathBuf,
    /// How the text names the queue, such as `queue of FOLDER`.
    queue: String,
    /// The options that a suggested command needs to find the queue; see
    /// [`Context::project_option`].
    project_option: String,
    now: Timestamp,
}

impl Monitor {
    /// Lists the live runs before it reads the monitor file. If no run is live, the file is final.
    async fn read(context: &Context) -> Result<Self, CliError> {
        let control = context.wiring.run_control();
        let mut live = context.runs().live().await?;
        live.retain(|run| control.is_described_here(run));
        let document = context.wiring.monitor().unwrap_or_else(|error| {
            context.console.warn(in_one_line(&error));
            None
        });
        Ok(Self {
            document: document.unwrap_or_default(),
            is_live: !live.is_empty(),
            is_paused: !control.pauses(&live).is_empty(),
            has_queue: context.had_queue,
            project_dir: context.project.root().to_owned(),
            queue: context.queue_in_words(),
            project_option: context.project_option(),
            now: context.now(),
        })
    }

    fn lines(&self, console: &Console) -> Result<Vec<String>, CliError> {
        let (layout, size) = (console.err(), Console::err_size());
        let mut text = Vec::new();
        let written = self.human(&mut Screen::new(&mut text, &layout));
        written.map_err(|error| CliError::io("cannot describe the run", &error))?;
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().take(size.rows.saturating_sub(1));
        Ok(lines.map(|line| layout.cut_at_end(line, size.columns)).collect())
    }

    fn heading(&self) -> String {
        let MonitorDocument { status, started_at, last_updated, .. } = self.document;
        let began = started_at.map_or_else(String::new, local);
        match (self.is_live, status) {
            (true, ProcessorStatus::Running) => {
                let elapsed = started_at.map_or(Duration::ZERO, |at| self.now.saturating_since(at));
                let paused = if self.is_paused { ", paused (`autoproc resume` continues it)" } else { "" };
                format!("running since {began} ({}){paused}", running_span(elapsed))
            }
            (true, _) => "a run is live, and has not reported its progress yet".to_owned(),
            (false, ProcessorStatus::Idle) => "no run is live, and none was started here yet".to_owned(),
            (false, ProcessorStatus::Running) => {
                let resume = format!("`autoproc resume{}` starts it again", self.project_option);
                format!("no run is live; the latest started at {began} and did not shut down cleanly ({resume})")
            }
            (false, ProcessorStatus::Stopped | ProcessorStatus::Completed) => {
                let ended = last_updated.map_or_else(String::new, |at| format!(" at {}", local(at)));
                format!("no run is live; the latest {}{ended}", status.word())
            }
        }
    }

    fn is_reporting(&self) -> bool {
        self.is_live && self.document.status == ProcessorStatus::Running
    }

    fn current(&self) -> String {
        let Some(file) = self.document.current_file.as_deref().filter(|_| self.is_reporting()) else {
            return "none".to_owned();
        };
        let since = self.document.current_file_started;
        let since =
            since.map_or_else(String::new, |at| format!(", for {}", running_span(self.now.saturating_since(at))));
        format!("{}{since}", Shown(Path::new(file)))
    }
}

impl View for Monitor {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if !self.has_queue {
            return writeln!(out, "there is no queue in {}; {OTHER_FOLDER}", Shown(&self.project_dir));
        }
        writeln!(out, "{}", self.queue)?;
        writeln!(out, "{}", self.heading())?;
        let document = &self.document;
        if document.status == ProcessorStatus::Idle {
            return Ok(());
        }
        let average = Duration::try_from_secs_f64(document.avg_file_duration_seconds).unwrap_or_default();
        writeln!(out, "  current file    {}", self.current())?;
        writeln!(out, "  in the queue    {}", files(document.files_in_queue))?;
        writeln!(out, "  not ended       {}", files(document.estimated_remaining_files))?;
        writeln!(out, "  processed       {}", document.files_processed)?;
        writeln!(out, "  failed          {} ({:.1}%)", document.files_failed, document.error_rate_percent)?;
        let has_ended = document.files_processed + document.files_failed > 0;
        writeln!(out, "  time per file   {}", if has_ended { span(average) } else { UNKNOWN.to_owned() })?;
        let updated = document.last_updated.map_or_else(|| "never".to_owned(), local);
        writeln!(out, "  last updated    {updated}")
    }

    fn document(&self) -> impl Serialize {
        MonitorJson::new(&self.document, self.is_live)
    }
}

#[derive(Serialize)]
struct MonitorJson {
    status: &'static str,
    current_file: Option<String>,
    files_in_queue: u64,
    files_processed: u64,
    files_failed: u64,
    started_at: Option<String>,
    last_updated: Option<String>,
    current_file_started: Option<String>,
    estimated_remaining_files: u64,
    avg_file_duration_seconds: f64,
    error_rate_percent: f64,
    live: bool,
}

impl MonitorJson {
    fn new(document: &MonitorDocument, is_live: bool) -> Self {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            status: document.status.word(),
            current_file: document.current_file.as_ref().map(|file| file.to_string_lossy().into_owned()),
            files_in_queue: document.files_in_queue,
            files_processed: document.files_processed,
            files_failed: document.files_failed,
            started_at: time(document.started_at),
            last_updated: time(document.last_updated),
            current_file_started: time(document.current_file_started),
            estimated_remaining_files: document.estimated_remaining_files,
            avg_file_duration_seconds: document.avg_file_duration_seconds,
            error_rate_percent: document.error_rate_percent,
            live: is_live,
        }
    }
}
