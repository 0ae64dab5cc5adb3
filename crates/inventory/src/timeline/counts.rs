//! Sums of sales changes.

use rowlock_domain::Timestamp;
use rowlock_domain::messages::SalesChange;

/// The sums of the changes of a ticket type or an event within a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SalesCounts {
    /// The number of tickets booked from the available ones.
    pub booked: i64,
    /// The number of returned tickets.
    pub returned: i64,
    /// The number of tickets that went to the waiting list.
    pub promoted: i64,
    /// The number of promoted entries.
    pub promotions: i64,
    /// The number of entries that joined the waiting list.
    pub joined: i64,
    /// The number of entries that left the waiting list without tickets.
    pub left: i64,
}

impl SalesCounts {
    /// Adds other counts.
    pub const fn add(&mut self, other: Self) {
        self.booked += other.booked;
        self.returned += other.returned;
        self.promoted += other.promoted;
        self.promotions += other.promotions;
        self.joined += other.joined;
        self.left += other.left;
    }

    /// Raises each count that is lower than in `other` to that.
    pub(super) fn raise_to(&mut self, other: Self) {
        self.booked = self.booked.max(other.booked);
        self.returned = self.returned.max(other.returned);
        self.promoted = self.promoted.max(other.promoted);
        self.promotions = self.promotions.max(other.promotions);
        self.joined = self.joined.max(other.joined);
        self.left = self.left.max(other.left);
    }

    /// Returns the change of the number of tickets in confirmed bookings.
    pub const fn sold(self) -> i64 {
        self.booked + self.promoted - self.returned
    }

    /// Returns the change of the number of waiting entries.
    pub const fn waiting(self) -> i64 {
        self.joined - self.promotions - self.left
    }
}

impl From<SalesChange> for SalesCounts {
    fn from(change: SalesChange) -> Self {
        Self {
            booked: change.booked.into(),
            returned: change.returned.into(),
            promoted: change.promoted.into(),
            promotions: change.promotions.into(),
            joined: change.joined.into(),
            left: change.left.into(),
        }
    }
}

/// The counts of one minute, and the capacity after its last change in that minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct MinuteCounts {
    pub(super) counts: SalesCounts,
    pub(super) capacity: Option<u32>,
}

impl MinuteCounts {
    pub(super) fn add(&mut self, change: SalesChange) {
        self.counts.add(change.into());
        self.capacity = change.capacity.or(self.capacity);
    }
}

/// Returns the start of the minute.
pub(super) fn minute_of(time: Timestamp) -> Timestamp {
    let seconds = time.timestamp();
    Timestamp::from_timestamp(seconds - seconds.rem_euclid(60), 0).unwrap_or(time)
}
