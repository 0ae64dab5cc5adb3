//! «My queue»: the waiting-list entries of the visitor with the offers that they got, and the page on which one is changed or left.

mod place;

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::WaitlistEntryId;
use rowlock_domain::states::WaitlistStatus;
use serde_json::{Value, json};

use self::place::{QueuePlace, SeenEnd, is_shown, type_name, wish_of};
use crate::api::Call;
use crate::api::models::{Booking, ChangedEntry, List, WaitlistEntry};
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::pages::tickets::{bookings, events_of};
use crate::redirect::see_other;
use crate::view::minimum::{MinimumChoice, choices};
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
    leave_all_key: String,
}

/// Shows the entries.
pub(crate) async fn show(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let entries = entries(&visitor).await?;
    let bookings = bookings_of(&visitor, &entries).await?;
    let (mut list, notice) = list(&visitor, &entries, &bookings, &Seen::default()).await?;
    list.live_url = live_url(&visitor);
    let page = visitor.page(visitor.locale.text("my-queue")).in_section("queue");
    render(&QueuePage { page, list: list.render()?, notice })
}

/// Name of the parameter with which a page tells its live stream when it was rendered, in milliseconds since 1970.
const SINCE: &str = "since";

/// The changes that came while the page was open. The entries concerned keep their place in it.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// When the page was rendered, or `None` if this is the page itself. The streams of a page come and go, and what happens between
    /// them is news as well.
    since: Option<Timestamp>,
    /// Entries about whose promotion there was an update.
    promoted: BTreeSet<WaitlistEntryId>,
}

impl Seen {
    /// Returns what the visitor of a stream has seen when it begins.
    pub(crate) fn by(visitor: &Visitor) -> Self {
        let rendered = visitor.query(SINCE).parse().ok().and_then(Timestamp::from_timestamp_millis);
        Self { since: Some(rendered.unwrap_or_else(|| visitor.site.clock.now())), promoted: BTreeSet::new() }
    }

    /// Adds the entry of an update about a promotion.
    pub(crate) fn promoted(&mut self, entry: &str) {
        self.promoted.extend(serde_json::from_str::<WaitlistEntry>(entry).map(|entry| entry.id));
    }

    /// Returns the end of a wait, if it came while the page was open.
    fn end_of(&self, place: &QueuePlace, entry: WaitlistEntryId, booking: Option<&Booking>) -> Option<SeenEnd> {
        let is_news = |at: Option<Timestamp>| at.zip(self.since).is_some_and(|(at, since)| at >= since);
        if place.was_promoted && (self.promoted.contains(&entry) || is_news(booking.map(|booking| booking.booked_at))) {
            Some(SeenEnd::Promoted)
        } else if place.has_lapsed && is_news(booking.and_then(|booking| booking.expires_at)) {
            Some(SeenEnd::Lapsed)
        } else {
            None
        }
    }
}

/// Returns the URL of the live stream of a page that is rendered now.
fn live_url(visitor: &Visitor) -> String {
    let (now, query) = (visitor.site.clock.now().timestamp_millis(), visitor.live_url(""));
    format!("/queue/live?{SINCE}={now}{}", query.replacen('?', "&", 1))
}

/// Renders an update of the list, from the pages of entries and bookings in the updates of the API. Returns `None` if there are more
/// entries than fit into an update: a part of them must not replace the list.
pub(crate) async fn live_part(visitor: &Visitor, entries: &str, bookings: &str, seen: &Seen) -> Result<Option<String>, PageError> {
    let entries: List<WaitlistEntry> = serde_json::from_str(entries).map_err(|_| PageError::Internal)?;
    if entries.next_cursor.is_some() {
        return Ok(None);
    }
    let bookings: List<Booking> = serde_json::from_str(bookings).map_err(|_| PageError::Internal)?;
    let bookings = if bookings.next_cursor.is_some() { bookings_of(visitor, &entries.items).await? } else { bookings.items };
    Ok(Some(list(visitor, &entries.items, &bookings, seen).await?.0.render()?))
}

/// Returns the list, and a sentence about the action that has just been completed. Entries whose wait ended before
/// the eyes of the visitor keep their place in it.
async fn list<'a>(
    visitor: &'a Visitor,
    entries: &[WaitlistEntry],
    bookings: &[Booking],
    seen: &Seen,
) -> Result<(QueueList<'a>, Option<String>), PageError> {
    let locale = &visitor.locale;
    let events = events_of(visitor, entries.iter().map(|entry| entry.event_id)).await?;
    let (joined, left, changed) = (visitor.query("joined"), visitor.query("left"), visitor.query("changed"));
    let declined = visitor.query("declined");
    let (mut notice, mut news) = (None, Vec::new());
    let (mut offered, mut waiting, mut history) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        let event = events.get(&entry.event_id).map(Arc::as_ref);
        let wish = wish_of(entry, entries);
        if !is_shown(entry, &wish) {
            if entry.status == WaitlistStatus::Left && entry.id.to_string() == left {
                let name = type_name(event, entry.ticket_type_id);
                notice = Some(locale.with("notice-left-one", [("type", name.into()), ("event", entry.event_name.clone().into())]));
            }
            continue;
        }
        let booking = entry.booking_id.and_then(|id| bookings.iter().find(|booking| booking.id == id));
        let mut place = QueuePlace::new(entry, event, booking, visitor).with_others(&wish, event, locale);
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
        place.seen = seen.end_of(&place, entry.id, booking);
        news.extend(place.news(locale).map(|text| format!("{}: {text}", place.event_name)));
        if place.offer.is_some() {
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
    // All lists of a wish, or only this one.
    let body = if form.get("wish").is_empty() { json!({"waitlistEntryId": id}) } else { json!({"wishId": form.get("wish")}) };
    act(&visitor, id, "/api/leavewaitlist", body, &form, "left").await
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
    let entry = entries.iter().find(|entry| entry.id == id).ok_or(PageError::NotFound)?;
    if entry.status != WaitlistStatus::Waiting {
        return Ok(see_other("/queue"));
    }
    let events = events_of(visitor, std::iter::once(entry.event_id)).await?;
    let event = events.get(&entry.event_id).map(Arc::as_ref);
    let place = QueuePlace::new(entry, event, None, visitor).with_others(&wish_of(entry, &entries), event, &visitor.locale);
    let page = visitor.page(visitor.locale.text("change-or-leave")).in_section("queue");
    let minimums = choices(&visitor.locale, entry.quantity, entry.min_quantity.unwrap_or(entry.quantity));
    let [change_key, minimum_key, leave_key, leave_all_key] = [new_key(), new_key(), new_key(), new_key()];
    render_status(status, &EntryPage { page, errors, place, minimums, change_key, minimum_key, leave_key, leave_all_key })
}

async fn entries(visitor: &Visitor) -> Result<Vec<WaitlistEntry>, PageError> {
    visitor.call_list("/api/waitlist", &[]).await
}

/// Returns the bookings of the visitor, if any of the entries became one.
async fn bookings_of(visitor: &Visitor, entries: &[WaitlistEntry]) -> Result<Vec<Booking>, PageError> {
    if entries.iter().any(|entry| entry.status == WaitlistStatus::Promoted) { bookings(visitor).await } else { Ok(Vec::new()) }
}
