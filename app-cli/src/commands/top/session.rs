//! Runs the full-screen view of `autoproc top`.

mod command;
mod wake;

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use autoproc_domain::ports::{StopCause, StopLevel, StopSignal};
use autoproc_domain::{FilePath, ItemId};
use ratatui::crossterm::event::{Event, KeyCode, KeyModifiers};
use rustix::process::{Signal, getpgrp, kill_process_group};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep;

use super::action::Action;
use super::draw::draw;
use super::followed_output::FollowedOutput;
use super::reader::Reader;
use super::snapshot::Snapshot;
use super::state::{Look, Mode, State};
use super::terminal::{self, FullScreen};
use super::text_page::Source;
use super::update::{Effect, Input, update};
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Printable;
use crate::exit_code::ExitCode;
use crate::view::layout::Size;
use crate::view::time::Zone;
use command::{command, in_words};
use wake::Wake;

/// The time after which the view reports a slow command.
const LATE: Duration = Duration::from_millis(500);

type Reading<'a> = Pin<Box<dyn Future<Output = (Reader<'a>, Result<Snapshot, CliError>)> + 'a>>;

/// Shows the view until the user quits or a signal ends it.
///
/// # Errors
/// [`CliError`] if the terminal or signals cannot be used, or if the first read fails.
pub(super) async fn session(context: &Context) -> Result<ExitCode, CliError> {
    let stop = context.wiring.signals()?;
    let (sender, wakes) = unbounded_channel();
    let continued = sender.clone();
    let resume = move || {
        // An error is ignored: if the terminal is gone, reading the keys fails and ends the view.
        let _ = terminal::take();
        let _ = continued.send(Wake::Continued);
    };
    let suspension = context.wiring.suspension(terminal::give_up, resume)?;
    context.console.divert();
    let outcome = match FullScreen::open() {
        Ok(screen) => Session::new(context, screen, stop, wakes).run(sender).await,
        Err(error) => Err(CliError::io("cannot use the terminal", &error)),
    };
    drop(suspension);
    context.console.end_diversion();
    outcome
}

struct Session<'a> {
    context: &'a Context,
    screen: FullScreen,
    stop: Arc<dyn StopSignal>,
    wakes: UnboundedReceiver<Wake>,
    state: State,
    reading: Reading<'a>,
    output: Option<FollowedOutput>,
}

impl<'a> Session<'a> {
    fn new(
        context: &'a Context,
        screen: FullScreen,
        stop: Arc<dyn StopSignal>,
        wakes: UnboundedReceiver<Wake>,
    ) -> Self {
        let look = Look {
            layout: context.console.out().clone(),
            zone: Zone::current(),
            is_coloured: AutoStream::choice(&std::io::stdout()) != ColorChoice::Never,
            options: context.project_option(),
        };
        let state = State::new(look, Size::of(std::io::stdout()));
        let reading = reading(Reader::new(context, String::new()));
        Self { context, screen, stop, wakes, state, reading, output: None }
    }

    async fn run(mut self, sender: UnboundedSender<Wake>) -> Result<ExitCode, CliError> {
        wake::send_keys(sender).map_err(|error| CliError::io("cannot start a thread", &error))?;
        loop {
            self.follow();
            let drawn = self.screen.draw(|frame| draw(&self.state, frame));
            drawn.map_err(|error| CliError::io("cannot write to the terminal", &error))?;
            let effects = match self.next().await? {
                Next::Effects(effects) => effects,
                Next::End(code) => return Ok(code),
            };
            for effect in effects {
                if let Some(code) = self.perform(effect).await? {
                    return Ok(code);
                }
            }
        }
    }

    async fn next(&mut self) -> Result<Next, CliError> {
        let output = async {
            match &mut self.output {
                Some(output) => output.next(self.context).await,
                None => std::future::pending().await,
            }
        };
        let effects = tokio::select! {
            biased;
            request = self.stop.raised_above(StopLevel::Running) => return Ok(Next::End(code(request.cause))),
            wake = self.wakes.recv() => match wake {
                Some(wake) => self.on_wakes(wake)?,
                None => return Ok(Next::End(ExitCode::Success)),
            },
            (reader, read) = &mut self.reading => {
                self.reading = reading(reader);
                self.on_read(read)?
            },
            lines = output => self.on_output(lines),
        };
        Ok(Next::Effects(effects))
    }

    /// Applies waiting messages, up to the first message with effects.
    fn on_wakes(&mut self, first: Wake) -> Result<Vec<Effect>, CliError> {
        let mut effects = Vec::new();
        let mut next = Some(first);
        while let Some(wake) = next {
            effects.extend(match wake {
                Wake::Terminal(event) => update(&mut self.state, Input::Terminal(event)),
                Wake::Continued => vec![Effect::Redraw],
                Wake::NoKeys(error) => return Err(no_keys(&error)),
            });
            next = if effects.is_empty() { self.wakes.try_recv().ok() } else { None };
        }
        Ok(effects)
    }

    fn on_read(&mut self, read: Result<Snapshot, CliError>) -> Result<Vec<Effect>, CliError> {
        let warnings = self.context.console.take_diverted();
        if !warnings.is_empty() {
            update(&mut self.state, Input::Outcome(in_one_line(&warnings)));
        }
        let input = match read {
            Ok(snapshot) => Input::Snapshot(Box::new(snapshot)),
            Err(error) if self.state.snapshot.is_none() => return Err(error),
            Err(error) => Input::Trouble(error.message().to_owned()),
        };
        Ok(update(&mut self.state, input))
    }

    fn on_output(&mut self, lines: Vec<String>) -> Vec<Effect> {
        let Mode::Read(page) = &self.state.mode else { return Vec::new() };
        let source = page.source.clone();
        update(&mut self.state, Input::Text(source, lines))
    }

    fn follow(&mut self) {
        let shown = match &self.state.mode {
            Mode::Read(page) => match page.source {
                Source::Output(_, id) => Some(id),
                _ => None,
            },
            _ => None,
        };
        if self.output.as_ref().map(|output| output.id) != shown {
            self.output = shown.map(FollowedOutput::new);
        }
        if let Some((output, snapshot)) = self.output.as_mut().zip(self.state.snapshot.as_ref()) {
            output.see(snapshot, self.context);
        }
    }

    /// Carries out an effect. Returns the exit code if the view ends.
    async fn perform(&mut self, effect: Effect) -> Result<Option<ExitCode>, CliError> {
        match effect {
            Effect::Quit => return Ok(Some(ExitCode::Success)),
            // Suspends the whole process group, as the terminal does when it is not in raw mode.
            Effect::Suspend => drop(kill_process_group(getpgrp(), Signal::TSTP)),
            Effect::Redraw => {
                let erased = self.screen.erase();
                erased.map_err(|error| CliError::io("cannot write to the terminal", &error))?;
            }
            Effect::Refresh => self.read_again(),
            Effect::ReadStory(path, id) => return self.read_story(path, id).await,
            Effect::CarryOut(action) => return self.carry_out(&action).await,
        }
        Ok(None)
    }

    fn read_again(&mut self) {
        self.reading = reading(Reader::new(self.context, self.state.filter.clone()));
    }

    /// Shows the output of `queue show`, then reads the queue again. After `queue show`,
    /// `Storage::changed` may not report the latest change.
    async fn read_story(&mut self, path: FilePath, id: ItemId) -> Result<Option<ExitCode>, CliError> {
        let words = vec!["queue".into(), "show".into(), path.as_os_str().to_owned()];
        let lines = match self.command(words).await? {
            Carried::Out(Ok(printed)) => printed.lines().map(|line| Printable(line).to_string()).collect(),
            Carried::Out(Err(error)) => vec![in_words(&error)],
            Carried::Left(code) => return Ok(Some(code)),
        };
        update(&mut self.state, Input::Text(Source::Story(path, id), lines));
        self.read_again();
        Ok(None)
    }

    async fn carry_out(&mut self, action: &Action) -> Result<Option<ExitCode>, CliError> {
        let outcome = match self.command(action.words()).await? {
            Carried::Out(Ok(printed)) => in_one_line(&printed),
            Carried::Out(Err(error)) => in_words(&error),
            Carried::Left(code) => return Ok(Some(code)),
        };
        update(&mut self.state, Input::Outcome(outcome));
        self.read_again();
        Ok(None)
    }

    /// Executes a command line. Ignores all keys except `q` and Ctrl-C during the command.
    /// Otherwise, a key could answer a question before the user sees it.
    ///
    /// # Errors
    /// If the keys can no longer be read. The command may already have taken effect.
    async fn command(&mut self, words: Vec<OsString>) -> Result<Carried, CliError> {
        let mut done = pin!(command(words, self.context));
        let mut is_late = pin!(sleep(LATE));
        let mut was_late = false;
        let done = loop {
            tokio::select! {
                biased;
                request = self.stop.raised_above(StopLevel::Running) => return Ok(Carried::Left(code(request.cause))),
                done = &mut done => break done,
                Some(wake) = self.wakes.recv() => match wake {
                    Wake::Terminal(event) if leaves(&event) => return Ok(Carried::Left(ExitCode::Success)),
                    Wake::Terminal(event @ Event::Resize(..)) => drop(update(&mut self.state, Input::Terminal(event))),
                    Wake::Terminal(_) => continue,
                    Wake::NoKeys(error) => return Err(no_keys(&error)),
                    Wake::Continued => drop(self.screen.erase()),
                },
                () = &mut is_late, if !was_late => {
                    was_late = true;
                    let text = "waiting for the command to end; q leaves without waiting".to_owned();
                    update(&mut self.state, Input::Outcome(text));
                }
            }
            // An error is ignored here, because the drawing after the command reports it too.
            let _ = self.screen.draw(|frame| draw(&self.state, frame));
        };
        let printed = self.context.console.take_diverted();
        Ok(Carried::Out(done.map(|_| printed)))
    }
}

fn leaves(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    match key.code {
        KeyCode::Char('q') => key.modifiers.is_empty(),
        KeyCode::Char('c') => key.modifiers == KeyModifiers::CONTROL,
        _ => false,
    }
}

fn no_keys(error: &io::Error) -> CliError {
    CliError::io("cannot read the keys", error)
}

enum Carried {
    Out(Result<String, CliError>),
    /// The view ended before the command. The command may still have taken effect.
    Left(ExitCode),
}

enum Next {
    Effects(Vec<Effect>),
    End(ExitCode),
}

fn reading(mut reader: Reader<'_>) -> Reading<'_> {
    Box::pin(async move {
        let read = reader.next().await;
        (reader, read)
    })
}

fn in_one_line(text: &str) -> String {
    Printable(&text.lines().collect::<Vec<_>>().join("; ")).to_string()
}

fn code(cause: Option<StopCause>) -> ExitCode {
    match cause {
        Some(StopCause::Interrupt) => ExitCode::Interrupted,
        Some(StopCause::HangUp) => ExitCode::HungUp,
        _ => ExitCode::Terminated,
    }
}
