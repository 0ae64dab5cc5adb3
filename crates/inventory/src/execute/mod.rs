//! One transaction over a slice of commands: lock, read, decide, write, commit.
//!
//! What it keeps true: the rows of the ticket types are taken first, in the order of their key, and nothing else is
//! locked before them; commands are decided in the order in which they came; everything is written in one
//! transaction together with its messages and with the answers to repeatable requests.

mod change;
mod decide;
mod ledger;
mod read;
mod statements;
mod write;

use diesel::QueryResult;
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, TransactionManager};

pub(crate) use self::ledger::NewId;
pub(crate) use self::write::Proof;
use crate::command::{Command, Outcome};
use crate::run::Render;
use crate::views::rows::TypeRow;

/// What to do about a row that somebody else has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockWait {
    /// Wait for it, up to the connection's lock time-out.
    Wait,
    /// Leave its commands undone, as [`Outcome::Skipped`].
    Skip,
}

/// What a transaction needs besides its commands.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) new_id: NewId<'a>,
    pub(crate) render: &'a Render,
    /// The `source` of the messages.
    pub(crate) source: &'a str,
}

/// A transaction that was decided and written.
pub(crate) struct Prepared {
    pub(crate) outcomes: Vec<Outcome>,
    /// What will prove its commit. `None` if there was nothing to write; then the transaction has ended already.
    pub(crate) proof: Option<Proof>,
}

/// Runs the commands in a transaction, up to its COMMIT. An error means that nothing was changed.
pub(crate) async fn prepare(
    conn: &mut AsyncPgConnection,
    commands: &[&Command],
    wait: LockWait,
    context: Context<'_>,
) -> QueryResult<Prepared> {
    let needs = read::needs(conn, commands).await?;
    AnsiTransactionManager::begin_transaction(conn).await?;
    match inside(conn, needs, commands, wait, context).await {
        Ok(prepared) => {
            if prepared.proof.is_none() {
                roll_back(conn).await;
            }
            Ok(prepared)
        }
        Err(error) => {
            roll_back(conn).await;
            Err(error)
        }
    }
}

/// Sends the COMMIT. An error whose fault is not the data leaves open whether it took place.
pub(crate) async fn commit(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    AnsiTransactionManager::commit_transaction(conn).await
}

/// Ends a transaction in which nothing is to be kept. If that fails the connection is broken and the pool drops it.
async fn roll_back(conn: &mut AsyncPgConnection) {
    if let Err(error) = AnsiTransactionManager::rollback_transaction(conn).await {
        tracing::debug!(%error, "rollback failed");
    }
}

async fn inside(
    conn: &mut AsyncPgConnection,
    needs: read::Needs,
    commands: &[&Command],
    wait: LockWait,
    context: Context<'_>,
) -> QueryResult<Prepared> {
    let locked = read::lock(conn, needs, wait).await?;
    let skipped: Vec<bool> = commands.iter().map(|command| locked.lacks(command)).collect();
    let active: Vec<&Command> = commands.iter().zip(&skipped).filter(|(_, skipped)| !**skipped).map(|(command, _)| *command).collect();
    if active.is_empty() {
        return Ok(Prepared { outcomes: vec![Outcome::Skipped; commands.len()], proof: None });
    }
    let mut ledger = read::read(conn, locked, &active, context.new_id).await?;
    let mut outcomes = Vec::with_capacity(commands.len());
    for (command, skipped) in commands.iter().zip(skipped) {
        outcomes.push(if skipped { Outcome::Skipped } else { ledger.apply(command, context.render) });
    }
    ledger.announce_released();
    let proof = write::write(conn, &ledger, context.source).await?;
    Ok(Prepared { outcomes, proof })
}

/// Tells whether a batch was committed whose COMMIT had no answer. Takes the locks that the batch had first: while its
/// transaction lives on the server, these are not to be had, so what is seen afterwards is final.
pub(crate) async fn was_committed(conn: &mut AsyncPgConnection, proof: &Proof) -> QueryResult<bool> {
    AnsiTransactionManager::begin_transaction(conn).await?;
    let found = async {
        let (events, types) = proof.locked.iter().map(|key| (key.event.as_uuid(), key.ticket_type.as_uuid())).unzip();
        let _: Vec<TypeRow> = statements::Lock { events, types }.load(conn).await?;
        let (found,): (bool,) = statements::Proven { event: proof.event.as_uuid(), id: proof.id }.get_result(conn).await?;
        Ok(found)
    }
    .await;
    roll_back(conn).await;
    found
}

/// Writes one message into the outbox, in the transaction that is open.
pub(crate) async fn insert_message(
    conn: &mut AsyncPgConnection,
    message: &rowlock_domain::messages::Message,
    source: &str,
) -> QueryResult<()> {
    let payload = message.to_json(source).map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
    let rows = statements::InsertMessages {
        events: vec![message.subject.event().as_uuid()],
        ids: vec![message.id.as_uuid()],
        keys: vec![message.fact.routing_key()],
        payloads: vec![payload],
        now: message.time,
    };
    rows.execute(conn).await.map(|_| ())
}
