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
mod late_bookings;
mod queue_log;
mod read;
mod reallocate;
mod reservations;
mod returns;
mod statements;
mod target;
mod transfers;
mod unit_of_work;
mod wishes;
mod write;

use std::collections::{BTreeSet, HashSet};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowlock_domain::ids::{EventId, TypeKey, WishId};

use self::late_bookings::LateBookingBudget;
use self::unit_of_work::{Tracked, UnitOfWork};
pub(crate) use self::write::{BatchWrites, CommitMarker};
use crate::command::{Book, Command, CommandRequest, Outcome};
use crate::config::{LockWait, MessageFormat, NewId, ResponseRenderer};

/// A transaction whose rows are locked and read. It must be ended before the connection is used for anything else.
pub(crate) struct LockedBatch {
    work: UnitOfWork,
    /// The types that another transaction has locked.
    blocked_types: HashSet<TypeKey>,
    /// The wishes that wait for a type which another transaction has locked.
    blocked_wishes: BTreeSet<(EventId, WishId)>,
    /// The number of tickets of each type that late bookings may still request without joining a waiting list.
    late_budget: LateBookingBudget,
}

/// The outcomes of a batch and its writes.
pub(crate) struct DecidedBatch {
    pub(crate) outcomes: Vec<Outcome>,
    /// The writes, or `None` if nothing changed.
    pub(crate) writes: Option<BatchWrites>,
}

/// Begins a transaction for a batch, locks its rows and those of `expected`, and reads what the commands need. After an error the
/// connection must not be used again.
///
/// Which other types the entries of a wish wait for is known only when its entries have been read under the lock of one type. The other
/// types are then locked without waiting, because a transaction that waits for them out of order could deadlock. If one of them is locked
/// elsewhere, the transaction is begun again with all of them, in key order; with `LockWait::Skip`, the command is skipped.
pub(crate) async fn begin_batch(
    conn: &AsyncPgConnection,
    commands: &[&Command],
    expected: &[TypeKey],
    wait: LockWait,
    new_id: NewId,
) -> QueryResult<LockedBatch> {
    let mut expected = expected.to_vec();
    loop {
        let lock_set = read::find_lock_set(conn, commands, &expected).await?;
        let (blocked_types, work) = read::begin_and_read(conn, lock_set, commands, wait, new_id.clone()).await?;
        let late_budget = LateBookingBudget::default();
        let mut batch = LockedBatch { work, blocked_types, blocked_wishes: BTreeSet::new(), late_budget };
        let mut missing = batch.read_dependent_rows(conn, commands).await?;
        missing.retain(|key| !expected.contains(key));
        if wait == LockWait::Skip || missing.is_empty() {
            return Ok(batch);
        }
        roll_back(conn).await?;
        expected.extend(missing);
    }
}

impl LockedBatch {
    /// Reads what the commands need besides the locked rows and the rows that they refer to. Returns the types of wishes that another
    /// transaction has locked.
    async fn read_dependent_rows(&mut self, conn: &AsyncPgConnection, commands: &[&Command]) -> QueryResult<BTreeSet<TypeKey>> {
        let active: Vec<&Command> = commands.iter().filter(|command| !self.is_blocked(command)).copied().collect();
        let work = &mut self.work;
        let mut blocked = read::read_wishes(conn, work.wishes_to_change(&active), work).await?;
        self.late_budget = LateBookingBudget::of(&active, work);
        read::read_dependent_rows(conn, &active, &self.late_budget, work).await?;
        blocked.extend(read::read_wishes(conn, work.wishes_to_promote(&active), work).await?);
        read::read_unlogged_queues(conn, work).await?;
        self.blocked_wishes = blocked.iter().map(|(_, wish)| *wish).collect();
        Ok(blocked.into_iter().map(|(key, _)| key).collect())
    }

    /// Returns whether a command needs a type that another transaction has locked.
    pub(crate) fn is_blocked(&self, command: &Command) -> bool {
        let by_row = match command.only_type() {
            Some(key) => self.blocked_types.contains(&key),
            None => self.blocked_types.iter().any(|key| key.event == command.event()),
        };
        by_row || self.is_blocked_by_wish(command)
    }

    fn is_blocked_by_wish(&self, command: &Command) -> bool {
        if self.blocked_wishes.is_empty() {
            return false;
        }
        let (changed, promoted) = (self.work.wishes_to_change(&[command]), self.work.wishes_to_promote(&[command]));
        changed.iter().chain(&promoted).any(|wish| self.blocked_wishes.contains(wish))
    }

    /// Returns whether one more command can be decided with the rows that are locked and read. Only a booking qualifies, if its
    /// type is locked and it needs nothing but its row and its event. A booking that could join a waiting list that others are
    /// already on is not admitted, because the open entries of its account have not been read.
    pub(crate) fn try_admit(&mut self, command: &Command) -> bool {
        let Command::Book(book @ Book { key, idempotency: None, .. }) = command else { return false };
        let row = self.work.types.get(key).map(Tracked::get);
        row.is_some_and(|row| row.limits.max_per_account.is_none())
            && self.work.events.contains_key(&key.event)
            && self.late_budget.try_spend(book)
    }

    /// Decides the commands in their order.
    pub(crate) fn decide<R: CommandRequest>(
        self,
        requests: &[R],
        render: &ResponseRenderer,
        format: MessageFormat,
    ) -> QueryResult<DecidedBatch> {
        let mut outcomes = Vec::with_capacity(requests.len());
        let skipped: Vec<bool> = requests.iter().map(|request| self.is_blocked(request.command())).collect();
        let mut work = self.work;
        work.restart_queue_logs();
        for (request, skipped) in requests.iter().zip(skipped) {
            work.trace = request.trace();
            outcomes.push(if skipped { Outcome::Skipped } else { work.decide_command(request.command(), render) });
        }
        work.emit_tickets_released();
        let writes = BatchWrites::of(&work, format)?;
        Ok(DecidedBatch { outcomes, writes })
    }
}

/// Writes and commits in one round trip. After an error the connection must not be used again. If the database reported an error
/// about the data, nothing was committed; after any other error it is unknown whether the transaction was committed.
pub(crate) async fn commit(conn: &AsyncPgConnection, writes: BatchWrites) -> QueryResult<()> {
    writes.commit(conn).await
}

/// Ends a transaction that has nothing to write.
pub(crate) async fn roll_back(mut conn: &AsyncPgConnection) -> QueryResult<()> {
    statements::Rollback {}.execute(&mut conn).await.map(|_| ())
}

/// Returns whether a batch whose COMMIT response was lost was committed. Acquires the row locks of the batch first; they stay
/// unavailable while the lost transaction is still running, so the answer is final.
pub(crate) async fn was_committed(conn: &mut AsyncPgConnection, marker: &CommitMarker) -> QueryResult<bool> {
    conn.batch_execute("BEGIN").await?;
    let found = async {
        read::lock_types(conn, &marker.locked, LockWait::Wait).await?;
        let (found,): (bool,) = statements::CommitMarkerExists { event: marker.event.as_uuid(), id: marker.id }.get_result(conn).await?;
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
        keys: vec![message.domain_event.routing_key()],
        payloads: vec![payload],
        now: message.time,
    };
    rows.execute(conn).await.map(|_| ())
}
