//! The times of an event and the rules that they must follow.

use rowlock_domain::Timestamp;

/// The times of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventTimes {
    /// The start of the event.
    pub starts_at: Option<Timestamp>,
    /// The end of the event.
    pub ends_at: Option<Timestamp>,
    /// The start of sales.
    pub sales_start_at: Option<Timestamp>,
    /// The end of sales.
    pub sales_end_at: Option<Timestamp>,
    /// The time until which holders can return tickets.
    pub cancel_until: Option<Timestamp>,
}

impl EventTimes {
    /// Checks that the times do not contradict each other, and returns every field that does, with the reason.
    ///
    /// Sales must end by the end of the event and begin before they end, because a sales window that never opens is a mistake.
    #[must_use = "the times are valid only if the list is empty"]
    pub fn check(&self) -> Vec<TimeConflict> {
        let mut wrong = Vec::new();
        let mut refuse = |field, reason| wrong.push(TimeConflict { field, reason });
        let &Self { starts_at, ends_at, sales_start_at, sales_end_at, cancel_until } = self;
        match (starts_at, ends_at) {
            (None, Some(_)) => refuse("endsAt", "needs startsAt"),
            (Some(start), Some(end)) if end < start => refuse("endsAt", "must not come before startsAt"),
            _ => {}
        }
        let sales_are_ordered = match (sales_start_at, sales_end_at) {
            (Some(start), Some(end)) => start < end,
            _ => true,
        };
        if !sales_are_ordered {
            refuse("salesEndAt", "must come after salesStartAt");
        }
        let event_end = ends_at.or(starts_at);
        if sales_are_ordered && event_end.is_some_and(|event_end| sales_end_at.is_some_and(|end| end > event_end)) {
            refuse("salesEndAt", "must not come after the end of the event (endsAt, or startsAt if there is no endsAt)");
        }
        if let (Some(sales_start), Some(start), None) = (sales_start_at, starts_at, sales_end_at)
            && sales_start >= start
        {
            refuse("salesStartAt", "must come before startsAt, because sales end at startsAt if there is no salesEndAt");
        }
        if cancel_until.is_some_and(|deadline| starts_at.is_some_and(|start| deadline > start)) {
            refuse("cancelUntil", "must not come after startsAt, because tickets cannot be returned once the event has begun");
        }
        wrong
    }
}

/// A time that contradicts another time of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeConflict {
    /// The name of the field.
    pub field: &'static str,
    /// A description of what is wrong with it.
    pub reason: &'static str,
}
