//! Finds and checks workflows, and puts them behind the port.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use autoproc_domain::item::{AttemptNumber, ClaimNumber, ClaimToken};
use autoproc_domain::ports::{Attempt, AttemptReport, StopSignal};
use autoproc_domain::{FilePath, ItemId, QueueItem};
use autoproc_subprocess::{AttemptLogs, Guards, OutputLimits, fingerprint_of};
use autoproc_workflow::execution::{
    Equipment, ExecutionState, Executions, InputError, Inputs, Plan, Programs, WorkflowRun, preview, resumable,
};
use autoproc_workflow::runners::Runners;
use autoproc_workflow::{
    Catalogue, DEFAULT_WORKFLOW, FindError, Severity, TaskOrchestrator, WorkflowFile, WorkflowOrchestrator,
};

use super::steps::GuardedSteps;
use super::supervision::{Supervision, guards_of};
use super::{Wiring, notices};
use crate::error::CliError;
use crate::request::{SingleExecution, WorkflowChoice};
use crate::view::Preview;

pub(crate) use autoproc_workflow::ProgressReport;
pub(crate) use autoproc_workflow::execution::{ExecutionError, ExecutionStatus, Forecast, PreviewedStep};

impl Wiring {
    /// The orchestrator that executes a workflow on each file.
    ///
    /// # Errors
    /// [`CliError`] if the workflow is missing or invalid, or its inputs do not fit.
    pub(super) fn workflow_orchestrator(
        &self,
        choice: &WorkflowChoice,
        guards: Arc<Guards>,
    ) -> Result<WorkflowOrchestrator, CliError> {
        let run = self.workflow(choice)?;
        Ok(WorkflowOrchestrator::new(run, self.equipment(guards, Some(self.executions()))))
    }

    /// The steps that a run would execute for a file, and for its item if it is queued.
    ///
    /// # Errors
    /// As [`Wiring::workflow_orchestrator`], and if the state of an earlier attempt cannot be read.
    pub(crate) fn preview(
        &self,
        choice: &WorkflowChoice,
        file: FilePath,
        item: Option<&QueueItem>,
    ) -> Result<Preview, CliError> {
        let run = self.workflow(choice)?;
        let steps = preview(&run, &file).map_err(|error| unfit_input(&error))?;
        let left = item.map_or(Ok(None), |item| resumable(&run, &self.executions(), item));
        let left = left.map_err(|error| CliError::execution(&error))?;
        let taken_up = left.map(|state| ProgressReport::of(&state, self.clock().now()));
        Ok(Preview::Workflow { file, taken_up, steps })
    }

    /// Executes a workflow on one file, without the queue.
    ///
    /// # Errors
    /// As [`Wiring::workflow_orchestrator`], and if the outcome of a step is unknown.
    pub(crate) async fn execute_single(
        &self,
        single: &SingleExecution,
        attempt: Attempt,
        stop: Arc<dyn StopSignal>,
    ) -> Result<(AttemptReport, Option<ProgressReport>), CliError> {
        let workflow = self.workflow(&single.workflow)?;
        autoproc_subprocess::adopt_orphans();
        // Records serve the recovery of dead runs, and this is not a run.
        let guards = guards_of(attempt.run.clone(), single.grace, OutputLimits::default(), None)?;
        let supervision = Supervision::new(Arc::new(guards))?;
        let equipment = self.equipment(supervision.guards.clone(), None);
        let orchestrator = TaskOrchestrator::new(workflow, equipment);
        let report = orchestrator.execute(attempt, stop).await;
        supervision.end().await;
        let report = report.map_err(|error| CliError::io(error.to_string(), &error.source))?;
        Ok((report, orchestrator.get_progress()))
    }

    pub(crate) fn executions(&self) -> Executions {
        Executions::new(self.project.executions_dir())
    }

    /// The execution of an item, if there is one.
    ///
    /// # Errors
    /// [`CliError`] if it cannot be read.
    pub(crate) fn execution_of(&self, item: ItemId) -> Result<Option<ExecutionState>, CliError> {
        self.executions().of(item).map_err(|error| CliError::execution(&error))
    }

    fn equipment(&self, guards: Arc<Guards>, executions: Option<Executions>) -> Equipment {
        let logs = AttemptLogs::new(self.project.attempts_dir());
        Equipment {
            runner: Arc::new(GuardedSteps::new(guards, logs, notices(&self.console))),
            clock: self.clock(),
            executions,
            scratch_dir: self.project.executions_dir().join(format!("single-{}.steps", std::process::id())),
            event_log: self.project.orchestrator_log(),
            latest_state: self.project.orchestrator_state_file(),
            on_warning: notices(&self.console),
        }
    }

    /// An execution without the queue has item 0, which no queue has, and the time as its claim, so
    /// that its output has a file of its own.
    pub(crate) fn single_attempt(&self, single: &SingleExecution) -> Attempt {
        let now = self.clock().now();
        let number = ClaimNumber::new(u64::try_from(now.as_micros()).unwrap_or_default());
        Attempt {
            token: ClaimToken { item: ItemId::new(0), number },
            run: self.new_run(),
            file_path: single.file.clone(),
            round: 1,
            follows_completion: false,
            number: AttemptNumber::FIRST,
            max_attempts: 1,
            timeout: single.timeout,
        }
    }

    pub(super) fn workflow(&self, choice: &WorkflowChoice) -> Result<WorkflowRun, CliError> {
        let cwd = env::current_dir().map_err(|error| CliError::io("cannot tell the current folder", &error))?;
        let file = self.find(choice, &cwd)?;
        self.complain(&file)?;
        let WorkflowFile { path, text, workflow, .. } = file;
        let workflow = workflow.ok_or_else(|| CliError::internal("a workflow without errors was not read"))?;
        let plan = Plan::new(workflow);
        let inputs = Inputs::new(&plan, choice.inputs.clone()).map_err(|error| unfit_input(&error))?;
        let project = self.project.root();
        let runners = Runners::read(project).map_err(|error| CliError::config(error.to_string()))?;
        let programs = Programs::new(runners, project, &path);
        programs.check(plan.workflow()).map_err(|error| CliError::config(error.to_string()))?;
        Ok(WorkflowRun {
            plan,
            source: text.into_bytes(),
            inputs,
            programs,
            project_dir: project.to_owned(),
            from_start: choice.from_start,
            fingerprint_of,
        })
    }

    pub(super) fn find(&self, choice: &WorkflowChoice, cwd: &Path) -> Result<WorkflowFile, CliError> {
        let folder: Option<PathBuf> = choice.folder.as_ref().map(|folder| cwd.join(folder));
        let catalogue = Catalogue::new(self.project.root(), folder.as_deref());
        let word = choice.word.as_deref();
        catalogue.find(word.unwrap_or(DEFAULT_WORKFLOW), cwd).map_err(|error| match error {
            FindError::NotFound { .. } if word.is_none() => {
                CliError::usage(format!("there is no command to run on the files, and no workflow {DEFAULT_WORKFLOW}"))
                    .with_hint("give a command after two dashes, as in: autoproc run -- COMMAND {}; or a --workflow")
            }
            error => error.into(),
        })
    }

    /// Fails on errors; prints the number of warnings.
    fn complain(&self, file: &WorkflowFile) -> Result<(), CliError> {
        let count = |severity| file.problems.iter().filter(|problem| problem.severity == severity).count();
        let advice = format!("autoproc workflow check {}", file.path.display());
        if let Some(first) = file.problems.iter().find(|problem| problem.severity == Severity::Error) {
            let more = count(Severity::Error) - 1;
            let rest = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            let message = format!("{}:{}: {}{rest}", file.path.display(), first.position, first.message);
            return Err(CliError::config(message).with_hint(format!("all of them: {advice}")));
        }
        if file.has_errors() {
            return Err(CliError::config(format!("{} cannot be read", file.path.display())));
        }
        match count(Severity::Warning) {
            0 => {}
            1 => self.console.warn(format_args!("the workflow has 1 warning: {advice}")),
            warnings => self.console.warn(format_args!("the workflow has {warnings} warnings: {advice}")),
        }
        Ok(())
    }
}

fn unfit_input(error: &InputError) -> CliError {
    CliError::usage(error.to_string()).with_hint("give inputs as in: --input NAME=TEXT")
}
