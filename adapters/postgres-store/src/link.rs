//! A connection to the server, direct or through a pooler.
//!
//! A pooler may run each transaction in another session of the server. Other programs use these
//! sessions too. Session settings, prepared statements and `listen` therefore do not last. On a
//! pooled link, each transaction applies the settings again, and statements are sent as text.
//!
//! To detect a pooler, a link sends the setting [`MARK`] when it connects. A pooler refuses or
//! ignores this setting.

use autoproc_domain::ports::StorageError;
use futures_util::StreamExt;
use futures_util::future::join3;
use futures_util::stream::poll_fn;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Config, Error, IsolationLevel, Row, SimpleQueryMessage, Transaction};
use uuid::Uuid;

use crate::error::Answer;
use crate::item_row::damaged;
use crate::options::Options;
use crate::parameter::{Parameters, typed};
use crate::tls;

/// A setting that poolers do not pass on.
const MARK: &str = "autoproc.session";

const BEGIN: &str = "begin isolation level read committed";

/// `PgBouncer`'s error text in its mode `statement`.
const STATEMENT_POOLING: &str = "statement pooling mode";

/// A connection pooler that may spread a transaction over several sessions of the server, so the
/// store cannot use it. A handle reports this error as the source of a [`StorageError::Failed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it pools statements")]
pub struct StatementPooling;

/// How a connection reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The connection has its own session of the server.
    Direct,
    /// The connection leads through a pooler, which may give each transaction another session.
    Pooled,
}

pub(crate) struct Link {
    client: Client,
    /// `None` on a direct link, whose session has the settings.
    settings: Option<String>,
    begin: String,
}

impl Link {
    /// Connects to the server.
    ///
    /// # Errors
    /// `Failed` if a pooler separates the statements of a transaction.
    pub(crate) async fn open(options: &Options) -> Answer<Self> {
        dial(options, |_| {}).await?.set_up(options).await
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn is_pooled(&self) -> bool {
        self.settings.is_some()
    }

    pub(crate) fn route(&self) -> Route {
        if self.is_pooled() { Route::Pooled } else { Route::Direct }
    }

    pub(crate) fn begin_statement(&self) -> &str {
        &self.begin
    }

    pub(crate) async fn begin(&mut self) -> Answer<Transaction<'_>> {
        let transaction = self.client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let transaction = transaction.start().await?;
        if let Some(settings) = &self.settings {
            transaction.batch_execute(settings).await?;
        }
        Ok(transaction)
    }

    /// Executes a statement without preparing it, in one round trip.
    pub(crate) async fn query(&self, sql: &str, parameters: Parameters<'_>) -> Answer<Vec<Row>> {
        let parameters = typed(parameters);
        let query = self.client.query_typed(sql, &parameters);
        if !self.is_pooled() {
            return Ok(query.await?);
        }
        // `join3` first polls its futures in this order, so the messages are sent in this order. No
        // other task sends a message in between, because all tasks of a store run on one thread.
        let sent = join3(self.client.batch_execute(&self.begin), query, self.client.batch_execute("commit"));
        let (begun, rows, committed) = sent.await;
        begun?;
        let rows = rows?;
        committed?;
        Ok(rows)
    }

    pub(crate) async fn query_one(&self, sql: &str, parameters: Parameters<'_>) -> Answer<Row> {
        let first = self.query(sql, parameters).await?.into_iter().next();
        first.ok_or_else(|| damaged("a statement returned no row".to_owned()).into())
    }
}

/// A connection whose session does not have the settings of the store yet.
pub(crate) struct Unset {
    pub(crate) client: Client,
    mark: String,
}

/// Connects. Passes the server's messages to `hear`, and `None` when the connection has ended.
pub(crate) async fn dial(
    options: &Options,
    mut hear: impl FnMut(Option<AsyncMessage>) + Send + 'static,
) -> Answer<Unset> {
    let mark = Uuid::new_v4().to_string();
    let (client, mut connection) = match marked(&options.config, &mark).connect(tls::connector(options)?).await {
        Err(error) if may_refuse_mark(&error) => options.config.connect(tls::connector(options)?).await?,
        connected => connected?,
    };
    tokio::spawn(async move {
        let mut messages = poll_fn(move |context| connection.poll_message(context));
        // The client reports the error of a lost connection to its next caller.
        while let Some(Ok(message)) = messages.next().await {
            hear(Some(message));
        }
        hear(None);
    });
    Ok(Unset { client, mark })
}

fn marked(config: &Config, mark: &str) -> Config {
    let own = config.get_options().unwrap_or_default();
    config.clone().options(format!("{own} -c {MARK}={mark}")).clone()
}

fn may_refuse_mark(error: &Error) -> bool {
    let refusals = [SqlState::PROTOCOL_VIOLATION, SqlState::FEATURE_NOT_SUPPORTED];
    error.code().is_some_and(|code| refusals.contains(code))
}

impl Unset {
    /// Applies the settings to a direct session. Other programs share a pooler's sessions.
    pub(crate) async fn set_up(self, options: &Options) -> Answer<Link> {
        let Self { client, mark } = self;
        let condition = format!("where current_setting('{MARK}', true) = '{mark}'");
        let made = client.simple_query(&format!("{} {condition}", settings(options, Lasts::Session))).await?;
        if made.iter().any(|message| matches!(message, SimpleQueryMessage::Row(_))) {
            return Ok(Link { client, settings: None, begin: BEGIN.to_owned() });
        }
        let settings = settings(options, Lasts::Transaction);
        let link = Link { client, begin: format!("{BEGIN}; {settings}"), settings: Some(settings) };
        check_transactions(&link, options).await?;
        Ok(link)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lasts {
    Session,
    Transaction,
}

/// Returns a query that applies the settings of the store.
///
/// `synchronous_commit` makes acknowledged changes durable, whatever the server's default is. The
/// planner must prefer indexes, because the statistics of a quickly changing table may be wrong.
fn settings(options: &Options, lasts: Lasts) -> String {
    let search_path = search_path(options);
    let all = [
        ("search_path", &*search_path),
        ("synchronous_commit", "on"),
        ("idle_in_transaction_session_timeout", "60s"),
        ("default_transaction_isolation", "read committed"),
        ("plan_cache_mode", "force_generic_plan"),
        ("jit", "off"),
        ("max_parallel_workers_per_gather", "0"),
        ("enable_seqscan", "off"),
        ("enable_bitmapscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
    ];
    let values: Vec<_> = all.iter().map(|(name, value)| format!("('{name}', '{value}')")).collect();
    let (values, is_local) = (values.join(", "), lasts == Lasts::Transaction);
    format!("select set_config(name, value, {is_local}) from (values {values}) as setting (name, value)")
}

fn search_path(options: &Options) -> String {
    format!("\"{}\", pg_temp", options.schema)
}

/// Refuses a pooler that splits transactions.
async fn check_transactions(link: &Link, options: &Options) -> Answer<()> {
    let kept = "select current_setting('search_path') = $1 as is_kept";
    match link.query_one(kept, &[&search_path(options)]).await {
        Ok(row) if row.get("is_kept") => Ok(()),
        Err(fault) if !fault.says(STATEMENT_POOLING) => Err(fault),
        _ => {
            let place = options.place();
            let action = format!("the connection pooler at {place} separates the statements of a transaction");
            Err(StorageError::Failed { action, source: Box::new(StatementPooling) }.into())
        }
    }
}
