//! The dates of an event, which decide when its tickets can be booked and returned and when its waiting list ends.

use super::request::BookRefusal;
use crate::Timestamp;
use crate::states::{EventStatus, WaitlistUntil};

/// The status and the times of an event that decide what can be done with its tickets.
///
/// ```
/// use chrono::{TimeDelta, TimeZone, Utc};
/// use rowlock_domain::allocation::{BookRefusal, EventPhase, Schedule};
/// use rowlock_domain::states::{EventStatus, WaitlistUntil};
///
/// let start = Utc.with_ymd_and_hms(2036, 12, 31, 20, 0, 0).unwrap();
/// let schedule = Schedule {
///     status: EventStatus::Published,
///     sales_start_at: None,
///     sales_end_at: None,
///     starts_at: Some(start),
///     ends_at: None,
///     waitlist_until: WaitlistUntil::Start,
///     cancel_until: Some(start - TimeDelta::days(1)),
/// };
///
/// let hour_before = start - TimeDelta::hours(1);
/// assert_eq!(schedule.on_sale(hour_before), Ok(()));
/// assert_eq!(schedule.phase(hour_before), EventPhase::WaitlistOpen);
/// assert!(schedule.accepts_returns(hour_before).is_err(), "the cancellation deadline has passed");
///
/// assert_eq!(schedule.on_sale(start), Err(BookRefusal::SalesClosed));
/// assert_eq!(schedule.phase(start), EventPhase::WaitlistClosed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The status of the event.
    pub status: EventStatus,
    /// The start of sales. If absent, sales start when the event is published.
    pub sales_start_at: Option<Timestamp>,
    /// The end of sales. If absent, sales end when the event starts.
    pub sales_end_at: Option<Timestamp>,
    /// The start of the event.
    pub starts_at: Option<Timestamp>,
    /// The end of the event. If absent, the event ends at its start.
    pub ends_at: Option<Timestamp>,
    /// The point in time at which the waiting list ends.
    pub waitlist_until: WaitlistUntil,
    /// The time until which holders can return tickets. If absent, they can until the event starts.
    pub cancel_until: Option<Timestamp>,
}

/// The phase of an event, which decides whether returned tickets go to the waiting list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventPhase {
    /// The waiting list is served.
    WaitlistOpen,
    /// The waiting list has ended, at the start of the event or at the end of sales. No entry is promoted any more, and waiting
    /// entries are closed.
    WaitlistClosed,
    /// The event is cancelled. Its bookings are cancelled and its waiting-list entries are closed.
    Cancelled,
}

impl Schedule {
    /// Returns the phase at `now`.
    pub fn phase(&self, now: Timestamp) -> EventPhase {
        match self.status {
            EventStatus::Cancelled => EventPhase::Cancelled,
            _ if self.waitlist_ends_at().is_some_and(|end| end <= now) => EventPhase::WaitlistClosed,
            _ => EventPhase::WaitlistOpen,
        }
    }

    /// Returns the time at which promotions end and waiting entries are closed, or `None` if no date of the event ends its
    /// waiting list.
    fn waitlist_ends_at(&self) -> Option<Timestamp> {
        match self.waitlist_until {
            WaitlistUntil::Start => self.starts_at,
            WaitlistUntil::SalesEnd => earlier(self.starts_at, self.sales_end_at),
        }
    }

    /// Returns the time after which no returned ticket goes to the waiting list: the end of the waiting list, or the time until which
    /// holders can return tickets. Returns `None` if no date of the event ends either.
    pub fn last_returns_at(&self) -> Option<Timestamp> {
        [self.waitlist_ends_at(), self.cancel_until, self.starts_at].into_iter().flatten().min()
    }

    /// Returns the time at which sales end, which is never later than the end of the event.
    fn sales_end(&self) -> Option<Timestamp> {
        earlier(self.sales_end_at.or(self.starts_at), self.ends_at.or(self.starts_at))
    }

    /// Checks whether holders can return tickets at `now`.
    pub fn accepts_returns(&self, now: Timestamp) -> Result<(), ReturnRefusal> {
        if self.starts_at.is_some_and(|starts_at| starts_at <= now) {
            return Err(ReturnRefusal::EventBegun);
        }
        match self.cancel_until {
            Some(deadline) if deadline <= now => Err(ReturnRefusal::DeadlinePassed { deadline }),
            _ => Ok(()),
        }
    }

    /// Checks whether a reserved booking can be confirmed at `now`. It can after sales have ended, because it was reserved before.
    pub fn accepts_confirmations(&self, now: Timestamp) -> Result<(), ConfirmRefusal> {
        if self.status == EventStatus::Cancelled {
            return Err(ConfirmRefusal::EventCancelled);
        }
        match self.ends_at.or(self.starts_at) {
            Some(end) if end <= now => Err(ConfirmRefusal::EventOver),
            _ => Ok(()),
        }
    }

    /// Checks whether tickets can be transferred to another account at `now`. The cancellation deadline does not matter, because the
    /// tickets stay sold.
    pub fn accepts_transfers(&self, now: Timestamp) -> Result<(), TransferTimeRefusal> {
        if self.status == EventStatus::Cancelled {
            return Err(TransferTimeRefusal::EventCancelled);
        }
        match self.starts_at {
            Some(starts_at) if starts_at <= now => Err(TransferTimeRefusal::EventBegun),
            _ => Ok(()),
        }
    }

    /// Checks whether tickets are on sale at `now`.
    pub fn on_sale(&self, now: Timestamp) -> Result<(), BookRefusal> {
        match self.status {
            EventStatus::Draft => return Err(BookRefusal::NotPublic),
            EventStatus::Cancelled => return Err(BookRefusal::EventCancelled),
            EventStatus::Published => {}
        }
        let started = self.sales_start_at.is_none_or(|start| start <= now);
        let ended = self.sales_end().is_some_and(|end| end <= now);
        if started && !ended { Ok(()) } else { Err(BookRefusal::SalesClosed) }
    }
}

/// Returns the earlier of two optional times.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}

/// The reason why a holder can no longer return tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReturnRefusal {
    /// The event has begun.
    #[error("the event has begun")]
    EventBegun,
    /// The event's cancellation deadline has passed.
    #[error("tickets could be returned until {deadline}")]
    DeadlinePassed {
        /// The deadline.
        deadline: Timestamp,
    },
}

/// The reason why the tickets of an event can no longer be transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransferTimeRefusal {
    /// The event has begun.
    #[error("the event has begun")]
    EventBegun,
    /// The event is cancelled.
    #[error("the event is cancelled")]
    EventCancelled,
}

/// The reason why a reserved booking cannot be confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmRefusal {
    /// The time of the reservation is over.
    #[error("the reservation ended at {expired_at}")]
    Expired {
        /// The time at which it ended.
        expired_at: Timestamp,
    },
    /// The booking was cancelled.
    #[error("the booking is cancelled")]
    BookingCancelled,
    /// The event is cancelled.
    #[error("the event is cancelled")]
    EventCancelled,
    /// The event has ended.
    #[error("the event is over")]
    EventOver,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a published event that starts at the given time and has no other dates.
    fn published(starts_at: Timestamp) -> Schedule {
        Schedule {
            status: EventStatus::Published,
            sales_start_at: None,
            sales_end_at: None,
            starts_at: Some(starts_at),
            ends_at: None,
            waitlist_until: WaitlistUntil::Start,
            cancel_until: None,
        }
    }

    #[test]
    fn sales_happen_within_their_window_and_end_when_the_event_starts() {
        let at = |seconds| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
        let schedule = Schedule { sales_start_at: Some(at(10)), ends_at: Some(at(40)), ..published(at(20)) };
        assert_eq!(schedule.on_sale(at(9)), Err(BookRefusal::SalesClosed));
        assert_eq!(schedule.on_sale(at(10)), Ok(()));
        assert_eq!(schedule.on_sale(at(20)), Err(BookRefusal::SalesClosed));
        assert_eq!(Schedule { sales_end_at: Some(at(30)), ..schedule }.on_sale(at(25)), Ok(()), "the box office at the door");
        let sold_too_long = Schedule { sales_end_at: Some(at(99)), ..schedule };
        assert_eq!(sold_too_long.on_sale(at(39)), Ok(()));
        assert_eq!(sold_too_long.on_sale(at(40)), Err(BookRefusal::SalesClosed), "the event is over");
        let without_end = Schedule { ends_at: None, ..sold_too_long };
        assert_eq!((without_end.on_sale(at(19)), without_end.on_sale(at(20))), (Ok(()), Err(BookRefusal::SalesClosed)));
        assert_eq!(Schedule { status: EventStatus::Draft, ..schedule }.on_sale(at(15)), Err(BookRefusal::NotPublic));
        assert_eq!(schedule.phase(at(19)), EventPhase::WaitlistOpen);
        assert_eq!(schedule.phase(at(20)), EventPhase::WaitlistClosed);
    }

    #[test]
    fn the_waiting_list_ends_with_the_event_s_start_or_with_its_sales() {
        let at = |seconds| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
        let phases = |schedule: &Schedule, end: i64| [schedule.phase(at(end - 1)), schedule.phase(at(end))];
        let ended = [EventPhase::WaitlistOpen, EventPhase::WaitlistClosed];
        let until_start = Schedule { sales_end_at: Some(at(15)), ..published(at(20)) };
        assert_eq!(phases(&until_start, 20), ended);
        let until_sales_end = Schedule { waitlist_until: WaitlistUntil::SalesEnd, ..until_start };
        assert_eq!(phases(&until_sales_end, 15), ended);
        let sales_at_the_door = Schedule { sales_end_at: Some(at(30)), ends_at: Some(at(40)), ..until_sales_end };
        assert_eq!(phases(&sales_at_the_door, 20), ended, "never later than the start");
        assert_eq!(phases(&Schedule { starts_at: None, ..until_sales_end }, 15), ended);
        assert_eq!(Schedule { starts_at: None, ..until_start }.phase(at(1_000)), EventPhase::WaitlistOpen);
        assert_eq!(phases(&Schedule { sales_end_at: None, ..until_sales_end }, 20), ended);
        assert_eq!(
            Schedule { sales_start_at: Some(at(18)), ..until_start }.phase(at(17)),
            EventPhase::WaitlistOpen,
            "a pause in sales does not end it"
        );
    }

    #[test]
    fn holders_return_tickets_until_the_deadline_and_never_after_the_start() {
        let at = |seconds| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
        let schedule = published(at(20));
        assert_eq!((schedule.accepts_returns(at(19)), schedule.accepts_returns(at(20))), (Ok(()), Err(ReturnRefusal::EventBegun)));
        let with_deadline = Schedule { cancel_until: Some(at(10)), ..schedule };
        assert_eq!(with_deadline.accepts_returns(at(9)), Ok(()));
        assert_eq!(with_deadline.accepts_returns(at(10)), Err(ReturnRefusal::DeadlinePassed { deadline: at(10) }));
        assert_eq!(with_deadline.accepts_returns(at(20)), Err(ReturnRefusal::EventBegun));
        assert_eq!(Schedule { starts_at: None, ..schedule }.accepts_returns(at(1_000)), Ok(()));
    }

    #[test]
    fn reservations_are_confirmed_until_the_event_ends() {
        let at = |seconds| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
        let schedule = Schedule { sales_end_at: Some(at(10)), ends_at: Some(at(40)), ..published(at(20)) };
        assert_eq!(schedule.accepts_confirmations(at(39)), Ok(()), "after the end of sales and the start");
        assert_eq!(schedule.accepts_confirmations(at(40)), Err(ConfirmRefusal::EventOver));
        let without_end = Schedule { ends_at: None, ..schedule };
        assert_eq!(without_end.accepts_confirmations(at(19)), Ok(()));
        assert_eq!(without_end.accepts_confirmations(at(20)), Err(ConfirmRefusal::EventOver));
        assert_eq!(Schedule { starts_at: None, ..without_end }.accepts_confirmations(at(1_000)), Ok(()));
        let cancelled = Schedule { status: EventStatus::Cancelled, ..schedule };
        assert_eq!(cancelled.accepts_confirmations(at(1)), Err(ConfirmRefusal::EventCancelled));
    }
}
