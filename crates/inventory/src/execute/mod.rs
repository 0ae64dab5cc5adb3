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
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

pub(crate) use self::ledger::NewId;
pub(crate) use self::write::{Proof, Writes};
use crate::command::{Command, Outcome, Traced};
use crate::run::Render;

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

/// A transaction that was decided, with its rows locked.
pub(crate) struct Prepared {
    pub(crate) outcomes: Vec<Outcome>,
    /// What is to be written. `None` if nothing is; then the transaction has ended already.
    pub(crate) writes: Option<Writes>,
}

/// Runs the commands in a transaction, up to its writes. After an error the connection must not be used again.
pub(crate) async fn prepare(
    conn: &mut AsyncPgConnection,
    requests: &[&Traced],
    wait: LockWait,
    context: Context<'_>,
) -> QueryResult<Prepared> {
    let commands: Vec<&Command> = requests.iter().map(|request| &request.command).collect();
    let commands = commands.as_slice();
    let needs = read::needs(conn, commands).await?;
    let (locked, mut ledger) = read::begin(conn, needs, commands, wait, context.new_id).await?;
    let skipped: Vec<bool> = commands.iter().map(|command| locked.lacks(command)).collect();
    let active: Vec<&Command> = commands.iter().zip(&skipped).filter(|(_, skipped)| !**skipped).map(|(command, _)| *command).collect();
    read::read_more(conn, &active, &mut ledger).await?;
    let mut outcomes = Vec::with_capacity(commands.len());
    for (request, skipped) in requests.iter().zip(skipped) {
        ledger.trace = request.trace;
        outcomes.push(if skipped { Outcome::Skipped } else { ledger.apply(&request.command, context.render) });
    }
    ledger.announce_released();
    let writes = Writes::of(&ledger, context.source)?;
    if writes.is_none() {
        conn.batch_execute("ROLLBACK").await?;
    }
    Ok(Prepared { outcomes, writes })
}

/// Writes and commits, in one round trip. After an error the connection must not be used again. Of an error that the
/// database has told of the data nothing is left; any other leaves open whether the transaction was committed.
pub(crate) async fn commit(conn: &mut AsyncPgConnection, writes: Writes) -> QueryResult<()> {
    writes.commit(conn).await
}

/// Tells whether a batch was committed whose COMMIT had no answer. Takes the locks that the batch had first: while its
/// transaction lives on the server, these are not to be had, so what is seen afterwards is final.
pub(crate) async fn was_committed(conn: &mut AsyncPgConnection, proof: &Proof) -> QueryResult<bool> {
    conn.batch_execute("BEGIN").await?;
    let found = async {
        read::take_rows(conn, &proof.locked, LockWait::Wait).await?;
        let (found,): (bool,) = statements::Proven { event: proof.event.as_uuid(), id: proof.id }.get_result(conn).await?;
        Ok(found)
    }
    .await;
    conn.batch_execute("ROLLBACK").await?;
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
