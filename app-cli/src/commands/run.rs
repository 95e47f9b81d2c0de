//! `run`: adds files and processes the queue.

mod args;
mod backoff_rules;
mod dry_run;
mod end_of_run;
mod failures;
mod foresight;
mod hooks;
mod joblog;
mod limits;
mod live;
mod misplaced;
mod other_runs;
mod output;
mod pace;
mod placeholders;
mod printing;
mod program;
mod progress;
mod pruning;
mod recipe;
mod repetition;
mod resources;
mod results;
mod run_clock;
mod show_output;
mod store_trouble;
mod summary;
mod time_limit;
mod unaccounted;
mod until;
mod waits;
mod work;

use std::sync::Arc;
use std::time::Instant;

use autoproc_domain::ports::{Observer, StopLevel};
use autoproc_domain::request::{AnswerNeeded, Repeat, Scope};
use autoproc_domain::run::{Ports, ProcessorError, RunConfig};
use autoproc_domain::{AutonomousProcessor, Recipe, RetryPolicy, RunId};
use autoproc_subprocess::StdoutTo;

use super::queue::add::{self, Added};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::paths::{Absent, Gathered, PathSource};
use crate::view::time::Zone;
use crate::wiring::{AttemptListener, OnSuspension, RunSettings, Server, check_process_table};
use backoff_rules::Rules;
use end_of_run::EndOfRun;
use failures::Failures;
use hooks::Hooks;
use joblog::Joblog;
use printing::Printing;
use progress::Progress;
use pruning::{Pruner, Pruning};
use resources::ResourceTally;
use show_output::ShowOutput;
use summary::Summary;
use waits::Waits;
use work::Work;

pub(super) use args::RunArgs;
pub(super) use misplaced::options;
pub(super) use until::is_past;

pub(super) async fn run(mut args: RunArgs, context: &Context) -> Result<ExitCode, CliError> {
    let log = args.hooks.joblog.as_deref().map(|path| joblog::checked(path, context)).transpose()?;
    let source = PathSource::new(std::mem::take(&mut args.files), &args.lists)?.leaving_out(log);
    let (command, workflow) = (std::mem::take(&mut args.command), std::mem::take(&mut args.workflow));
    let work = Work::new(command, args.shell.take(), workflow.into())?;
    // Reports an invalid command before anything changes: it would fail on every file.
    program::check(&work)?;
    let stdout_to = args.output.stdout_pattern(&work)?;
    check_work(&work, &source, &args, context)?;
    if args.dry_run {
        return dry_run::dry_run(&source, &work, stdout_to.as_ref(), context).await;
    }
    check_process_table()?;
    if source.is_empty() {
        misplaced::check_files(&work, args.all, context).await?;
    }
    let retry = retry_policy(&args);
    let rules = Rules::new(&args.backoff_on, &retry, args.max_backoff);
    let mut config = config(&args, &work, retry, rules.clone(), context)?;
    until::announce(config.until, &args, context);
    let gathered = if source.is_empty() { None } else { Some(source.gather(Absent::Refuse, &context.surroundings())?) };
    if let Some(gathered) = gathered.as_ref().filter(|gathered| gathered.files.is_empty() && !context.had_queue) {
        // Without files and without a queue, a run would only create an empty project.
        add::report(gathered, args.quiet > 0, context);
        return nothing_found(config.run, &args, context);
    }
    let ok_exits = ok_exits(&work, &config.retry);
    let stdout_to = match stdout_to {
        Some(pattern) => Some(results::settings(pattern, ok_exits.clone(), config.recipe, context).await?),
        None => None,
    };
    let hooks = Hooks::new(&args.hooks, &config, context)?;
    let progress = progress(&args, &work, &config, rules, context);
    let live = progress.live();
    let joblog =
        args.hooks.joblog.as_deref().map(|path| Joblog::new(path, &work, context).map(Arc::new)).transpose()?;
    let settings = RunSettings {
        task: work.task(context)?.retried_by(&config.retry),
        run: config.run.clone(),
        jobs: config.jobs,
        // With a failure limit, the run must check the limit before each start, so it cannot batch
        // attempts.
        may_batch: config.failure_limit.is_none(),
        grace: args.grace,
        stop_timeout: args.stop_timeout,
        start_limits: args.limits.start_limits(&context.project.state_dir(), &context.cwd)?,
        max_output: args.output.max_output,
        store_output: args.output.store_output,
        keep_tmp: args.output.keep_tmp.then_some(ok_exits),
        on_suspension: live.clone().map(|live| live as Arc<dyn OnSuspension>),
        stdout_to: stdout_to.clone(),
        attempt_listeners: listeners(hooks.as_ref(), joblog.clone()),
    };
    let (resources, failures) = (Arc::new(ResourceTally::default()), Arc::new(Failures::default()));
    let printing = Printing::start(context.console.clone(), context.wiring.attempt_logs())?;
    let observers: Vec<Arc<dyn Observer>> = vec![Arc::new(progress), resources.clone(), failures.clone()];
    let observers = with_optional(observers, &args, &printing, hooks.as_ref());
    let (ports, supervision) = context.wiring.ports(settings, observers)?;
    // Reports an unreadable queue before files are added and the run is recorded.
    context.storage().counts(Scope::Queue).await?;
    let mut named = Scope::Queue;
    // If one of the added files is due, the run has no waits to report.
    let mut may_wait = args.quiet == 0;
    refuse_while_others_stop(&ports).await?;
    if let Some(joblog) = joblog {
        joblog.open()?;
    }
    if let Some(gathered) = gathered {
        let added = add_first(gathered, &source, &args, config.recipe, stdout_to.as_ref(), context).await?;
        named = added.items().collect();
        may_wait &= added.due() == 0;
        if !args.all {
            config.scope = named.clone();
        }
    }
    if args.quiet == 0 {
        context.name_queue();
    }
    let forecast = foresight::prepare(live.as_ref(), &config, context).await?;
    let mut end = EndOfRun {
        run: config.run.clone(),
        scope: config.scope.clone(),
        named,
        is_read_once: source.is_read_once(&context.cwd),
        is_recorded: false,
        recipe: config.recipe,
        until: config.until,
        began: Instant::now(),
        stop: ports.stop.clone(),
        printing,
        resources,
        failures,
        hooks: hooks.map(|hooks| hooks.start(ports.stop.clone())),
    };
    other_runs::warn_of_others(&config, context).await?;
    end.is_recorded = repetition::record(&end.run, end.is_read_once, context).await?;
    let waits = if may_wait { Waits::of(&config.scope, context).await? } else { Waits::default() };
    let pruning = begin_pruning(&args, context);
    begin_console(context);
    waits.show(live.as_deref(), context);
    let result = AutonomousProcessor::new(ports, config).with_forecast(forecast).run().await;
    pruning.end().await;
    supervision.end().await;
    end.report(result, &args, context).await
}

fn begin_pruning(args: &RunArgs, context: &Context) -> Pruning {
    let wiring = &context.wiring;
    let pruner = Pruner::new(context.storage(), wiring.attempt_logs(), args.output.retention(), wiring.executions())
        .with_stored_outputs(wiring.server().map(Server::outputs));
    Pruning::begin(pruner, context.console.clone())
}

fn begin_console(context: &Context) {
    let (zone, clock) = (Zone::current(), context.wiring.clock());
    context.console.begin_times(move || zone.time_of_day(clock.now()));
    context.console.write_on_thread();
}

fn check_work(work: &Work, source: &PathSource, args: &RunArgs, context: &Context) -> Result<(), CliError> {
    misplaced::check_dashes(work, source, context)?;
    work.warn_of_code(&context.console);
    placeholders::warn_of_unknown(work, &context.console);
    misplaced::remark_on_option(work, args.quiet > 0, context);
    if args.checkpoint.is_some() && args.quiet == 0 {
        context.remark("--checkpoint is ignored: every change is a checkpoint, and each result is on the disk at once");
    }
    Ok(())
}

fn nothing_found(run: RunId, args: &RunArgs, context: &Context) -> Result<ExitCode, CliError> {
    if context.json || args.quiet == 0 {
        context.show_named(&Summary::of_nothing(run))?;
    }
    Ok(ExitCode::Success)
}

fn retry_policy(args: &RunArgs) -> RetryPolicy {
    let default = RetryPolicy::default();
    RetryPolicy {
        retries: args.retries,
        backoff_base: args.backoff_base,
        max_backoff: args.max_backoff.unwrap_or(default.max_backoff),
        retry_timeouts: !args.no_retry_timeouts,
        permanent_exits: args.no_retry_exit.iter().map(|code| i32::from(*code)).collect(),
        ok_exits: args.ok_exit.iter().map(|code| i32::from(*code)).collect(),
    }
}

fn config(
    args: &RunArgs,
    work: &Work,
    retry: RetryPolicy,
    rules: Arc<Rules>,
    context: &Context,
) -> Result<RunConfig, CliError> {
    Ok(RunConfig {
        run: context.wiring.new_run(),
        jobs: args.jobs,
        timeout: args.timeout.maximum,
        adapts_timeout: args.timeout.is_adapted,
        backoff_rules: Some(rules),
        retry,
        wait_for_backoff: !args.no_wait,
        failure_limit: args.limits.max_fail,
        program_wait: args.limits.program_wait,
        pause_on_same: args.limits.pause_on_same(),
        probe_after: args.limits.probe_after,
        edits_files: args.in_place,
        recipe: Some(recipe::of(work, args.output.stdout_to.as_deref(), context)?),
        work: Some(work.in_words().into()),
        until: args.limits.until.as_ref().map(|until| until.point(context)).transpose()?,
        ..RunConfig::default()
    })
}

/// Returns the exit statuses of a successful command, in addition to 0.
fn ok_exits(work: &Work, policy: &RetryPolicy) -> Vec<i32> {
    match work {
        Work::Argv(_) | Work::Shell(_) => policy.ok_exits.iter().copied().collect(),
        Work::Workflow(_) => Vec::new(),
    }
}

fn progress(args: &RunArgs, work: &Work, config: &RunConfig, rules: Arc<Rules>, context: &Context) -> Progress {
    let (console, clock) = (context.console.clone(), context.wiring.clock());
    let executions = matches!(work, Work::Workflow(_)).then(|| context.wiring.executions());
    Progress::new(console, args.verbosity(), config.retry.max_attempts(), clock, executions).with_rules(rules)
}

fn listeners(hooks: Option<&Hooks>, joblog: Option<Arc<Joblog>>) -> Vec<Arc<dyn AttemptListener>> {
    let mut listeners = hooks.map(Hooks::listeners).unwrap_or_default();
    listeners.extend(joblog.map(|joblog| joblog as Arc<dyn AttemptListener>));
    listeners
}

fn with_optional(
    mut observers: Vec<Arc<dyn Observer>>,
    args: &RunArgs,
    printing: &Arc<Printing>,
    hooks: Option<&Hooks>,
) -> Vec<Arc<dyn Observer>> {
    observers.extend(hooks.map(Hooks::observers).unwrap_or_default());
    if args.show_output {
        observers.push(Arc::new(ShowOutput(printing.clone())));
    }
    observers
}

/// Fails if other runs are still stopping. Ignores signals, because a signal is for the new run
/// alone.
async fn refuse_while_others_stop(ports: &Ports) -> Result<(), CliError> {
    let request = ports.stop.request();
    if request.level == StopLevel::Running || request.is_of_signal() {
        return Ok(());
    }
    let runs = ports.runs.live().await?;
    if runs.is_empty() { Ok(()) } else { Err(ProcessorError::StillStopping { runs }.into()) }
}

async fn add_first(
    gathered: Gathered,
    source: &PathSource,
    args: &RunArgs,
    recipe: Option<Recipe>,
    stdout_to: Option<&StdoutTo>,
    context: &Context,
) -> Result<Added, CliError> {
    let repeat = match recipe {
        _ if args.again => Repeat::Always,
        Some(recipe) => Repeat::IfOtherRecipe(recipe),
        None => Repeat::IfChanged,
    };
    if let Some(to) = stdout_to {
        results::warn_of_new_inputs(to, source, &gathered, context);
    }
    let priority = args.priority.unwrap_or_default();
    let added = add::offer(gathered, priority, repeat, AnswerNeeded::Now, args.quiet > 0, context).await?;
    if added.beside_completed() > 0 {
        context.console.warn(format_args!(
            "{} of the new files differ from completed files only in their extension; leave them out with --include or --exclude if they are output of an earlier run",
            added.beside_completed()
        ));
    }
    if args.quiet == 0 {
        context.console.say(added.in_sum());
    }
    let waiting = context.storage().counts(Scope::Queue).await?.waiting();
    let others = waiting.saturating_sub(added.live());
    if others > 0 && !args.all && args.quiet == 0 {
        let wait = if others == 1 { "1 other waits" } else { &format!("{others} others wait") };
        context.console.say(format_args!("{wait} (`autoproc run -- …` processes the whole queue)"));
    }
    Ok(added)
}
