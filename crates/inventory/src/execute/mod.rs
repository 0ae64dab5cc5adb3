//! A transaction over a batch of commands: lock, read, decide, write, commit.
//!
//! Invariants: the rows of the ticket types are locked first, in key order, and no other row is locked before them. Commands are
//! decided in the order of arrival. All writes happen in one transaction, together with the messages and the responses that are
//! stored for repeated requests. All statements are prepared and pipelined, so the statements of the next transaction can be sent
//! before the response to a COMMIT has arrived.

mod change;
mod change_entry;
mod decide;
mod delete;
mod joins;
mod ledger;
mod read;
mod statements;
mod target;
mod write;

use std::collections::HashSet;
use std::sync::Arc;

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowlock_domain::ids::TypeKey;
use uuid::Uuid;

use self::joins::JoinFreeRoom;
use self::ledger::{Ledger, Tracked};
pub(crate) use self::write::{Proof, Writes};
use crate::command::{Book, Command, Outcome, Request};
use crate::run::Render;

/// Generates UUIDv7s.
pub type NewId = Arc<dyn Fn() -> Uuid + Send + Sync>;

/// The behavior for a row that another transaction has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockWait {
    /// Waits for the lock, up to the lock timeout of the connection.
    Wait,
    /// Skips the commands that need the row. Their result is [`Outcome::Skipped`].
    Skip,
}

/// A transaction whose rows are locked and read. It must be ended before the connection is used for anything else.
pub(crate) struct Opened {
    ledger: Ledger,
    /// The types that another transaction has locked.
    elsewhere: HashSet<TypeKey>,
    /// The number of tickets of each type that late bookings may still request without joining a waiting list.
    room: JoinFreeRoom,
}

/// The outcomes of a batch and its writes.
pub(crate) struct Decided {
    pub(crate) outcomes: Vec<Outcome>,
    /// The writes, or `None` if nothing changed.
    pub(crate) writes: Option<Writes>,
}

/// Begins a transaction for a batch, locks its rows and those of `expected`, and reads what the commands need. After an error the
/// connection must not be used again.
pub(crate) async fn open(
    conn: &AsyncPgConnection,
    commands: &[&Command],
    expected: &[TypeKey],
    wait: LockWait,
    new_id: NewId,
) -> QueryResult<Opened> {
    let needs = read::needs(conn, commands, expected).await?;
    let (elsewhere, ledger) = read::begin(conn, needs, commands, wait, new_id).await?;
    let mut opened = Opened { ledger, elsewhere, room: JoinFreeRoom::default() };
    let active: Vec<&Command> = commands.iter().filter(|command| !opened.lacks(command)).copied().collect();
    opened.room = JoinFreeRoom::of(&active, &opened.ledger);
    read::read_more(conn, &active, &opened.room, &mut opened.ledger).await?;
    Ok(opened)
}

impl Opened {
    /// Returns whether a command needs a type that another transaction has locked.
    pub(crate) fn lacks(&self, command: &Command) -> bool {
        match command.only_type() {
            Some(key) => self.elsewhere.contains(&key),
            None => self.elsewhere.iter().any(|key| key.event == command.event()),
        }
    }

    /// Returns whether one more command can be decided with the rows that are locked and read. Only a booking qualifies, if its
    /// type is locked and it needs nothing but its row and its event. A booking that could join a waiting list that others are
    /// already on is not admitted, because the open entries of its account have not been read.
    pub(crate) fn admits(&mut self, command: &Command) -> bool {
        let Command::Book(book @ Book { key, idempotency: None, .. }) = command else { return false };
        let row = self.ledger.types.get(key).map(Tracked::get);
        row.is_some_and(|row| row.terms.max_per_account.is_none())
            && self.ledger.events.contains_key(&key.event)
            && self.room.take_for_late(book)
    }

    /// Decides the commands in their order.
    pub(crate) fn decide<R: Request>(self, requests: &[R], render: &Render, source: &str) -> QueryResult<Decided> {
        let mut outcomes = Vec::with_capacity(requests.len());
        let skipped: Vec<bool> = requests.iter().map(|request| self.lacks(request.command())).collect();
        let mut ledger = self.ledger;
        for (request, skipped) in requests.iter().zip(skipped) {
            ledger.trace = request.trace();
            outcomes.push(if skipped { Outcome::Skipped } else { ledger.apply(request.command(), render) });
        }
        ledger.announce_released();
        let writes = Writes::of(&ledger, source)?;
        Ok(Decided { outcomes, writes })
    }
}

/// Writes and commits in one round trip. After an error the connection must not be used again. If the database reported an error
/// about the data, nothing was committed; after any other error it is unknown whether the transaction was committed.
pub(crate) async fn commit(conn: &AsyncPgConnection, writes: Writes) -> QueryResult<()> {
    writes.commit(conn).await
}

/// Ends a transaction that has nothing to write.
pub(crate) async fn roll_back(mut conn: &AsyncPgConnection) -> QueryResult<()> {
    statements::Rollback {}.execute(&mut conn).await.map(|_| ())
}

/// Returns whether a batch whose COMMIT response was lost was committed. Acquires the row locks of the batch first; they stay
/// unavailable while the lost transaction is still running, so the answer is final.
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

/// Inserts one message into the outbox, within the open transaction.
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
