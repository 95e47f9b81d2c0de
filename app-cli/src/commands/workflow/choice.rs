//! Finds and checks the chosen workflow of a command.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use autoproc_domain::RetryPolicy;
use autoproc_subprocess::fingerprint_of;
use autoproc_workflow::execution::{ActivationVerdict, InputError, Inputs, Plan, Programs, WorkflowRun};
use autoproc_workflow::runners::Runners;
use autoproc_workflow::{Catalogue, DEFAULT_WORKFLOW, FindError, Severity, WorkflowFile};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueHint};

use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Printable;
use crate::view::quoting::{quoted, quoted_path};
use crate::wiring::find_error;

const HEADING: &str = "Workflow options";

/// The options for finding a workflow, and its inputs.
#[derive(Debug, Default, Args)]
pub(crate) struct WorkflowOptions {
    /// Additional folder of workflows, searched after core/workflows and engine/workflows
    #[arg(
        long,
        hide_short_help = true,
        value_name = "FOLDER",
        value_hint = ValueHint::DirPath,
        help_heading = HEADING
    )]
    workflow_dir: Option<PathBuf>,
    /// An input of the workflow; may be repeated. `${file}` in TEXT is the path of the file
    #[arg(long = "input", hide_short_help = true, value_name = "NAME=TEXT", value_parser = input, help_heading = HEADING)]
    inputs: Vec<(String, String)>,
}

/// The options that select a workflow in place of a command.
#[derive(Debug, Default, Args)]
pub(crate) struct WorkflowChoiceArgs {
    /// Workflow to execute on each file if there is no COMMAND: its id or its path [default:
    /// wf-pipeline-full]
    #[arg(long, value_name = "ID|PATH", conflicts_with_all = ["command", "shell"], help_heading = HEADING)]
    #[arg(add = Candidates::Workflows, value_parser = NonEmptyStringValueParser::new())]
    workflow: Option<String>,
    #[command(flatten)]
    options: WorkflowOptions,
    /// Restart unfinished workflows from the first step instead of resuming them
    #[arg(long, hide_short_help = true, conflicts_with_all = ["command", "shell"], help_heading = HEADING)]
    from_start: bool,
}

/// The option for the additional folder of workflows.
#[derive(Debug, Args)]
pub(crate) struct WorkflowFolderArgs {
    /// Additional folder of workflows, searched after core/workflows and engine/workflows
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    workflow_dir: Option<PathBuf>,
}

impl WorkflowFolderArgs {
    pub(super) fn catalogue(&self, context: &Context) -> Catalogue {
        Catalogue::new(context.project.root(), self.workflow_dir.as_deref())
    }

    /// Formats `--workflow-dir` for a suggested command, with a leading blank.
    pub(super) fn option(&self) -> String {
        let option = |folder: &PathBuf| format!(" --workflow-dir {}", quoted(&folder.to_string_lossy()));
        self.workflow_dir.as_ref().map(option).unwrap_or_default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkflowChoice {
    /// The id or path of the workflow; `None` for the default workflow.
    pub(crate) word: Option<String>,
    pub(crate) folder: Option<PathBuf>,
    /// The name of each input, without surrounding blanks, and its text.
    pub(crate) inputs: Vec<(String, String)>,
    /// True to restart an unfinished execution from the first step; false to resume it.
    pub(crate) from_start: bool,
    /// True if the workflow is the fallback of another workflow. A fallback ignores inputs that it
    /// does not declare.
    is_fallback: bool,
}

impl From<WorkflowChoiceArgs> for WorkflowChoice {
    fn from(args: WorkflowChoiceArgs) -> Self {
        Self { from_start: args.from_start, ..Self::new(args.workflow, args.options) }
    }
}

impl WorkflowChoice {
    pub(super) fn new(word: Option<String>, options: WorkflowOptions) -> Self {
        Self { word, folder: options.workflow_dir, inputs: options.inputs, from_start: false, is_fallback: false }
    }

    /// Returns the options of `autoproc run` for this workflow, without `--from-start`.
    pub(crate) fn options(&self) -> Vec<OsString> {
        let word = self.word.as_deref().unwrap_or(DEFAULT_WORKFLOW);
        let mut words: Vec<OsString> = vec!["--workflow".into(), word.into()];
        if let Some(folder) = &self.folder {
            words.extend(["--workflow-dir".into(), folder.into()]);
        }
        for (name, text) in &self.inputs {
            words.extend(["--input".into(), format!("{name}={text}").into()]);
        }
        words
    }

    /// Loads the workflow for execution.
    ///
    /// # Errors
    /// [`CliError`] if the workflow, its inputs or its runners are not usable.
    pub(in crate::commands) fn load(&self, context: &Context) -> Result<WorkflowRun, CliError> {
        let Chosen { path, text, plan, inputs } = self.chosen(context)?;
        let project = context.project.root();
        let runners = Runners::read(project).map_err(|error| CliError::config(error.to_string()))?;
        let programs = Programs::new(runners, project, &path);
        programs.check(plan.workflow()).map_err(|error| {
            let word = self.word.as_deref().unwrap_or(DEFAULT_WORKFLOW);
            let hint = format!("`autoproc workflow init {}` writes a stand-in for each missing runner", quoted(word));
            CliError::config(error.to_string()).with_hint(hint)
        })?;
        Ok(WorkflowRun {
            plan,
            source: text.into_bytes(),
            inputs,
            programs,
            project_dir: project.to_owned(),
            retry: RetryPolicy::default(),
            from_start: self.from_start,
            fingerprint_of,
        })
    }

    /// Returns the chosen workflow or its fallback, depending on their activation conditions. A
    /// condition counts as true if it cannot be evaluated before the run.
    fn chosen(&self, context: &Context) -> Result<Chosen, CliError> {
        let mut choice = self.clone();
        for _ in 0..MAX_FALLBACKS {
            let chosen = Chosen::read(&choice, context)?;
            let id = chosen.plan.workflow().id.clone();
            match chosen.plan.activation(&chosen.inputs) {
                ActivationVerdict::Used => return Ok(chosen),
                ActivationVerdict::Unknown(condition) => {
                    let condition = Printable(&condition).to_string();
                    context.remark(&format!(
                        "the activation condition `{condition}` of {id} cannot be evaluated before the run, so {id} is used"
                    ));
                    return Ok(chosen);
                }
                ActivationVerdict::NotUsed { condition, fallback: Some(fallback) } => {
                    let message = format!("`{condition}` does not hold: {fallback} is used instead of {id}");
                    context.console.warn(message);
                    (choice.word, choice.is_fallback) = (Some(fallback), true);
                }
                ActivationVerdict::NotUsed { condition, fallback: None } => {
                    return Err(CliError::config(format!(
                        "the workflow {id} is not used, because its condition `{condition}` does not hold"
                    ))
                    .with_hint("its `activation` may name a `fallback_workflow`"));
                }
            }
        }
        Err(CliError::config("the workflows name each other as `fallback_workflow`"))
    }

    /// Finds and reads the file of the workflow.
    ///
    /// # Errors
    /// [`CliError`] if the file cannot be found or read.
    pub(in crate::commands) fn find(&self, context: &Context) -> Result<WorkflowFile, CliError> {
        let folder = self.folder.as_ref().map(|folder| context.cwd.join(folder));
        let catalogue = Catalogue::new(context.project.root(), folder.as_deref());
        let word = self.word.as_deref();
        catalogue.find(word.unwrap_or(DEFAULT_WORKFLOW), &context.cwd).map_err(|error| match error {
            FindError::NotFound { .. } if word.is_none() => {
                CliError::usage(format!("there is no command to run on the files, and no workflow {DEFAULT_WORKFLOW}"))
                    .with_hint("give a command after two dashes, `autoproc run -- COMMAND {}`, or a --workflow")
            }
            error => find_error(&error),
        })
    }
}

const MAX_FALLBACKS: usize = 8;

struct Chosen {
    path: PathBuf,
    text: String,
    plan: Plan,
    inputs: Inputs,
}

impl Chosen {
    fn read(choice: &WorkflowChoice, context: &Context) -> Result<Self, CliError> {
        let file = choice.find(context)?;
        complain(&file, context)?;
        let WorkflowFile { path, text, workflow, .. } = file;
        let workflow = workflow
            .ok_or_else(|| CliError::internal("no errors were found in the workflow file, but it has no workflow"))?;
        let plan = Plan::new(workflow);
        let given = choice.inputs.iter().filter(|(name, _)| !choice.is_fallback || plan.accepts_input(name));
        let inputs = Inputs::new(&plan, given.cloned().collect()).map_err(|error| unfit_input(&error))?;
        Ok(Self { path, text, plan, inputs })
    }
}

fn complain(file: &WorkflowFile, context: &Context) -> Result<(), CliError> {
    let count = |severity| file.problems.iter().filter(|problem| problem.severity == severity).count();
    let advice = format!("autoproc workflow check {}", quoted_path(&file.path));
    if let Some(first) = file.problems.iter().find(|problem| problem.severity == Severity::Error) {
        let more = count(Severity::Error) - 1;
        let rest = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        let message = format!("{}:{}: {}{rest}", file.path.display(), first.position, first.message);
        return Err(CliError::config(message).with_hint(format!("`{advice}` lists all problems")));
    }
    if file.has_errors() {
        return Err(CliError::config(format!("{} cannot be read", file.path.display())));
    }
    match count(Severity::Warning) {
        0 => {}
        1 => context.console.warn(format_args!("the workflow has 1 warning; `{advice}` shows it")),
        warnings => context.console.warn(format_args!("the workflow has {warnings} warnings; `{advice}` shows them")),
    }
    Ok(())
}

pub(in crate::commands) fn unfit_input(error: &InputError) -> CliError {
    CliError::usage(error.to_string()).with_hint("give inputs as in: --input NAME=TEXT")
}

fn input(word: &str) -> Result<(String, String), String> {
    match word.split_once('=') {
        Some((name, text)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), text.to_owned())),
        _ => Err("an input has the form NAME=TEXT".to_owned()),
    }
}

pub(super) fn from_base<'p>(base: &Path, path: &'p Path) -> &'p Path {
    path.strip_prefix(base).unwrap_or(path)
}

pub(super) fn count(file: &WorkflowFile, severity: Severity) -> usize {
    file.problems.iter().filter(|problem| problem.severity == severity).count()
}
