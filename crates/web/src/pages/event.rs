//! The page of an event: what it is, and the way to a ticket or onto the waiting list.

use std::sync::Arc;

use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use askama::Template;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use rowlock_locale::Locale;
use serde_json::{Value, json};

use crate::api::Call;
use crate::api::models::{Event, TicketType};
use crate::error::PageError;
use crate::i18n::price_text;
use crate::pages::preview;
use crate::view::deadline::duration;
use crate::view::event::EventView;
use crate::view::links::encode;
use crate::view::markdown;
use crate::view::page::Page;
use crate::view::state::{SaleState, left, waiting};
use crate::view::words::Words;
use crate::visitor::Visitor;

/// Longest description of a link preview, in characters.
const PREVIEW: usize = 200;

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    page: Page,
    event: EventView,
    ends: Option<String>,
    map_link: Option<String>,
    description: Option<String>,
    /// The part of the page that follows the sale, as safe HTML.
    tickets: String,
    structured_data: String,
}

/// The part of the page that follows the sale. It is sent again whenever a count changes.
#[derive(Template)]
#[template(path = "event_tickets.html")]
struct TicketsPart<'a> {
    page: Words<'a>,
    event: &'a EventView,
    types: Vec<TypeRow>,
    /// Whether anything can be booked or waited for.
    is_open: bool,
    /// Whether every type is sold out, so that only the waiting list is left.
    only_waiting: bool,
    /// Whether this is an update of a page that is open. It contains the banner in any case, for pages that have one.
    is_update: bool,
    /// Labels of the button, for the script.
    labels: String,
    return_until: Option<String>,
    /// How long booked tickets are held until they are confirmed, in words.
    checkout_time: Option<String>,
    /// How long tickets are offered to those who wait, in words.
    offer_time: Option<String>,
}

impl TicketsPart<'_> {
    /// Returns how many tickets any of the types allows.
    fn max_quantity(&self) -> i64 {
        self.types.iter().map(|row| row.max).max().unwrap_or(1)
    }

    /// Returns the price of the type that is chosen at first.
    fn chosen_price(&self) -> &str {
        self.types.iter().find(|row| row.is_chosen).map_or("", |row| row.price.as_str())
    }

    /// Returns the state in one sentence, for screen readers.
    fn news(&self) -> String {
        let state = &self.event.state;
        state.more.as_ref().map_or_else(|| state.text.clone(), |more| format!("{} · {more}", state.text))
    }
}

/// A ticket type in the form.
pub(crate) struct TypeRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) price: String,
    pub(crate) minor: i64,
    pub(crate) currency: String,
    pub(crate) left: i64,
    pub(crate) max: i64,
    pub(crate) words: String,
    pub(crate) kind: &'static str,
    pub(crate) is_chosen: bool,
}

impl TypeRow {
    fn new(ticket_type: &TicketType, locale: &Locale, is_open: bool) -> Self {
        let (words, kind) = match (is_open, ticket_type.available_tickets, ticket_type.waitlist_length) {
            (false, _, _) => (String::new(), "quiet"),
            (true, 0, 0) => (locale.text("state-sold-out"), "quiet"),
            (true, 0, waits) => (format!("{} · {}", locale.text("state-sold-out"), waiting(locale, waits)), "quiet"),
            (true, count, _) => (left(locale, count), if count <= 10 { "warn" } else { "good" }),
        };
        let max = ticket_type.max_per_booking.min(ticket_type.total_tickets).min(ticket_type.max_per_account.unwrap_or(i64::MAX));
        Self {
            id: ticket_type.id.to_string(),
            name: ticket_type.name.clone(),
            price: price_text(locale, &ticket_type.price, 1),
            minor: ticket_type.price.amount_minor,
            currency: ticket_type.price.currency.clone(),
            left: ticket_type.available_tickets,
            max: max.max(1),
            words,
            kind,
            is_chosen: false,
        }
    }
}

/// Shows an event.
pub(crate) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id: EventId = id.parse().map_err(|_| PageError::NotFound)?;
    let key = visitor.page_key(format!("/events/{id}"));
    visitor.public_page(key, Box::pin(render(visitor.clone(), id))).await
}

async fn render(visitor: Visitor, id: EventId) -> Result<Bytes, PageError> {
    let event = fetch(&visitor, id).await?;
    let template = build(&visitor, &event)?;
    Ok(Bytes::from(template.render()?))
}

/// Returns an event from the cache or the API.
pub(crate) async fn fetch(visitor: &Visitor, id: EventId) -> Result<Arc<Event>, PageError> {
    let call = async {
        let event: Event = visitor.call_public(Call::get(&format!("/api/events/{id}"))).await?;
        Ok(Arc::new(event))
    };
    visitor.site.caches.event(id, call).await
}

fn build(visitor: &Visitor, event: &Event) -> Result<EventPage, PageError> {
    let (locale, now, zone) = (&visitor.locale, visitor.site.clock.now(), event.zone());
    let path = format!("/events/{}", event.id);
    let view = EventView::new(event, locale, now);
    let mut page = visitor.page(event.name.clone()).in_section("events").at(path.clone());
    let place = view.venue.as_deref().map(|venue| format!(" · {venue}")).unwrap_or_default();
    let summary = event.description.as_deref().map(|text| markdown::plain(text, PREVIEW)).filter(|text| !text.is_empty());
    page.description = Some(summary.unwrap_or_else(|| format!("{}{place}", view.when)));
    let picture = event.image.as_ref().map(|image| page.absolute(&image.url));
    let structured_data = structured_data(event, &page.absolute(&path), picture.as_deref(), now);
    page.canonical = Some(path);
    page.picture = Some(event.image.as_ref().map_or_else(|| preview::path(event.id), |image| image.url.clone()));
    Ok(EventPage {
        structured_data,
        page,
        ends: event.ends_at.map(|at| if is_same_day(event, at) { locale.time(at, zone) } else { locale.date_time(at, zone) }),
        map_link: view.venue.as_deref().map(|venue| format!("https://www.openstreetmap.org/search?query={}", encode(venue))),
        description: event.description.as_deref().map(markdown::render).filter(|html| !html.trim().is_empty()),
        tickets: tickets_part(event, &view, locale, now, false)?,
        event: view,
    })
}

/// Renders an update of the part that follows the sale.
pub(crate) fn event_part(event: &Event, locale: &Locale, now: Timestamp) -> Result<String, PageError> {
    tickets_part(event, &EventView::new(event, locale, now), locale, now, true)
}

fn tickets_part(event: &Event, view: &EventView, locale: &Locale, now: Timestamp, is_update: bool) -> Result<String, PageError> {
    let state = SaleState::of(event, now);
    let is_open = state.accepts_waiting(event, now);
    let mut types: Vec<_> = event.ticket_types.iter().map(|ticket_type| TypeRow::new(ticket_type, locale, is_open)).collect();
    let chosen = types.iter().position(|row| row.left > 0).unwrap_or(0);
    if let Some(row) = types.get_mut(chosen) {
        row.is_chosen = true;
    }
    let (one, many) = if event.checkout_minutes.is_some() { ("reserve-one", "reserve-many") } else { ("book-one", "book-many") };
    let labels = json!({
        "one": locale.text(one),
        "many": locale.with(many, [("count", "{n}".into())]),
        "wait": locale.text("join-waiting-list"),
        "free": locale.text("price-free"),
    });
    let part = TicketsPart {
        page: Words(locale),
        event: view,
        only_waiting: is_open && (event.available_tickets == 0 || state == SaleState::Ended),
        is_open,
        is_update,
        types,
        labels: labels.to_string(),
        return_until: event.cancel_until.map(|at| locale.zoned_date_time(at, event.zone())),
        checkout_time: event.checkout_minutes.map(|minutes| duration(locale, minutes)),
        offer_time: event.offer_minutes.map(|minutes| duration(locale, minutes)),
    };
    Ok(part.render()?)
}

/// Returns whether an instant is on the day on which the event starts.
fn is_same_day(event: &Event, at: Timestamp) -> bool {
    let day = |at: Timestamp| at.with_timezone(&event.zone()).date_naive();
    event.starts_at.is_some_and(|start| day(start) == day(at))
}

/// Returns the description for search engines and calendars (schema.org), as JSON that cannot end a `<script>`.
fn structured_data(event: &Event, url: &str, picture: Option<&str>, now: Timestamp) -> String {
    let state = SaleState::of(event, now);
    let offers: Vec<Value> = event
        .ticket_types
        .iter()
        .map(|ticket_type| {
            let availability = match state {
                SaleState::NotYet(_) => "PreSale",
                SaleState::CalledOff | SaleState::Past | SaleState::Ended => "Discontinued",
                _ if ticket_type.available_tickets > 0 => "InStock",
                _ => "SoldOut",
            };
            let digits = iso_currency::Currency::from_code(&ticket_type.price.currency).and_then(iso_currency::Currency::exponent);
            json!({
                "@type": "Offer", "name": ticket_type.name, "url": url, "priceCurrency": ticket_type.price.currency,
                "price": decimal(ticket_type.price.amount_minor, digits.unwrap_or(2)),
                "availability": format!("https://schema.org/{availability}"),
                "validFrom": event.sales_start_at,
            })
        })
        .collect();
    let status = if state == SaleState::CalledOff { "EventCancelled" } else { "EventScheduled" };
    let document = json!({
        "@context": "https://schema.org", "@type": "Event", "name": event.name, "url": url,
        "description": event.description.as_deref().map(|text| markdown::plain(text, 1_000)),
        "image": picture, "startDate": event.starts_at, "endDate": event.ends_at,
        "eventStatus": format!("https://schema.org/{status}"),
        "location": event.venue.as_ref().map(|venue| json!({"@type": "Place", "name": venue, "address": venue})),
        "offers": offers,
    });
    document.to_string().replace('<', "\\u003c")
}

/// Returns an amount as machines read it, such as `12.50`.
fn decimal(minor: i64, digits: u16) -> String {
    let base = 10_i64.checked_pow(u32::from(digits)).unwrap_or(1);
    let width = usize::from(digits);
    if width == 0 { minor.to_string() } else { format!("{}.{:0width$}", minor / base, minor % base) }
}
