//! Exchanges: one pipelined transaction of prepared statements.

mod settlements;

use async_trait::async_trait;
use autoproc_domain::Timestamp;
use autoproc_domain::ports::StorageError;
use autoproc_domain::request::ExchangeRequest;
use autoproc_domain::view::Exchanged;
use futures_util::future::{OptionFuture, join, join5};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use crate::connection::Connection;
use crate::error::Answer;
use crate::item_row::{claims, damaged};
use crate::work::{Shared, Work};
use settlements::Settlements;

const ENTER: &str = include_str!("../sql/exchange/enter.sql");
const SETTLE: &str = include_str!("../sql/exchange/settle.sql");
const CLAIM_QUEUE: &str =
    concat!(include_str!("../sql/exchange/ready_of_queue.sql"), include_str!("../sql/exchange/claim.sql"));
const CLAIM_SCOPE: &str =
    concat!(include_str!("../sql/exchange/ready_of_scope.sql"), include_str!("../sql/exchange/claim.sql"));
const FINISH_QUEUE: &str =
    concat!(include_str!("../sql/exchange/waiting_of_queue.sql"), include_str!("../sql/exchange/finish.sql"));
const FINISH_SCOPE: &str =
    concat!(include_str!("../sql/exchange/waiting_of_scope.sql"), include_str!("../sql/exchange/finish.sql"));
const RECORDED: &str = include_str!("../sql/exchange/recorded.sql");
const RECORDED_CLAIMS: &str = include_str!("../sql/exchange/recorded_claims.sql");

/// An exchange. If its connection is lost, the id of the request tells on another connection
/// whether it happened.
pub(crate) struct Exchange {
    pub(crate) request: ExchangeRequest,
    pub(crate) now: Timestamp,
}

#[async_trait]
impl Work for Exchange {
    type Reply = Exchanged;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, shared: &Shared, connection: &mut Connection) -> Answer<Exchanged> {
        match carry_out(shared, connection, &self.request, self.now).await {
            Err(fault) if fault.is_repeated() => recorded(connection, &self.request).await,
            Err(fault) if fault.is_not_alive() => Err(StorageError::LeaseLost { run: self.request.run.clone() }.into()),
            answer => answer,
        }
    }
}

/// Carries out an exchange that was not carried out before.
async fn carry_out(
    shared: &Shared,
    connection: &mut Connection,
    request: &ExchangeRequest,
    now: Timestamp,
) -> Answer<Exchanged> {
    let scope = shared.scopes.number(&request.run, &request.scope, connection).await?;
    let statements = Statements::prepare(connection, scope.is_some()).await?;
    let settlements = Settlements::of(&request.settlements);
    let end = if settlements.return_items() { shared.notices.end_of_exchange() } else { "commit" };
    let pipeline = Pipeline {
        run: request.run.as_str(),
        id: request.id.get().cast_signed(),
        now: now.as_micros(),
        limit: i64::try_from(request.limit).unwrap_or(i64::MAX),
        scope,
    };
    let (claimed, finished) = pipeline.send(connection.client(), &statements, &settlements, end).await?;
    Ok(Exchanged { claims: claims(&claimed)?, ..settlements.answer(&finished)? })
}

/// Returns the answer that a request got when it was carried out.
async fn recorded(connection: &mut Connection, request: &ExchangeRequest) -> Answer<Exchanged> {
    let (run, id) = (request.run.as_str(), request.id.get().cast_signed());
    let recorded = connection.query(RECORDED, &[&run, &id]).await?;
    let recorded = recorded.first().ok_or_else(|| damaged(format!("the answer {id} of run {run} is absent")))?;
    let claimed = connection.query(RECORDED_CLAIMS, &[&run, &id]).await?;
    Ok(Exchanged { claims: claims(&claimed)?, ..Settlements::of(&request.settlements).answer(recorded)? })
}

/// The prepared statements of an exchange.
struct Statements {
    enter: Statement,
    settle: Statement,
    claim: Statement,
    finish: Statement,
}

impl Statements {
    async fn prepare(connection: &mut Connection, has_scope: bool) -> Answer<Self> {
        let (claim, finish) = if has_scope { (CLAIM_SCOPE, FINISH_SCOPE) } else { (CLAIM_QUEUE, FINISH_QUEUE) };
        Ok(Self {
            enter: connection.prepare(ENTER).await?,
            settle: connection.prepare(SETTLE).await?,
            claim: connection.prepare(claim).await?,
            finish: connection.prepare(finish).await?,
        })
    }
}

/// The parameters that several statements of an exchange have.
struct Pipeline<'a> {
    run: &'a str,
    id: i64,
    /// The caller's time in microseconds.
    now: i64,
    limit: i64,
    scope: Option<i64>,
}

impl Pipeline<'_> {
    /// Sends the whole transaction without waiting for an answer in between. If a statement fails,
    /// the server skips the following ones, and `end` ends the transaction in any case. Returns the
    /// claimed rows and the recorded answer.
    async fn send(
        &self,
        client: &Client,
        statements: &Statements,
        settlements: &Settlements,
        end: &str,
    ) -> Answer<(Vec<Row>, Row)> {
        let Self { run, id, now, limit, scope } = self;
        let has_settlements = !settlements.is_empty();
        let settle = settlements.parameters(run);
        let claim = with_scope(vec![run, id, limit], scope.as_ref());
        let finish = with_scope(vec![run, id, now, &has_settlements], scope.as_ref());
        let enter: [&(dyn ToSql + Sync); 2] = [run, id];

        let settle = has_settlements.then(|| client.query_one(&statements.settle, &settle));
        let claim = (*limit > 0).then(|| client.query(&statements.claim, &claim));
        // Joined futures are polled in this order at first, and so are sent in this order.
        let sent = join5(
            client.batch_execute("begin"),
            client.query_one(&statements.enter, &enter),
            OptionFuture::from(settle),
            OptionFuture::from(claim),
            join(client.query_one(&statements.finish, &finish), client.batch_execute(end)),
        );
        let (begun, entered, settled, claimed, (finished, ended)) = sent.await;
        begun?;
        entered?;
        settled.transpose()?;
        let claimed = claimed.transpose()?.unwrap_or_default();
        let finished = finished?;
        ended?;
        Ok((claimed, finished))
    }
}

/// Adds the number of the scope to the parameters, if there is one.
fn with_scope<'a>(mut parameters: Vec<&'a (dyn ToSql + Sync)>, scope: Option<&'a i64>) -> Vec<&'a (dyn ToSql + Sync)> {
    parameters.extend(scope.map(|scope| scope as &(dyn ToSql + Sync)));
    parameters
}
