//! «My tickets»: the bookings of the visitor, reserved ones first and then the next event, and the history.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::HttpResponse;
use askama::Template;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use rowlock_domain::states::{BookingStatus, EventStatus};

use crate::api::models::{Booking, Event, List};
use crate::error::PageError;
use crate::pages::event;
use crate::pages::reservation::Reservation;
use crate::view::event::EventView;
use crate::view::page::Page;
use crate::view::state::SaleState;
use crate::view::words::Words;
use crate::visitor::{Visitor, render};

#[derive(Template)]
#[template(path = "tickets.html")]
struct TicketsPage {
    page: Page,
    /// The bookings, as safe HTML.
    list: String,
    has_tickets: bool,
    /// A sentence about the action that has just been completed.
    notice: Option<String>,
}

/// The bookings. They are sent again whenever one changes.
#[derive(Template)]
#[template(path = "tickets_list.html")]
struct TicketList<'a> {
    page: Words<'a>,
    reserved: Vec<Ticket>,
    tickets: Vec<Ticket>,
    history: Vec<Ticket>,
    live_url: String,
}

impl TicketList<'_> {
    /// Returns the numbers of tickets in a sentence each, for screen readers.
    fn news(&self) -> String {
        let count = |tickets: &[Ticket]| tickets.iter().map(|ticket| ticket.quantity).sum::<i64>();
        let held = self.page.t1("live-tickets", "count", count(&self.tickets));
        if self.reserved.is_empty() {
            return held;
        }
        format!("{held} {}", self.page.t1("live-reserved", "count", count(&self.reserved)))
    }
}

/// A booking with the event that it is for.
#[expect(clippy::struct_excessive_bools, reason = "each one shows or hides a part of a page")]
pub(crate) struct Ticket {
    pub(crate) id: String,
    pub(crate) event_id: String,
    pub(crate) event_name: String,
    /// `None` if the event can no longer be read.
    pub(crate) event: Option<EventView>,
    pub(crate) type_name: String,
    pub(crate) quantity: i64,
    pub(crate) booked: String,
    /// Why the booking is in the history.
    pub(crate) ended: Option<String>,
    /// Whether the booking has tickets to show at the door.
    pub(crate) has_codes: bool,
    /// The reservation, while the booking can be confirmed.
    pub(crate) reservation: Option<Reservation>,
    pub(crate) can_return: bool,
    /// Whether tickets can be offered to somebody else.
    pub(crate) can_give: bool,
    pub(crate) is_new: bool,
    starts_at: Option<Timestamp>,
}

impl Ticket {
    pub(crate) fn new(booking: &Booking, event: Option<&Event>, visitor: &Visitor) -> Self {
        let (locale, now) = (&visitor.locale, visitor.site.clock.now());
        let zone = event.map_or(chrono_tz::Tz::UTC, Event::zone);
        let ticket_type = event.and_then(|event| event.ticket_types.iter().find(|known| known.id == booking.ticket_type_id));
        let state = event.map(|event| SaleState::of(event, now));
        let reservation = Reservation::of(booking, zone, visitor).filter(|_| state != Some(SaleState::Past));
        let ended = match (booking.status, state) {
            (BookingStatus::Cancelled, _) if event.is_some_and(|event| event.status == EventStatus::Cancelled) => {
                Some(locale.text("state-called-off"))
            }
            // The last tickets of the booking were transferred.
            (BookingStatus::Cancelled, _) if booking.quantity == 0 => {
                let at = booking.cancelled_at.unwrap_or(booking.booked_at);
                Some(locale.with("given-away-at", [("when", locale.zoned_date_time(at, zone).into())]))
            }
            (BookingStatus::Cancelled, _) => {
                let at = booking.cancelled_at.unwrap_or(booking.booked_at);
                Some(locale.with("given-back-at", [("when", locale.zoned_date_time(at, zone).into())]))
            }
            (BookingStatus::Confirmed, Some(SaleState::Past)) => Some(locale.text("state-past")),
            (BookingStatus::Confirmed, _) => None,
            (BookingStatus::Reserved | BookingStatus::Expired, _) => reservation.is_none().then(|| {
                let at = booking.expires_at.unwrap_or(booking.booked_at);
                let id = if booking.is_offer() { "offer-lapsed-at" } else { "reservation-lapsed-at" };
                locale.with(id, [("when", locale.zoned_date_time(at, zone).into())])
            }),
        };
        let until = event.and_then(|event| event.cancel_until.or(event.starts_at));
        Self {
            id: booking.id.to_string(),
            event_id: booking.event_id.to_string(),
            event_name: booking.event_name.clone(),
            event: event.map(|event| EventView::new(event, locale, now)),
            type_name: ticket_type.map(|known| known.name.clone()).unwrap_or_default(),
            quantity: booking.quantity,
            booked: locale.zoned_date_time(booking.booked_at, zone),
            can_give: booking.status == BookingStatus::Confirmed
                && ended.is_none()
                && event.is_some_and(|event| event.starts_at.is_none_or(|starts_at| starts_at > now)),
            has_codes: booking.status == BookingStatus::Confirmed && ended.is_none(),
            can_return: reservation.is_some() || (ended.is_none() && until.is_none_or(|until| until > now)),
            reservation,
            ended,
            is_new: false,
            starts_at: event.and_then(|event| event.starts_at),
        }
    }
}

/// Shows the bookings.
pub(crate) async fn show(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let bookings = bookings(&visitor).await?;
    let (list, notice) = list(&visitor, &bookings).await?;
    let has_tickets = !list.tickets.is_empty();
    let list = list.render()?;
    let page = visitor.page(visitor.locale.text("my-tickets")).in_section("tickets");
    render(&TicketsPage { page, list, has_tickets, notice })
}

/// Renders an update of the list, from the page of bookings in an update of the API. Returns `None` if there are more bookings than
/// fit into an update: a part of them must not replace the list.
pub(crate) async fn live_part(visitor: &Visitor, bookings: &str) -> Result<Option<String>, PageError> {
    let bookings: List<Booking> = serde_json::from_str(bookings).map_err(|_| PageError::Internal)?;
    if bookings.next_cursor.is_some() {
        return Ok(None);
    }
    Ok(Some(list(visitor, &bookings.items).await?.0.render()?))
}

/// Returns the list, and a sentence about the action that has just been completed.
async fn list<'a>(visitor: &'a Visitor, bookings: &[Booking]) -> Result<(TicketList<'a>, Option<String>), PageError> {
    let events = events_of(visitor, bookings.iter().map(|booking| booking.event_id)).await?;
    let (booked, returned) = (visitor.query("booked"), visitor.query("returned"));
    let mut notice = None;
    let (mut reserved, mut tickets, mut history) = (Vec::new(), Vec::new(), Vec::new());
    for booking in bookings {
        let mut ticket = Ticket::new(booking, events.get(&booking.event_id).map(Arc::as_ref), visitor);
        if ticket.id == booked && booking.status == BookingStatus::Confirmed && ticket.ended.is_none() {
            ticket.is_new = true;
            notice = Some(
                visitor.locale.with("notice-booked", [("count", ticket.quantity.into()), ("event", ticket.event_name.clone().into())]),
            );
        }
        if ticket.id == returned {
            // The time can run out before the form arrives. The tickets are gone then as well.
            let id = if booking.status == BookingStatus::Expired { "notice-lapsed" } else { "notice-returned" };
            notice = Some(visitor.locale.with(id, [("event", ticket.event_name.clone().into())]));
        }
        let list = match (&ticket.ended, &ticket.reservation) {
            (Some(_), _) => &mut history,
            (None, Some(_)) => &mut reserved,
            (None, None) => &mut tickets,
        };
        list.push(ticket);
    }
    // The reservation that ends first is first.
    reserved.sort_by_key(|ticket| ticket.reservation.as_ref().map(|reservation| reservation.deadline.seconds));
    // Undated events are last.
    tickets.sort_by_key(|ticket| (ticket.starts_at.is_none(), ticket.starts_at));
    let live_url = visitor.live_url("/tickets/live");
    Ok((TicketList { page: Words(&visitor.locale), reserved, tickets, history, live_url }, notice))
}

/// Returns the bookings of the visitor, the latest first.
pub(crate) async fn bookings(visitor: &Visitor) -> Result<Vec<Booking>, PageError> {
    visitor.call_list("/api/bookings", &[]).await
}

/// Returns events by id, without those that are not published any more.
pub(crate) async fn events_of(visitor: &Visitor, ids: impl Iterator<Item = EventId>) -> Result<BTreeMap<EventId, Arc<Event>>, PageError> {
    let ids: std::collections::BTreeSet<_> = ids.collect();
    let fetched = futures_util::future::join_all(ids.into_iter().map(|id| async move { (id, event::fetch(visitor, id).await) })).await;
    let mut events = BTreeMap::new();
    for (id, outcome) in fetched {
        match outcome {
            Ok(event) => {
                events.insert(id, event);
            }
            Err(error) if error.code() == "event-not-found" => {}
            Err(error) => return Err(error),
        }
    }
    Ok(events)
}
