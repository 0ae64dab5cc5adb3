//! The record of the queue of an event: what happened last, and how to check it.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use askama::Template;
use rowlock_domain::ids::EventId;
use rowlock_domain::queue_log::{QueueChange, QueueLogHead, QueueLogKind, QueueLogRecord};
use rowlock_locale::Locale;
use serde::Deserialize;

use crate::api::Call;
use crate::api::models::{Event, TicketType};
use crate::error::PageError;
use crate::pages::event::fetch;
use crate::view::minimum::size;
use crate::view::page::Page;
use crate::visitor::Visitor;

/// The number of records that are shown of each log.
const SHOWN: i64 = 20;

#[derive(Template)]
#[template(path = "queue_record.html")]
struct QueueRecordPage {
    page: Page,
    event_id: String,
    event_name: String,
    /// The zone of the times, in words.
    zone: String,
    logs: Vec<LogView>,
    /// The address of the API.
    url: String,
}

/// The end of the log of a ticket type.
struct LogView {
    type_name: String,
    /// The number of records in the log.
    count: i64,
    hash: String,
    /// The last records, the latest one first.
    rows: Vec<RecordRow>,
}

impl LogView {
    /// Returns whether the page shows all records.
    fn is_whole(&self) -> bool {
        self.count <= SHOWN
    }
}

struct RecordRow {
    position: i64,
    at: String,
    /// The number of the entry, if the record is about one.
    number: Option<i64>,
    what: String,
}

/// A page of a log.
#[derive(Debug, Deserialize)]
struct LogPage {
    head: QueueLogHead,
    items: Vec<QueueLogRecord>,
}

/// Shows the record.
pub(crate) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id: EventId = id.parse().map_err(|_| PageError::NotFound)?;
    let key = visitor.page_key(format!("/events/{id}/queue"));
    visitor.public_page(key, Box::pin(render(visitor.clone(), id))).await
}

async fn render(visitor: Visitor, id: EventId) -> Result<Bytes, PageError> {
    let event = fetch(&visitor, id).await?;
    let mut logs = Vec::with_capacity(event.ticket_types.len());
    for ticket_type in &event.ticket_types {
        logs.push(log(&visitor, &event, ticket_type).await?);
    }
    let page = visitor.page(visitor.locale.text("queue-record")).in_section("events").at(format!("/events/{id}/queue"));
    let (url, zone) = (page.absolute(""), visitor.locale.zone_name(event.zone()));
    Ok(Bytes::from(QueueRecordPage { page, event_id: id.to_string(), event_name: event.name.clone(), zone, logs, url }.render()?))
}

async fn log(visitor: &Visitor, event: &Event, ticket_type: &TicketType) -> Result<LogView, PageError> {
    let read = async |after: i64| -> Result<LogPage, PageError> {
        let path = format!("/api/events/{}/queue-log?ticketTypeId={}&after={after}&limit={SHOWN}", event.id, ticket_type.id);
        Ok(visitor.call_public(Call::get(&path)).await?)
    };
    let mut page = read(0).await?;
    // The first records tell where the last ones are.
    if page.head.position > SHOWN {
        page = read(page.head.position - SHOWN).await?;
    }
    let (locale, zone) = (&visitor.locale, event.zone());
    let row = |record: &QueueLogRecord| RecordRow {
        position: record.position,
        at: locale.date_time(record.recorded_at, zone),
        number: Some(record.change.number).filter(|_| record.change.kind != QueueLogKind::Restarted),
        what: what(locale, &record.change),
    };
    Ok(LogView {
        type_name: ticket_type.name.clone(),
        count: page.head.position,
        hash: page.head.hash.to_string(),
        rows: page.items.iter().rev().map(row).collect(),
    })
}

/// Says what happened to an entry.
fn what(locale: &Locale, change: &QueueChange) -> String {
    let quantity = change.quantity.unwrap_or_default();
    let size = || size(locale, quantity.into(), change.min_quantity.unwrap_or(quantity).into());
    match change.kind {
        QueueLogKind::Joined => locale.with("record-joined", [("size", size().into())]),
        QueueLogKind::Changed => locale.with("record-changed", [("size", size().into())]),
        QueueLogKind::Moved => {
            let previous = change.previous_number.unwrap_or_default();
            locale.with("record-moved", [("size", size().into()), ("previous", previous.into())])
        }
        QueueLogKind::Left => locale.text("record-left"),
        QueueLogKind::Removed => locale.text("record-removed"),
        QueueLogKind::Closed => locale.text("record-closed"),
        QueueLogKind::Reopened => locale.with("record-reopened", [("size", size().into())]),
        QueueLogKind::Promoted => {
            let free = change.free.unwrap_or_default();
            locale.with("record-promoted", [("count", quantity.into()), ("free", free.into())])
        }
        QueueLogKind::Restarted => locale.text("record-restarted"),
        QueueLogKind::Listed => locale.with("record-listed", [("size", size().into())]),
    }
}
