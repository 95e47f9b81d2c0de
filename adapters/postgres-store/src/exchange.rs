//! Carries out exchanges: settles and claims files in one transaction.

mod settlements;

use async_trait::async_trait;
use autoproc_domain::Timestamp;
use autoproc_domain::request::ExchangeRequest;
use autoproc_domain::view::Exchanged;
use futures_util::future::{OptionFuture, join3, join5};
use tokio_postgres::Row;

use crate::claim_start::{HEAD, Position, Search};
use crate::connection::{Connection, Query};
use crate::error::{Answer, lease_lost};
use crate::item_row::{claims, column};
use crate::link::Link;
use crate::parameter::Parameter;
use crate::work::{Shared, Work};
use settlements::Settlements;

const ENTER: &str = include_str!("../sql/exchange/enter.sql");
const SETTLE: &str = include_str!("../sql/exchange/settle.sql");
const CLAIM_QUEUE: &str = concat!(
    include_str!("../sql/exchange/ready_of_queue.sql"),
    ", ready as (select * from following)",
    include_str!("../sql/exchange/claim.sql")
);
const CLAIM_QUEUE_LATER: &str = concat!(
    include_str!("../sql/exchange/ready_of_queue.sql"),
    include_str!("../sql/exchange/ready_before_start.sql"),
    include_str!("../sql/exchange/claim.sql")
);
const CLAIM_SCOPE: &str =
    concat!(include_str!("../sql/exchange/ready_of_scope.sql"), include_str!("../sql/exchange/claim.sql"));
const FINISH_QUEUE: &str =
    concat!(include_str!("../sql/exchange/waiting_of_queue.sql"), include_str!("../sql/exchange/finish.sql"));
const FINISH_SCOPE: &str =
    concat!(include_str!("../sql/exchange/waiting_of_scope.sql"), include_str!("../sql/exchange/finish.sql"));
const RECORDED: &str = include_str!("../sql/exchange/recorded.sql");

/// An exchange. The server recognises a repeated request by its id.
pub(crate) struct Exchange {
    pub(crate) request: ExchangeRequest,
    pub(crate) now: Timestamp,
}

#[async_trait]
impl Work for Exchange {
    type Reply = Exchanged;
    const IS_IDEMPOTENT: bool = true;
    const READS_QUEUE: bool = true;

    async fn attempt(&self, shared: &Shared, connection: &mut Connection) -> Answer<Exchanged> {
        match carry_out(shared, connection, &self.request, self.now).await {
            Err(fault) if fault.is_repeated() => recorded(connection, &self.request).await,
            Err(fault) if fault.is_not_alive() => Err(lease_lost(&self.request.run).into()),
            answer => answer,
        }
    }
}

/// Carries out an exchange. Fails if the request is a repetition.
async fn carry_out(
    shared: &Shared,
    connection: &mut Connection,
    request: &ExchangeRequest,
    now: Timestamp,
) -> Answer<Exchanged> {
    let scope = shared.scopes.number(&request.run, &request.scope, connection).await?;
    let settlements = Settlements::of(&request.settlements);
    let mut notice = None;
    if settlements.return_items() {
        shared.claim_start.forget();
        notice = shared.notices.after_exchange();
    }
    let version = shared.companion.version();
    let pipeline = Pipeline {
        run: request.run.as_str(),
        id: request.id.get().cast_signed(),
        now: now.as_micros(),
        limit: i64::try_from(request.limit).unwrap_or(i64::MAX),
        scope,
        start: if scope.is_none() { shared.claim_start.next(version, now) } else { HEAD },
    };
    let statements = Statements::prepare(connection, &pipeline).await?;
    let (claimed, finished) = pipeline.send(connection.link(), &statements, &settlements, notice).await?;
    let exchanged = Exchanged { claims: claims(&claimed)?, ..settlements.answer(&finished)? };
    if request.limit > 0 && scope.is_none() {
        let duration_us = claimed.first().map_or(Ok(0), |first| column(first, "search_us"))?;
        let search = Search { start: pipeline.start, version, limit: request.limit, duration_us };
        shared.claim_start.advance(&search, &exchanged);
    }
    Ok(exchanged)
}

/// Returns the recorded answer to a repeated request.
///
/// # Errors
/// `LeaseLost` if the run has ended or was recovered.
async fn recorded(connection: &mut Connection, request: &ExchangeRequest) -> Answer<Exchanged> {
    let rows = connection.query(RECORDED, &[&request.run.as_str(), &request.id.get().cast_signed()]).await?;
    let answer = rows.first().ok_or_else(|| lease_lost(&request.run))?;
    let has_claims = column::<Option<i64>>(answer, "id")?.is_some();
    let claims = if has_claims { claims(&rows)? } else { Vec::new() };
    Ok(Exchanged { claims, ..Settlements::of(&request.settlements).answer(answer)? })
}

struct Statements {
    enter: Query,
    settle: Query,
    claim: Query,
    finish: Query,
}

impl Statements {
    async fn prepare(connection: &mut Connection, pipeline: &Pipeline<'_>) -> Answer<Self> {
        let (claim, finish) = match pipeline.scope {
            Some(_) => (CLAIM_SCOPE, FINISH_SCOPE),
            None if pipeline.start == HEAD => (CLAIM_QUEUE, FINISH_QUEUE),
            None => (CLAIM_QUEUE_LATER, FINISH_QUEUE),
        };
        Ok(Self {
            enter: connection.prepare(ENTER).await?,
            settle: connection.prepare(SETTLE).await?,
            claim: connection.prepare(claim).await?,
            finish: connection.prepare(finish).await?,
        })
    }
}

struct Pipeline<'a> {
    run: &'a str,
    id: i64,
    /// The caller's time in microseconds.
    now: i64,
    limit: i64,
    scope: Option<i64>,
    start: Position,
}

impl Pipeline<'_> {
    /// Sends all statements of the transaction without waiting for answers.
    ///
    /// If a statement fails, `commit` rolls the transaction back. A failed notice is ignored,
    /// because other handles also poll.
    async fn send(
        &self,
        link: &Link,
        statements: &Statements,
        settlements: &Settlements,
        notice: Option<&str>,
    ) -> Answer<(Vec<Row>, Row)> {
        let Self { run, id, now, limit, scope, start } = self;
        let has_settlements = !settlements.is_empty();
        let settle = settlements.parameters(run);
        let claim = with_place(vec![run, id, limit], scope.as_ref(), start);
        let finish = with_place(vec![run, id, now, &has_settlements], scope.as_ref(), start);
        let enter: [&dyn Parameter; 2] = [run, id];

        let client = link.client();
        let settle = has_settlements.then(|| statements.settle.row(client, &settle));
        let claim = (*limit > 0).then(|| statements.claim.rows(client, &claim));
        // `join5` first polls its futures in this order, so the statements are sent in this order.
        let sent = join5(
            client.batch_execute(link.begin_statement()),
            statements.enter.row(client, &enter),
            OptionFuture::from(settle),
            OptionFuture::from(claim),
            join3(
                statements.finish.row(client, &finish),
                client.batch_execute("commit"),
                OptionFuture::from(notice.map(|notice| client.batch_execute(notice))),
            ),
        );
        let (begun, entered, settled, claimed, (finished, committed, _notified)) = sent.await;
        begun?;
        entered?;
        settled.transpose()?;
        let claimed = claimed.transpose()?.unwrap_or_default();
        let finished = finished?;
        committed?;
        Ok((claimed, finished))
    }
}

fn with_place<'a>(
    mut parameters: Vec<&'a dyn Parameter>,
    scope: Option<&'a i64>,
    (rank, sequence): &'a Position,
) -> Vec<&'a dyn Parameter> {
    match scope {
        Some(scope) => parameters.push(scope),
        None => parameters.extend([rank as &dyn Parameter, sequence]),
    }
    parameters
}
