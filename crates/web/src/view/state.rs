//! The state of a sale, in words first. The color only repeats what the words say.

use chrono::TimeDelta;
use chrono_tz::Tz;
use rowlock_domain::Timestamp;
use rowlock_domain::states::EventStatus;
use rowlock_locale::Locale;

use crate::api::models::Event;

/// The state of the sale of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaleState {
    /// The event was called off.
    CalledOff,
    /// The event is over.
    Past,
    /// Sales have not started.
    NotYet(Timestamp),
    /// Sales have ended.
    Ended,
    /// Tickets can be booked.
    Available(i64),
    /// All tickets are gone, and so many parties wait.
    SoldOut(i64),
}

impl SaleState {
    /// Returns the state of an event at an instant.
    pub(crate) fn of(event: &Event, now: Timestamp) -> Self {
        if event.status == EventStatus::Cancelled {
            return Self::CalledOff;
        }
        if event.ends_at.or(event.starts_at).is_some_and(|end| end < now) {
            return Self::Past;
        }
        if let Some(start) = event.sales_start_at.filter(|start| *start > now) {
            return Self::NotYet(start);
        }
        if event.sales_end_at.is_some_and(|end| end <= now) {
            return Self::Ended;
        }
        if event.available_tickets > 0 { Self::Available(event.available_tickets) } else { Self::SoldOut(event.waitlist_length) }
    }

    /// Returns whether the waiting list of an event accepts entries. It stays open after the end of sales if the event says so.
    pub(crate) fn accepts_waiting(self, event: &Event, now: Timestamp) -> bool {
        match self {
            Self::Available(_) | Self::SoldOut(_) => true,
            Self::Ended => event.waitlist_until == "start" && event.starts_at.is_some_and(|start| start > now),
            Self::CalledOff | Self::Past | Self::NotYet(_) => false,
        }
    }

    /// Returns the words.
    pub(crate) fn words(self, locale: &Locale, zone: Tz, now: Timestamp) -> StateWords {
        let plain = |text: String, kind| StateWords { text, more: None, kind, opens: None };
        match self {
            Self::CalledOff => plain(locale.text("state-called-off"), "bad"),
            Self::Past => plain(locale.text("state-past"), "quiet"),
            Self::Ended => plain(locale.text("state-sales-ended"), "quiet"),
            Self::Available(count) => plain(left(locale, count), if count <= 10 { "warn" } else { "good" }),
            Self::SoldOut(0) => plain(locale.text("state-sold-out"), "quiet"),
            Self::SoldOut(count) => StateWords { more: Some(waiting(locale, count)), ..plain(locale.text("state-sold-out"), "quiet") },
            Self::NotYet(start) => {
                let when = if start - now < TimeDelta::days(6) { locale.weekday_time(start, zone) } else { locale.date_time(start, zone) };
                let when = format!("{when}\u{a0}{}", locale.zone_name(zone));
                StateWords { opens: Some(start), ..plain(locale.with("state-on-sale", [("when", when.into())]), "quiet") }
            }
        }
    }
}

/// Returns how many tickets are left, such as `38 left`.
pub(crate) fn left(locale: &Locale, count: i64) -> String {
    locale.with("state-left", [("count", locale.number(count).into())])
}

/// Returns how many parties wait, such as `12 parties waiting`.
pub(crate) fn waiting(locale: &Locale, count: i64) -> String {
    locale.with("state-waiting", [("count", count.into()), ("number", locale.number(count).into())])
}

/// The words about a state.
#[derive(Debug, Clone)]
pub(crate) struct StateWords {
    /// The most important fact, such as `Sold out`.
    pub(crate) text: String,
    /// A further fact, such as `12 parties waiting`.
    pub(crate) more: Option<String>,
    /// Class of the color: `good`, `warn`, `bad` or `quiet`.
    pub(crate) kind: &'static str,
    /// When sales open, for a countdown.
    pub(crate) opens: Option<Timestamp>,
}

impl StateWords {
    /// Returns when sales open, as browsers read it.
    pub(crate) fn opens_iso(&self) -> Option<String> {
        self.opens.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    }
}

/// Returns the time until an instant in words, such as `in 3 hours`.
pub(crate) fn from_now(locale: &Locale, at: Timestamp, now: Timestamp) -> String {
    let wait = at - now;
    let (id, count) = if wait >= TimeDelta::days(2) {
        ("in-days", wait.num_days())
    } else if wait >= TimeDelta::hours(2) {
        ("in-hours", wait.num_hours())
    } else {
        ("in-minutes", wait.num_minutes().max(1))
    };
    locale.with(id, [("count", count.into())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(change: impl FnOnce(&mut Event)) -> Event {
        let document = serde_json::json!({
            "id": "01936f1d-7000-7a11-8b22-3c4d5e6f7003", "name": "Boat race", "description": null, "venue": null,
            "startsAt": "2026-08-14T18:00:00Z", "endsAt": null, "salesStartAt": null, "salesEndAt": null, "waitlistUntil": "start",
            "cancelUntil": null, "status": "published", "totalTickets": 2, "availableTickets": 2, "bookedTickets": 0,
            "waitlistLength": 0, "ticketTypes": []
        });
        let mut event = serde_json::from_value(document).unwrap();
        change(&mut event);
        event
    }

    fn state(change: impl FnOnce(&mut Event)) -> SaleState {
        SaleState::of(&event(change), "2026-08-01T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn the_state_says_what_a_buyer_can_do() {
        assert_eq!(state(|_| {}), SaleState::Available(2));
        assert_eq!(state(|event| event.available_tickets = 0), SaleState::SoldOut(0));
        assert_eq!(state(|event| event.status = EventStatus::Cancelled), SaleState::CalledOff);
        assert_eq!(state(|event| event.starts_at = "2026-07-01T00:00:00Z".parse().ok()), SaleState::Past);
        assert_eq!(state(|event| event.sales_end_at = "2026-07-01T00:00:00Z".parse().ok()), SaleState::Ended);
        let opens = "2026-08-02T00:00:00Z".parse().unwrap();
        assert_eq!(state(|event| event.sales_start_at = Some(opens)), SaleState::NotYet(opens));
    }
}
