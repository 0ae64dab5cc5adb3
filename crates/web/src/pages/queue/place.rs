//! A place in a waiting list, as the visitor sees it.

use rowlock_domain::ids::TicketTypeId;
use rowlock_domain::states::{BookingStatus, WaitlistStatus};
use rowlock_locale::Locale;

use crate::api::models::{Booking, Event, WaitlistEntry};
use crate::pages::reservation::Reservation;
use crate::view::chance::ChanceText;
use crate::view::deadline::duration;
use crate::view::event::EventView;
use crate::view::minimum::size;
use crate::visitor::Visitor;

/// The end of a wait that happened while the page was open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SeenEnd {
    /// The entry was promoted.
    Promoted,
    /// The offer ran out.
    Lapsed,
}

/// A place in a waiting list.
pub(super) struct QueuePlace {
    pub(super) id: String,
    pub(super) event_id: String,
    pub(super) event_name: String,
    pub(super) event: Option<EventView>,
    pub(super) type_name: String,
    pub(super) quantity: i64,
    /// How many tickets the party waits for, in words.
    pub(super) size: String,
    /// Number of tickets that it got or is offered.
    pub(super) given: i64,
    pub(super) max: i64,
    pub(super) position: Option<i64>,
    pub(super) number: Option<i64>,
    /// The chance to get tickets, if it is known.
    pub(super) chance: Option<ChanceText>,
    /// How the wait ended.
    pub(super) ended: Option<String>,
    /// The offer, while it can be accepted.
    pub(super) offer: Option<Reservation>,
    /// How long an offer of the event is open, in words.
    pub(super) offer_time: Option<String>,
    /// How the party gets its tickets.
    pub(super) turn: Option<String>,
    pub(super) was_promoted: bool,
    pub(super) has_lapsed: bool,
    /// The end of the wait, if it happened while the page was open.
    pub(super) seen: Option<SeenEnd>,
    /// Id of the booking, or an empty text.
    pub(super) booking: String,
    pub(super) joined: String,
    pub(super) is_new: bool,
    /// The other places of the same wish that still wait, in the order of preference.
    pub(super) others: Vec<OtherPlace>,
    /// Id of the wish, or an empty text.
    pub(super) wish: String,
}

/// Another place of a wish.
pub(super) struct OtherPlace {
    pub(super) id: String,
    /// The ticket type and the position.
    pub(super) text: String,
}

impl QueuePlace {
    /// Describes the place of an entry. `booking` is that of a promoted entry.
    pub(super) fn new(entry: &WaitlistEntry, event: Option<&Event>, booking: Option<&Booking>, visitor: &Visitor) -> Self {
        let locale = &visitor.locale;
        let zone = event.map_or(chrono_tz::Tz::UTC, Event::zone);
        let ticket_type = event.and_then(|event| event.ticket_types.iter().find(|known| known.id == entry.ticket_type_id));
        let offer = booking.and_then(|booking| Reservation::of(booking, zone, visitor));
        // The time may have run out although the worker has not ended the offer yet.
        let has_lapsed = booking.is_some_and(|booking| matches!(booking.status, BookingStatus::Reserved | BookingStatus::Expired));
        let ended = match entry.status {
            WaitlistStatus::Waiting => None,
            WaitlistStatus::Promoted if offer.is_some() => None,
            WaitlistStatus::Promoted if has_lapsed => Some("entry-expired"),
            WaitlistStatus::Promoted => Some("entry-promoted"),
            WaitlistStatus::Left if entry.booking_id.is_some() => Some("entry-declined"),
            WaitlistStatus::Left => Some("entry-left"),
            WaitlistStatus::Expired => Some("entry-expired"),
            WaitlistStatus::Closed => Some("entry-closed"),
        };
        Self {
            id: entry.id.to_string(),
            event_id: entry.event_id.to_string(),
            event_name: entry.event_name.clone(),
            event: event.map(|event| EventView::new(event, locale, visitor.site.clock.now())),
            type_name: ticket_type.map(|known| known.name.clone()).unwrap_or_default(),
            quantity: entry.quantity,
            size: size(locale, entry.quantity, entry.min_quantity.unwrap_or(entry.quantity)),
            given: booking.map_or(entry.quantity, |booking| booking.quantity),
            max: ticket_type.map_or(entry.quantity, |known| known.max_per_booking.min(known.total_tickets)).max(entry.quantity),
            position: entry.position,
            number: entry.number,
            chance: entry.chance.as_ref().map(|chance| ChanceText::new(chance, locale, visitor.site.clock.now())),
            has_lapsed: ended == Some("entry-expired"),
            was_promoted: ended == Some("entry-promoted"),
            ended: ended.map(|id| locale.text(id)),
            offer,
            offer_time: event.and_then(|event| event.offer_minutes).map(|minutes| duration(locale, minutes)),
            turn: None,
            seen: None,
            booking: entry.booking_id.map(|id| id.to_string()).unwrap_or_default(),
            joined: locale.zoned_date_time(entry.joined_at, zone),
            is_new: false,
            others: Vec::new(),
            wish: entry.wish_id.map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

impl QueuePlace {
    /// Adds the other places of the same wish, which is one thing for the visitor.
    pub(super) fn with_others(mut self, wish: &[&WaitlistEntry], event: Option<&Event>, locale: &Locale) -> Self {
        let waiting = wish.iter().filter(|other| other.status == WaitlistStatus::Waiting && other.id.to_string() != self.id);
        let other_place = |other: &&WaitlistEntry| {
            let name = type_name(event, other.ticket_type_id);
            let text = match other.position {
                Some(position) => locale.with("wish-place", [("type", name.into()), ("number", position.into())]),
                None => locale.with("wish-place-unknown", [("type", name.into())]),
            };
            OtherPlace { id: other.id.to_string(), text }
        };
        self.others = if self.ended.is_none() && self.offer.is_none() { waiting.map(other_place).collect() } else { Vec::new() };
        self
    }

    pub(super) fn is_promoted_now(&self) -> bool {
        self.seen == Some(SeenEnd::Promoted)
    }

    pub(super) fn is_lapsed_now(&self) -> bool {
        self.seen == Some(SeenEnd::Lapsed)
    }

    /// Says how many tickets are offered.
    pub(super) fn offered(&self, locale: &Locale) -> String {
        self.of_quantity(locale, "offer-count", "offer-count-of")
    }

    /// Says how many tickets the party got.
    pub(super) fn promoted(&self, locale: &Locale) -> String {
        self.of_quantity(locale, "live-promoted", "live-promoted-of")
    }

    /// Returns one of two texts: for all tickets, or for fewer than the party asked for.
    pub(super) fn of_quantity(&self, locale: &Locale, all: &str, fewer: &str) -> String {
        let id = if self.given < self.quantity { fewer } else { all };
        locale.with(id, [("count", self.given.into()), ("requested", self.quantity.into())])
    }

    /// Returns the state of the place, for screen readers.
    pub(super) fn news(&self, locale: &Locale) -> Option<String> {
        if self.offer.is_some() {
            return Some(self.offered(locale));
        }
        if self.is_lapsed_now() {
            return Some(locale.text("offer-lapsed-title"));
        }
        if self.is_promoted_now() {
            return Some(self.promoted(locale));
        }
        self.position.map(|position| locale.with("position", [("number", position.into())]))
    }
}

/// Returns the name of a ticket type, or an empty text if the event can no longer be read.
pub(super) fn type_name(event: Option<&Event>, id: TicketTypeId) -> String {
    let ticket_type = event.and_then(|event| event.ticket_types.iter().find(|known| known.id == id));
    ticket_type.map(|known| known.name.clone()).unwrap_or_default()
}

/// Returns the entries of the wish of an entry, in the order of preference, or none if it stands alone.
pub(super) fn wish_of<'a>(entry: &WaitlistEntry, entries: &'a [WaitlistEntry]) -> Vec<&'a WaitlistEntry> {
    let mut wish: Vec<_> = entries.iter().filter(|other| entry.wish_id.is_some() && other.wish_id == entry.wish_id).collect();
    wish.sort_by_key(|entry| entry.preference);
    wish
}

/// Returns whether the wish of an entry is shown with this entry: the one that got tickets, or else the first that waits, or else the
/// first. An entry that stands alone is always shown.
pub(super) fn is_shown(entry: &WaitlistEntry, wish: &[&WaitlistEntry]) -> bool {
    let promoted = wish.iter().find(|other| other.booking_id.is_some());
    let waiting = wish.iter().find(|other| other.status == WaitlistStatus::Waiting);
    promoted.or(waiting).or(wish.first()).is_none_or(|shown| shown.id == entry.id)
}
