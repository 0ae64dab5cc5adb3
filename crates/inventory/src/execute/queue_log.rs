//! Writes the queue log of each ticket type whose waiting list a batch changes: one record per change, in the order of the decisions.
//!
//! The end of the log is read with the row of the type and written with its counters, so the row lock orders the records. A batch
//! that changes no waiting list writes nothing here.

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use rowlock_domain::Timestamp;
use rowlock_domain::allocation::{PartySize, Stock};
use rowlock_domain::ids::TypeKey;
use rowlock_domain::queue_log::{QueueChange, QueueLogHash, QueueLogHead, QueueLogKind, QueueLogRecord};

use super::statements as sql;
use super::unit_of_work::UnitOfWork;
use super::write::execute_rows;
use crate::views::rows::{to_int, unreadable};

/// The longest waiting list with which a log starts anew. The entries are read and written while the row is locked, about 100,000 in a
/// second. A longer list gets its log when it has become shorter.
const MAX_LISTED: u32 = 200_000;

/// The queue log of a locked type.
#[derive(Debug)]
pub(crate) struct QueueLog {
    head: QueueLogHead,
    /// The records of this batch.
    new: Vec<QueueLogRecord>,
    state: LogState,
}

#[derive(Debug)]
enum LogState {
    /// The log contains every change of the queue, and the changes of this batch are added.
    Complete,
    /// The log starts anew with these waiting entries, which are in the order of their numbers.
    StartsAnew(Vec<(i64, PartySize)>),
    /// The queue is too long for a new start, so nothing is recorded.
    Suspended,
}

/// The columns of a type that belong to its queue log.
pub(super) struct StoredQueueLog {
    pub(super) position: i64,
    pub(super) hash: Option<Vec<u8>>,
    /// The version of the type up to which the log is complete.
    pub(super) version: i64,
}

impl QueueLog {
    /// Returns the stored log of a type with these counters.
    pub(super) fn stored(stored: StoredQueueLog, stock: &Stock) -> QueryResult<Self> {
        let hash = match stored.hash {
            Some(hash) => QueueLogHash::from_bytes(hash.as_slice().try_into().map_err(unreadable)?),
            None => QueueLogHash::START,
        };
        // The previous release increments the version of the type, but not that of the log. A queue that never had an entry has an
        // empty log.
        let state = if stored.version == stock.version || stock.next_number == 1 {
            LogState::Complete
        } else if stock.waiting <= MAX_LISTED {
            LogState::StartsAnew(Vec::new())
        } else {
            LogState::Suspended
        };
        Ok(Self { head: QueueLogHead { position: stored.position, hash }, new: Vec::new(), state })
    }

    /// Returns whether the log starts anew in this batch, because the previous release may have changed the queue.
    pub(super) const fn starts_anew(&self) -> bool {
        matches!(self.state, LogState::StartsAnew(_))
    }

    /// Adds a waiting entry to those with which the log starts anew. They must be added in the order of their numbers.
    pub(super) fn list(&mut self, number: i64, size: PartySize) {
        if let LogState::StartsAnew(waiting) = &mut self.state {
            waiting.push((number, size));
        }
    }

    /// Returns the new end of the log, if it has grown in this batch.
    pub(super) fn new_head(&self) -> Option<QueueLogHead> {
        (!self.new.is_empty()).then_some(self.head)
    }

    fn append(&mut self, key: TypeKey, at: Timestamp, change: QueueChange) {
        if matches!(self.state, LogState::Complete) {
            self.new.push(self.head.append(key, at, change));
        }
    }

    /// Starts the log anew if it is not complete. `highest` is the highest number that was assigned. Returns whether it did.
    fn start_anew(&mut self, key: TypeKey, at: Timestamp, highest: i64) -> bool {
        if !self.starts_anew() {
            return false;
        }
        let LogState::StartsAnew(waiting) = std::mem::replace(&mut self.state, LogState::Complete) else { return false };
        self.append(key, at, QueueChange::of(QueueLogKind::Restarted, highest));
        for (number, size) in waiting {
            self.append(key, at, QueueChange::waits(QueueLogKind::Listed, number, size));
        }
        true
    }
}

impl UnitOfWork {
    /// Appends a change to the log of a queue.
    pub(super) fn log_queue(&mut self, key: TypeKey, change: QueueChange) {
        if let Some(log) = self.queue_logs.get_mut(&key) {
            log.append(key, self.now, change);
        }
    }

    /// Starts the logs anew that are not complete, with the entries that wait at the beginning of the batch.
    pub(super) fn restart_queue_logs(&mut self) {
        for (key, log) in &mut self.queue_logs {
            if let Some(row) = self.types.get_mut(key)
                && log.start_anew(*key, self.now, row.get().stock.next_number - 1)
            {
                // The end of the log is written with the row.
                row.change();
            }
        }
    }
}

/// The new records of a batch.
pub(super) struct QueueLogWrites(sql::InsertQueueLog);

impl QueueLogWrites {
    /// Collects the new records. Returns `None` if there are none. The result is boxed, because most batches have none, and the future
    /// of every batch would be larger.
    pub(super) fn of(work: &UnitOfWork) -> QueryResult<Option<Box<Self>>> {
        if work.queue_logs.values().all(|log| log.new.is_empty()) {
            return Ok(None);
        }
        let mut rows = sql::InsertQueueLog {
            events: Vec::new(),
            types: Vec::new(),
            positions: Vec::new(),
            kinds: Vec::new(),
            numbers: Vec::new(),
            previous_numbers: Vec::new(),
            quantities: Vec::new(),
            min_quantities: Vec::new(),
            free: Vec::new(),
            max_per_booking: Vec::new(),
            hashes: Vec::new(),
            now: work.now,
        };
        let optional = |value: Option<u32>| value.map(to_int).transpose();
        for (key, record) in work.queue_logs.iter().flat_map(|(key, log)| log.new.iter().map(move |record| (key, record))) {
            let change = &record.change;
            rows.events.push(key.event.as_uuid());
            rows.types.push(key.ticket_type.as_uuid());
            rows.positions.push(record.position);
            rows.kinds.push(change.kind.as_str());
            rows.numbers.push(change.number);
            rows.previous_numbers.push(change.previous_number);
            rows.quantities.push(optional(change.quantity)?);
            rows.min_quantities.push(optional(change.min_quantity)?);
            rows.free.push(optional(change.free)?);
            rows.max_per_booking.push(optional(change.max_per_booking)?);
            rows.hashes.push(record.hash.as_bytes().to_vec());
        }
        Ok(Some(Box::new(Self(rows))))
    }

    pub(super) async fn write(writes: Option<Box<Self>>, conn: &AsyncPgConnection) -> QueryResult<()> {
        let Some(writes) = writes else { return Ok(()) };
        let rows = writes.0.hashes.len();
        execute_rows(conn, writes.0, rows).await
    }
}
