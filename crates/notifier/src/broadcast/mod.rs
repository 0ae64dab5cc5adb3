//! Broadcasts: announcements to all holders of tickets of an event. A broadcast leads to one delivery per holder, which the sender
//! treats like any other.
//!
//! A broadcast is a row that records how far its deliveries have been written. Every mail shows the event as it is when the mail is
//! sent, so a change that follows another one, or an event that is called off, cannot lead to a mail with outdated times.

mod job;
mod reminders;

use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, EventId, MessageId};
use rowlock_domain::messages::{ChangedEvent, EventChanges};
use rowlock_domain::states::EventStatus;
use serde::{Deserialize, Deserializer, Serialize};

pub(crate) use self::job::Broadcaster;
pub(crate) use self::reminders::ReminderFinder;
use crate::delivery::Kind;
use crate::events::{Event, zone_of};

/// Reason why a change is not told yet: booking-service or the notifier has cached the event.
pub(crate) const NOT_VISIBLE_YET: &str = "booking-service does not show the change of the event yet";

/// Reason why a change is not told.
pub(crate) const CHANGED_BACK: &str = "the event is again as it was before the change";

/// Reason why a reminder is not sent.
pub(crate) const MOVED_AWAY: &str = "the event was moved to a later time, before which its holders are reminded";

/// The previous values of the details of an event that changed. The others are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviousDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The venue, `Some(None)` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub(crate) venue: Option<Option<String>>,
    /// The start, `Some(None)` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub(crate) starts_at: Option<Option<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_zone: Option<String>,
}

/// Reads a field that is present, so that `null` differs from an absent field.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl PreviousDetails {
    /// Returns whether the event differs from these values in anything that people see.
    pub(crate) fn differ_from(&self, event: &Event) -> bool {
        self.name.as_ref().is_some_and(|name| *name != event.name)
            || self.venue.as_ref().is_some_and(|venue| *venue != event.venue)
            || self.time(event) != (event.starts_at, event.zone())
    }

    /// Returns the previous start, with the time zone in which people read it. Without a start, the zone makes no difference.
    pub(crate) fn time(&self, event: &Event) -> (Option<Timestamp>, Tz) {
        let starts_at = self.starts_at.unwrap_or(event.starts_at);
        let zone = self.time_zone.as_deref().map_or_else(|| event.zone(), |zone| zone_of(Some(zone)));
        (starts_at, if starts_at.is_some() { zone } else { event.zone() })
    }
}

impl From<EventChanges> for PreviousDetails {
    fn from(changes: EventChanges) -> Self {
        let EventChanges { name, venue, starts_at, time_zone } = changes;
        Self {
            name: name.map(|change| change.from),
            venue: venue.map(|change| change.from),
            starts_at: starts_at.map(|change| change.from),
            time_zone: time_zone.map(|change| change.from),
        }
    }
}

/// The column `data` of a delivery about a change, besides the numbers of tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChangeData {
    /// The version of the event that the mail must show, or a newer one.
    pub(crate) version: i64,
    /// The values that the recipient knows.
    pub(crate) previous: PreviousDetails,
}

/// The occasion of a broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The event was changed.
    Changed(ChangeData),
    /// The event starts soon.
    Reminder,
}

impl Occasion {
    /// Returns the kind of the deliveries.
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Changed(_) => Kind::EventChanged,
            Self::Reminder => Kind::Reminder,
        }
    }
}

/// A broadcast about a change that is not stored yet.
#[derive(Debug, Clone)]
pub(crate) struct NewBroadcast {
    pub(crate) message: MessageId,
    pub(crate) event: EventId,
    pub(crate) change: ChangeData,
}

impl NewBroadcast {
    /// Returns the broadcast that a message leads to.
    pub(crate) fn of(message: MessageId, changed: ChangedEvent) -> Self {
        let ChangedEvent { event, version, changes } = changed;
        Self { message, event, change: ChangeData { version, previous: changes.into() } }
    }
}

/// A broadcast whose next page this notifier has claimed.
#[derive(Debug, Clone)]
pub(crate) struct ClaimedBroadcast {
    pub(crate) message: MessageId,
    pub(crate) event: EventId,
    pub(crate) occasion: Occasion,
    /// After which holder the page begins.
    pub(crate) cursor: Option<String>,
    /// When the claim ends, which also identifies it.
    pub(crate) claimed_until: Timestamp,
}

/// A person who is told, with the number of their tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Recipient {
    pub(crate) account: AccountId,
    pub(crate) quantity: u32,
}

/// Times at which holders are reminded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReminderTimes {
    /// How long before the start holders are reminded; zero for never.
    pub(crate) before: Duration,
    /// How long before the start is too late to begin.
    pub(crate) at_least: Duration,
}

impl ReminderTimes {
    /// Returns the latest start of the events whose holders are reminded now.
    pub(crate) fn latest_start(&self, now: Timestamp) -> Timestamp {
        add(now, self.before)
    }

    /// Returns the time after which these events start. For the others it is too late.
    pub(crate) fn earliest_start(&self, now: Timestamp) -> Timestamp {
        add(now, self.at_least)
    }

    /// Returns whether a holder with tickets since `booked_at` is reminded. The confirmation of a newer booking is reminder enough.
    pub(crate) fn reminds_of_booking(&self, booked_at: Timestamp, now: Timestamp) -> bool {
        add(booked_at, self.before) <= now
    }
}

fn add(time: Timestamp, duration: Duration) -> Timestamp {
    TimeDelta::from_std(duration).ok().and_then(|delta| time.checked_add_signed(delta)).unwrap_or(Timestamp::MAX_UTC)
}

/// Returns why holders are not told about an event any more, or `None` if they are.
pub(crate) fn reason_to_skip(kind: Kind, event: &Event, times: ReminderTimes, now: Timestamp) -> Option<&'static str> {
    match (event.status, event.starts_at) {
        (EventStatus::Cancelled, _) => Some("the event was called off"),
        (EventStatus::Draft, _) => Some("the event is not public"),
        (EventStatus::Published, Some(start)) if start <= now => Some("the event has started"),
        (EventStatus::Published, start) if kind == Kind::Reminder && start.is_none_or(|start| start > times.latest_start(now)) => {
            Some(MOVED_AWAY)
        }
        (EventStatus::Published, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_absent_previous_value_differs_from_none() {
        let json = json!({"venue": null, "startsAt": "2026-08-14T18:00:00Z"});
        let previous: PreviousDetails = serde_json::from_value(json.clone()).unwrap();
        assert_eq!((&previous.name, &previous.venue, &previous.time_zone), (&None, &Some(None), &None));
        assert!(previous.starts_at.is_some_and(|start| start.is_some()));
        assert_eq!(serde_json::to_value(&previous).unwrap(), json);
    }

    #[test]
    fn holders_are_told_about_published_events_that_have_not_started() {
        let now = chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let times = ReminderTimes { before: Duration::from_secs(86_400), at_least: Duration::from_secs(7_200) };
        let reason = |kind, status: &str, hours: Option<i64>| {
            let starts_at = hours.map(|hours| now + TimeDelta::hours(hours));
            let event = json!({"id": uuid::Uuid::nil(), "name": "Chess", "venue": null, "startsAt": starts_at, "status": status});
            reason_to_skip(kind, &serde_json::from_value(event).unwrap(), times, now)
        };
        for kind in [Kind::EventChanged, Kind::Reminder] {
            assert_eq!(reason(kind, "published", Some(24)), None);
            assert_eq!(reason(kind, "published", Some(1)), None, "a mail that has waited is still sent");
            assert_eq!(reason(kind, "published", Some(0)), Some("the event has started"));
            assert_eq!(reason(kind, "cancelled", Some(5)), Some("the event was called off"));
            assert_eq!(reason(kind, "draft", Some(5)), Some("the event is not public"));
        }
        for hours in [Some(25), None] {
            assert_eq!(reason(Kind::EventChanged, "published", hours), None);
            assert!(reason(Kind::Reminder, "published", hours).unwrap().contains("later"));
        }
        assert!(times.reminds_of_booking(now - TimeDelta::days(1), now));
        assert!(!times.reminds_of_booking(now - TimeDelta::hours(23), now));
    }
}
