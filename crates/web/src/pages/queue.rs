//! «My queue»: the waiting-list entries of the visitor with the offers that they got, and the page on which one is changed or left.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use rowlock_domain::ids::WaitlistEntryId;
use rowlock_domain::states::{BookingStatus, WaitlistStatus};
use rowlock_locale::Locale;
use serde_json::{Value, json};

use crate::api::Call;
use crate::api::models::{Booking, ChangedEntry, Event, List, WaitlistEntry};
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::pages::reservation::Reservation;
use crate::pages::tickets::{bookings, events_of};
use crate::redirect::see_other;
use crate::view::deadline::duration;
use crate::view::event::EventView;
use crate::view::minimum::{MinimumChoice, choices, size};
use crate::view::page::Page;
use crate::view::words::Words;
use crate::visitor::{Visitor, render, render_status};

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    page: Page,
    /// The entries, as safe HTML.
    list: String,
    /// A sentence about the action that has just been completed.
    notice: Option<String>,
}

/// The entries. They are sent again whenever one moves.
#[derive(Template)]
#[template(path = "queue_list.html")]
struct QueueList<'a> {
    page: Words<'a>,
    waiting: Vec<QueuePlace>,
    history: Vec<QueuePlace>,
    live_url: String,
    /// Whether any of the events offers its tickets, so that each place says how its party gets them.
    has_offers: bool,
    /// The places in one sentence, for screen readers.
    news: String,
}

#[derive(Template)]
#[template(path = "queue_entry.html")]
struct EntryPage {
    page: Page,
    errors: FormErrors,
    place: QueuePlace,
    minimums: Vec<MinimumChoice>,
    change_key: String,
    minimum_key: String,
    leave_key: String,
}

/// The end of a wait that happened while the page was open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SeenEnd {
    /// The entry was promoted.
    Promoted,
    /// The offer ran out.
    Lapsed,
}

/// A place in a waiting list.
struct QueuePlace {
    id: String,
    event_id: String,
    event_name: String,
    event: Option<EventView>,
    type_name: String,
    quantity: i64,
    /// How many tickets the party waits for, in words.
    size: String,
    /// Number of tickets that it got or is offered.
    given: i64,
    max: i64,
    position: Option<i64>,
    number: Option<i64>,
    /// How the wait ended.
    ended: Option<String>,
    /// The offer, while it can be accepted.
    offer: Option<Reservation>,
    /// How long an offer of the event is open, in words.
    offer_time: Option<String>,
    /// How the party gets its tickets.
    turn: Option<String>,
    was_promoted: bool,
    has_lapsed: bool,
    /// The end of the wait, if it happened while the page was open.
    seen: Option<SeenEnd>,
    /// Id of the booking, or an empty text.
    booking: String,
    joined: String,
    is_new: bool,
}

impl QueuePlace {
    /// Describes the place of an entry. `booking` is that of a promoted entry.
    fn new(entry: &WaitlistEntry, event: Option<&Event>, booking: Option<&Booking>, visitor: &Visitor) -> Self {
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
            has_lapsed: ended == Some("entry-expired"),
            was_promoted: ended == Some("entry-promoted"),
            ended: ended.map(|id| locale.text(id)),
            offer,
            offer_time: event.and_then(|event| event.offer_minutes).map(|minutes| duration(locale, minutes)),
            turn: None,
            seen: None,
            booking: entry.booking_id.map(|id| id.to_string()).unwrap_or_default(),
            joined: locale.date_time(entry.joined_at, zone),
            is_new: false,
        }
    }
}

impl QueuePlace {
    fn is_promoted_now(&self) -> bool {
        self.seen == Some(SeenEnd::Promoted)
    }

    fn is_lapsed_now(&self) -> bool {
        self.seen == Some(SeenEnd::Lapsed)
    }

    /// Says how many tickets are offered.
    fn offered(&self, locale: &Locale) -> String {
        self.of_quantity(locale, "offer-count", "offer-count-of")
    }

    /// Says how many tickets the party got.
    fn promoted(&self, locale: &Locale) -> String {
        self.of_quantity(locale, "live-promoted", "live-promoted-of")
    }

    /// Returns one of two texts: for all tickets, or for fewer than the party asked for.
    fn of_quantity(&self, locale: &Locale, all: &str, fewer: &str) -> String {
        let id = if self.given < self.quantity { fewer } else { all };
        locale.with(id, [("count", self.given.into()), ("requested", self.quantity.into())])
    }

    /// Returns the state of the place, for screen readers.
    fn news(&self, locale: &Locale) -> Option<String> {
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

/// Shows the entries.
pub(crate) async fn show(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let entries = entries(&visitor).await?;
    let bookings = bookings_of(&visitor, &entries).await?;
    let (list, notice) = list(&visitor, &entries, &bookings, &mut Seen::default()).await?;
    let page = visitor.page(visitor.locale.text("my-queue")).in_section("queue");
    render(&QueuePage { page, list: list.render()?, notice })
}

/// Entries that were promoted or got an offer while the page was open. They keep their place in it.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    promoted: BTreeSet<WaitlistEntryId>,
    offered: BTreeSet<WaitlistEntryId>,
}

impl Seen {
    /// Adds the entry of an update about a promotion.
    pub(crate) fn promoted(&mut self, entry: &str) {
        self.promoted.extend(serde_json::from_str::<WaitlistEntry>(entry).map(|entry| entry.id));
    }
}

/// Renders an update of the list, from the pages of entries and bookings in the updates of the API. Returns `None` if there are more
/// entries than fit into an update: a part of them must not replace the list.
pub(crate) async fn live_part(visitor: &Visitor, entries: &str, bookings: &str, seen: &mut Seen) -> Result<Option<String>, PageError> {
    let entries: List<WaitlistEntry> = serde_json::from_str(entries).map_err(|_| PageError::Internal)?;
    if entries.next_cursor.is_some() {
        return Ok(None);
    }
    let bookings: List<Booking> = serde_json::from_str(bookings).map_err(|_| PageError::Internal)?;
    let bookings = if bookings.next_cursor.is_some() { bookings_of(visitor, &entries.items).await? } else { bookings.items };
    Ok(Some(list(visitor, &entries.items, &bookings, seen).await?.0.render()?))
}

/// Returns the list, and a sentence about the action that has just been completed. Entries in `seen` keep their place in it.
async fn list<'a>(
    visitor: &'a Visitor,
    entries: &[WaitlistEntry],
    bookings: &[Booking],
    seen: &mut Seen,
) -> Result<(QueueList<'a>, Option<String>), PageError> {
    let locale = &visitor.locale;
    let events = events_of(visitor, entries.iter().map(|entry| entry.event_id)).await?;
    let (joined, left, changed) = (visitor.query("joined"), visitor.query("left"), visitor.query("changed"));
    let declined = visitor.query("declined");
    let (mut notice, mut news) = (None, Vec::new());
    let (mut offered, mut waiting, mut history) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        let booking = entry.booking_id.and_then(|id| bookings.iter().find(|booking| booking.id == id));
        let mut place = QueuePlace::new(entry, events.get(&entry.event_id).map(Arc::as_ref), booking, visitor);
        let text = if place.id == joined && place.ended.is_none() {
            Some("notice-joined")
        } else if place.id == changed && place.ended.is_none() {
            Some("notice-changed")
        } else if place.id == left && entry.status == WaitlistStatus::Left {
            Some("notice-left")
        } else if !place.booking.is_empty() && place.booking == declined && entry.status == WaitlistStatus::Left {
            Some("notice-declined")
        } else {
            None
        };
        if let Some(id) = text {
            place.is_new = place.ended.is_none();
            notice = Some(locale.with(id, [("event", place.event_name.clone().into())]));
        }
        if place.was_promoted && seen.promoted.contains(&entry.id) {
            place.seen = Some(SeenEnd::Promoted);
        } else if place.has_lapsed && seen.offered.contains(&entry.id) {
            place.seen = Some(SeenEnd::Lapsed);
        }
        news.extend(place.news(locale).map(|text| format!("{}: {text}", place.event_name)));
        if place.offer.is_some() {
            seen.offered.insert(entry.id);
            offered.push(place);
        } else if place.ended.is_none() || place.seen.is_some() {
            waiting.push(place);
        } else {
            history.push(place);
        }
    }
    // The offer that ends first is first.
    offered.sort_by_key(|place| place.offer.as_ref().map(|offer| offer.deadline.seconds));
    offered.append(&mut waiting);
    let has_offers = offered.iter().any(|place| place.offer_time.is_some());
    for place in offered.iter_mut().filter(|_| has_offers) {
        place.turn = Some(match &place.offer_time {
            Some(time) => locale.with("offer-explained", [("time", time.as_str().into())]),
            None => locale.text("queue-explained"),
        });
    }
    let (live_url, news) = (visitor.live_url("/queue/live"), news.join(". "));
    Ok((QueueList { page: Words(locale), waiting: offered, history, live_url, has_offers, news }, notice))
}

/// Shows the forms that change and leave an entry.
pub(crate) async fn show_entry(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id = id.parse().map_err(|_| PageError::NotFound)?;
    entry_page(&visitor, id, StatusCode::OK, FormErrors::default()).await
}

/// Changes how many tickets an entry asks for.
pub(crate) async fn change(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    let id: WaitlistEntryId = id.parse().map_err(|_| PageError::NotFound)?;
    let body = json!({"waitlistEntryId": id, "quantity": form.number("quantity")});
    act(&visitor, id, "/api/changewaitlist", body, &form, "changed").await
}

/// Changes how few tickets an entry takes.
pub(crate) async fn change_minimum(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    let id: WaitlistEntryId = id.parse().map_err(|_| PageError::NotFound)?;
    let body = json!({"waitlistEntryId": id, "minQuantity": form.number("minQuantity")});
    act(&visitor, id, "/api/changewaitlist", body, &form, "changed").await
}

/// Leaves the waiting list.
pub(crate) async fn leave(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    let id: WaitlistEntryId = id.parse().map_err(|_| PageError::NotFound)?;
    act(&visitor, id, "/api/leavewaitlist", json!({"waitlistEntryId": id}), &form, "left").await
}

async fn act(visitor: &Visitor, id: WaitlistEntryId, path: &str, body: Value, form: &Form, done: &str) -> Result<HttpResponse, PageError> {
    let key = form.key();
    match visitor.call::<ChangedEntry>(Call::post(path, body).key(&key)).await {
        Ok(ChangedEntry { waitlist_entry }) => Ok(see_other(&format!("/queue?{done}={}", waitlist_entry.id))),
        Err(error @ PageError::SignInNeeded { .. }) => Err(error.then(format!("/queue/{id}"))),
        Err(error) => match error.problem() {
            Some(problem) if problem.code == "already-promoted" => {
                Ok(see_other(&format!("/tickets?booked={}", problem.text("bookingId").unwrap_or_default())))
            }
            Some(problem) if matches!(problem.status, 409 | 422) => {
                entry_page(visitor, id, StatusCode::CONFLICT, FormErrors::of_problem(problem, &visitor.locale)).await
            }
            _ => Err(error),
        },
    }
}

async fn entry_page(visitor: &Visitor, id: WaitlistEntryId, status: StatusCode, errors: FormErrors) -> Result<HttpResponse, PageError> {
    let entries = entries(visitor).await?;
    let entry = entries.into_iter().find(|entry| entry.id == id).ok_or(PageError::NotFound)?;
    if entry.status != WaitlistStatus::Waiting {
        return Ok(see_other("/queue"));
    }
    let events = events_of(visitor, std::iter::once(entry.event_id)).await?;
    let place = QueuePlace::new(&entry, events.get(&entry.event_id).map(Arc::as_ref), None, visitor);
    let page = visitor.page(visitor.locale.text("change-or-leave")).in_section("queue");
    let minimums = choices(&visitor.locale, entry.quantity, entry.min_quantity.unwrap_or(entry.quantity));
    let [change_key, minimum_key, leave_key] = [new_key(), new_key(), new_key()];
    render_status(status, &EntryPage { page, errors, place, minimums, change_key, minimum_key, leave_key })
}

async fn entries(visitor: &Visitor) -> Result<Vec<WaitlistEntry>, PageError> {
    visitor.call_list("/api/waitlist", &[]).await
}

/// Returns the bookings of the visitor, if any of the entries became one.
async fn bookings_of(visitor: &Visitor, entries: &[WaitlistEntry]) -> Result<Vec<Booking>, PageError> {
    if entries.iter().any(|entry| entry.status == WaitlistStatus::Promoted) { bookings(visitor).await } else { Ok(Vec::new()) }
}
