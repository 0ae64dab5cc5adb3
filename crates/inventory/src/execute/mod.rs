//! One transaction over a slice of commands: lock, read, decide, write, commit.
//!
//! What it keeps true: the rows of the ticket types are taken first, in the order of their key, and nothing else is
//! locked before them; commands are decided in the order in which they came; everything is written in one
//! transaction together with its messages and with the answers to repeatable requests. All statements are prepared and
//! take their turn, so those of the next transaction may be sent behind a COMMIT that has no answer yet.

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

/// Makes UUIDv7s.
pub type NewId = Arc<dyn Fn() -> Uuid + Send + Sync>;

/// What to do about a row that somebody else has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockWait {
    /// Wait for it, up to the connection's lock time-out.
    Wait,
    /// Leave its commands undone, as [`Outcome::Skipped`].
    Skip,
}

/// A transaction whose rows are locked and read. It has an end of its own: until then the connection is its.
pub(crate) struct Opened {
    ledger: Ledger,
    /// The types that somebody else holds.
    elsewhere: HashSet<TypeKey>,
    /// How many more tickets late bookings may ask for without joining a waiting list.
    room: JoinFreeRoom,
}

/// What was decided.
pub(crate) struct Decided {
    pub(crate) outcomes: Vec<Outcome>,
    /// What is to be written; `None` if nothing is.
    pub(crate) writes: Option<Writes>,
}

/// Begins a transaction for some commands, takes their rows and those of `expected`, and reads what they look at. After an
/// error the connection must not be used again.
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
    /// Whether a command needs a type that somebody else holds.
    pub(crate) fn lacks(&self, command: &Command) -> bool {
        match command.only_type() {
            Some(key) => self.elsewhere.contains(&key),
            None => self.elsewhere.iter().any(|key| key.event == command.event()),
        }
    }

    /// Whether one more command can be decided with what is locked and read: a booking of a type that is locked, which asks
    /// for no more than its row and its event. One that could join a waiting list is not admitted where somebody waits,
    /// because the account's open entries have not been read.
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

/// Writes and commits, in one round trip. After an error the connection must not be used again. Of an error that the
/// database has told of the data nothing is left; any other leaves open whether the transaction was committed.
pub(crate) async fn commit(conn: &AsyncPgConnection, writes: Writes) -> QueryResult<()> {
    writes.commit(conn).await
}

/// Ends a transaction that has nothing to write.
pub(crate) async fn roll_back(mut conn: &AsyncPgConnection) -> QueryResult<()> {
    statements::Rollback {}.execute(&mut conn).await.map(|_| ())
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
