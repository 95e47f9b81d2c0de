//! Opens the PostgreSQL store and explains its errors.

mod executions;
mod inspection;
mod outputs;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{
    History, LeaseTerms, Location, Observer, Runs, StopLevel, StopSignal, Storage, StorageError,
};
use autoproc_domain::{ItemId, RunId};
pub(super) use autoproc_postgres_store::LockedQueue as LockedDatabase;
pub(crate) use autoproc_postgres_store::{CopiedExecution, CopiedOutput, HistorySize, Migrated, RunPlace, StopTarget};
use autoproc_postgres_store::{InvalidAddress, Options, PostgresStore, SchemaError, StatementPooling};
use autoproc_subprocess::Guards;
use autoproc_workflow::execution::SharedJournals;
use sha2::{Digest, Sha256};

use crate::console::Console;
use crate::error::{CliError, in_one_line};
use crate::exit_code::ExitCode;
use crate::maintenance::Finding;
use crate::store_choice::{NamedBy, OPTION, StoreChoice};
use crate::view::quoting::quoted;
use crate::wiring::notices;
use executions::ServerJournals;
pub(crate) use outputs::OutputStore;

const PASSWORD: &str = "PGPASSWORD";

const PASSWORD_FILE: &str = "PGPASSFILE";

const PASSWORD_SOURCES: &str = "the password comes from PGPASSWORD, the file ~/.pgpass (PGPASSFILE), or the address";

const POOL_MODES: &str = "set its pool_mode to transaction or session, or connect to the server itself";

const NOT_REACHED: &str =
    "check the host and the port, and that the server runs and accepts connections from this machine";

/// The number of renewals during one lease. A few of them may fail.
const RENEWALS_PER_LEASE: u32 = 4;

/// The time from the end of a run's lease until the guards kill its commands. Must be shorter than
/// [`LEASE_MARGIN`](autoproc_domain::recovery::LEASE_MARGIN). After this margin, other machines may
/// take the run's files.
const KILLED_AFTER: Duration = Duration::from_secs(10);

const NAME_BYTES: usize = 6;

pub(crate) struct Server {
    store: Arc<PostgresStore>,
    options: Options,
    named_by: NamedBy,
}

impl Server {
    /// Opens the store without connecting to the server. `unreachable_timeout` is the duration of a
    /// run's lease.
    ///
    /// # Errors
    /// [`CliError`] if the address is malformed, or no thread can be started.
    pub(crate) fn open(
        choice: &StoreChoice,
        unreachable_timeout: Option<Duration>,
        console: &Console,
    ) -> Result<Self, CliError> {
        let mut options = parse(choice)?.without_migration();
        if let Some(lasts) = unreachable_timeout {
            options = options.with_lease(LeaseTerms { lasts, renewed_every: lasts / RENEWALS_PER_LEASE });
        }
        let options = with_password(options, |name| env::var_os(name), console);
        let store = Arc::new(PostgresStore::open(options.clone())?);
        Ok(Self { store, options, named_by: choice.named_by })
    }

    pub(super) fn storage(&self) -> Arc<dyn Storage> {
        self.store.clone()
    }

    pub(super) fn runs(&self) -> Arc<dyn Runs> {
        self.store.clone()
    }

    pub(super) fn history(&self) -> Arc<dyn History> {
        self.store.clone()
    }

    pub(super) fn event_log(&self, console: &Arc<Console>) -> Arc<dyn Observer> {
        Arc::new(self.store.event_log(notices(console)))
    }

    pub(super) fn journals(&self, here: Location) -> Arc<dyn SharedJournals> {
        Arc::new(ServerJournals { store: self.store.clone(), place: self.place(), here })
    }

    pub(super) async fn unfinished_executions(&self) -> Result<Vec<ItemId>, StorageError> {
        self.store.unfinished_executions().await
    }

    /// Returns the machine and the project folder of a run.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    pub(super) async fn place_of_run(&self, run: &RunId) -> Result<Option<RunPlace>, StorageError> {
        self.store.place_of_run(run).await
    }

    pub(crate) fn outputs(&self) -> OutputStore {
        OutputStore(self.store.clone())
    }

    /// Extends the deadline of `guards` when the run's lease is granted or renewed. At the
    /// deadline, the guards kill the run's commands, even if this process is stopped. Thus, no
    /// command still runs when another machine takes its file.
    pub(super) fn bound(&self, guards: Arc<Guards>) {
        self.store.on_lease(move |over_at| guards.extend_deadline(over_at.saturating_add(KILLED_AFTER)));
    }

    pub(super) fn stop_requests(&self, run: &RunId) -> Arc<dyn StopSignal> {
        Arc::new(self.store.stop_signal(run))
    }

    /// Requests live runs to stop.
    ///
    /// # Errors
    /// [`StorageError`] if the request cannot be written.
    pub(crate) async fn request_stop(&self, level: StopLevel, target: StopTarget) -> Result<(), StorageError> {
        self.store.request_stop(level, target).await.map(drop)
    }

    /// Returns the address without user and password, for output.
    pub(crate) fn place(&self) -> String {
        self.options.place()
    }

    pub(crate) fn schema(&self) -> &str {
        self.options.schema()
    }

    /// Returns the address without the password. Another process can open the store with it.
    pub(crate) fn address(&self) -> String {
        self.options.address()
    }

    /// Returns the option `--store` for a suggested command. Empty if the command does not need the
    /// option.
    pub(crate) fn option(&self) -> String {
        match self.named_by {
            NamedBy::Option | NamedBy::Place(_) => self.option_elsewhere(),
            NamedBy::Variable | NamedBy::File => String::new(),
        }
    }

    /// Returns the option `--store` for a command on another machine, after a space.
    pub(crate) fn option_elsewhere(&self) -> String {
        format!(" {OPTION} {}", quoted(&self.address()))
    }

    /// True if an option names the store. Commands of a run do not see options.
    pub(crate) fn is_named_by_option(&self) -> bool {
        self.named_by == NamedBy::Option
    }

    /// Returns the name of this machine's folder for the queue.
    pub(crate) fn local_name(&self) -> String {
        let place = self.place();
        let hash = Sha256::digest(format!("{place}#{}", self.schema()));
        let hash = hash.iter().take(NAME_BYTES).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let database = place.rsplit('/').next().unwrap_or_default();
        let plain: String = database.chars().filter(char::is_ascii_alphanumeric).take(30).collect();
        format!("{plain}-{hash:0width$x}", width = 2 * NAME_BYTES)
    }

    /// Connects to the server, and checks the version of the schema.
    ///
    /// # Errors
    /// [`CliError`] that tells the user what to do next.
    pub(crate) async fn reach(&self) -> Result<(), CliError> {
        self.store.connect().await.map_err(|error| self.refusal(error))
    }

    /// Connects to the server, and locks the queue for a copy.
    ///
    /// # Errors
    /// [`CliError`] that tells the user what to do next.
    pub(super) async fn lock_for_copy(&self, timeout: Duration) -> Result<LockedDatabase<'_>, CliError> {
        self.reach().await?;
        Ok(self.store.lock_for_copy(timeout).await?)
    }

    /// Creates or updates the schema.
    ///
    /// # Errors
    /// [`CliError`] that tells the user what to do next.
    pub(crate) async fn migrate(&self) -> Result<Migrated, CliError> {
        self.store.migrate().await.map_err(|error| self.refusal(error))
    }

    /// Returns the size of the history that [`prune_history`](Self::prune_history) would remove.
    ///
    /// # Errors
    /// [`StorageError`] if the history cannot be read.
    pub(crate) async fn prunable_history(&self, age: Duration) -> Result<HistorySize, StorageError> {
        self.store.prunable_history(age).await
    }

    /// Removes the history of ended runs that had no event for `age`, except the events and
    /// attempts that are still needed. Returns the size of the removed part.
    ///
    /// # Errors
    /// [`StorageError`] if the history cannot be changed.
    pub(crate) async fn prune_history(&self, age: Duration) -> Result<HistorySize, StorageError> {
        self.store.prune_history(age).await
    }

    /// Examines the server and the schema, and changes nothing.
    pub(crate) async fn findings(&self) -> Vec<Finding> {
        match self.store.inspect().await {
            Ok(inspection) => inspection::findings(inspection, self),
            Err(error) => vec![inspection::refused(&self.refusal(error))],
        }
    }

    fn refusal(&self, error: StorageError) -> CliError {
        match &error {
            StorageError::Unreachable { .. } => {
                CliError::from(error).with_hint(format!("{NOT_REACHED}; the address comes from {}", self.named_by))
            }
            StorageError::Failed { source, .. } => {
                let schema = source.downcast_ref::<SchemaError>().map(|schema| self.schema_hint(schema));
                let is_sign_in = error.to_string().starts_with("cannot sign in");
                let is_split = source.is::<StatementPooling>();
                let hint = schema
                    .or_else(|| is_sign_in.then(|| PASSWORD_SOURCES.to_owned()))
                    .or_else(|| is_split.then(|| POOL_MODES.to_owned()));
                let failed = CliError::config(in_one_line(&error));
                hint.into_iter().fold(failed, CliError::with_hint)
            }
            _ => error.into(),
        }
    }

    fn schema_hint(&self, error: &SchemaError) -> String {
        let verb = if matches!(error, SchemaError::Absent { .. }) { "create" } else { "update" };
        format!("{verb} it with: autoproc store init{}", self.option())
    }
}

fn parse(choice: &StoreChoice) -> Result<Options, CliError> {
    let is_address = choice.url.is_address();
    let parsed = if is_address { Options::parse(choice.url.secret()) } else { Err(InvalidAddress::Malformed) };
    let code = match choice.named_by {
        NamedBy::Option | NamedBy::Place(_) => ExitCode::Usage,
        NamedBy::Variable | NamedBy::File => ExitCode::Config,
    };
    parsed.map_err(|error| {
        CliError::new(code, format!("{}: {error}", choice.named_by))
            .with_hint("for example postgres://anna@db.example.com/queue; the password is best kept in ~/.pgpass")
    })
}

/// Adds the password from the environment, or else from the password file, unless the address
/// contains a password.
fn with_password(options: Options, variable: impl Fn(&str) -> Option<OsString>, console: &Console) -> Options {
    if options.has_password() {
        return options;
    }
    if let Some(password) = variable(PASSWORD).and_then(|text| text.into_string().ok()).filter(|text| !text.is_empty())
    {
        return options.with_password(&password);
    }
    let Some(file) = password_file(variable) else { return options };
    options.clone().with_password_file(&file).unwrap_or_else(|error| {
        console.warn(in_one_line(&error));
        options
    })
}

fn password_file(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let in_home = || Some(Path::new(&set("HOME")?).join(".pgpass"));
    set(PASSWORD_FILE).map(PathBuf::from).or_else(in_home)
}
