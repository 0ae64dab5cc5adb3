//! `queue verify`: checks the logs of the waiting lists of an event.

use std::path::Path;

use rowlock_domain::ids::{EventId, TicketTypeId, TypeKey};
use rowlock_domain::queue_log::verifier::{QueueLogReport, QueueLogVerifier};
use rowlock_domain::queue_log::{QueueLogHash, QueueLogHead, QueueLogRecord};
use serde::{Deserialize, Serialize};

use super::{Context, read_file};
use crate::api::{Api, ApiRequest};
use crate::error::Failure;
use crate::output::{Column, print_line, print_note, table};

/// The largest page of a log that the API returns.
const PAGE_SIZE: &str = "1000";

/// An event, as far as this command needs it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    ticket_types: Vec<TicketType>,
}

#[derive(Debug, Deserialize)]
struct TicketType {
    id: TicketTypeId,
    name: String,
}

/// A page of a log.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    head: QueueLogHead,
    items: Vec<QueueLogRecord>,
    next_after: Option<i64>,
}

/// The result for one ticket type, as it is printed with `--json` and read with `--since`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified<'a> {
    event_id: EventId,
    ticket_type_id: TicketTypeId,
    name: &'a str,
    #[serde(flatten)]
    report: QueueLogReport,
}

/// The part of an earlier result that is compared.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Earlier {
    event_id: EventId,
    ticket_type_id: TicketTypeId,
    head: QueueLogHead,
}

pub(super) fn verify(
    context: &Context,
    event: EventId,
    only: Option<&str>,
    known: &[QueueLogHash],
    since: Option<&Path>,
) -> Result<(), Failure> {
    let earlier = since.map(|path| read_earlier(path, event)).transpose()?.unwrap_or_default();
    let api = context.api()?;
    let body = api.send(&ApiRequest::get(format!("/api/events/{event}")), None)?.body;
    let Event { ticket_types } = Event::deserialize(&body).map_err(|error| api.unexpected_response(error.to_string()))?;
    let chosen = choose(&ticket_types, only)?;
    if !known.is_empty() && chosen.len() != 1 {
        return Err(Failure::Usage(
            "The event has several ticket types. Add --type to say to which one the known hash belongs.".to_owned(),
        ));
    }
    let mut results = Vec::with_capacity(chosen.len());
    for ticket_type in chosen {
        let key = TypeKey { event, ticket_type: ticket_type.id };
        let noted = earlier.iter().filter(|earlier| earlier.ticket_type_id == ticket_type.id).map(|earlier| earlier.head.hash);
        let report = verify_log(&api, key, noted.chain(known.iter().copied()), &ticket_type.name)?;
        results.push(Verified { event_id: event, ticket_type_id: ticket_type.id, name: &ticket_type.name, report });
    }
    print(context, &results)
}

/// Reads the ends of the logs of an event from the output of an earlier run.
fn read_earlier(path: &Path, event: EventId) -> Result<Vec<Earlier>, Failure> {
    let unusable = |reason: String| Failure::Usage(format!("Cannot use {}: {reason}", path.display()));
    let text = read_file(path)?;
    let all: Vec<Earlier> = serde_json::Deserializer::from_str(&text)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(format!("it is not the output of `rowlockctl queue verify --json` ({error}).")))?;
    let earlier: Vec<Earlier> = all.into_iter().filter(|earlier| earlier.event_id == event).collect();
    if earlier.is_empty() { Err(unusable("it has no line about this event.".to_owned())) } else { Ok(earlier) }
}

/// Returns all ticket types, or the one with this id or name.
fn choose<'a>(ticket_types: &'a [TicketType], only: Option<&str>) -> Result<Vec<&'a TicketType>, Failure> {
    let Some(which) = only else { return Ok(ticket_types.iter().collect()) };
    let by_id = ticket_types.iter().find(|kind| kind.id.to_string() == which.to_lowercase());
    let mut by_name = ticket_types.iter().filter(|kind| kind.name.to_lowercase() == which.to_lowercase());
    match (by_id, by_name.next(), by_name.next()) {
        (Some(found), ..) | (None, Some(found), None) => Ok(vec![found]),
        (None, None, _) => Err(Failure::Usage(format!("The event has no ticket type `{which}`."))),
        (None, Some(_), Some(_)) => Err(Failure::Usage(format!("The event has several ticket types `{which}`. Give the id of one."))),
    }
}

/// Reads a log from its first to its last record, and verifies it.
fn verify_log(api: &Api, key: TypeKey, known: impl Iterator<Item = QueueLogHash>, name: &str) -> Result<QueueLogReport, Failure> {
    let mut verifier = QueueLogVerifier::new(key);
    known.for_each(|hash| verifier.expect(hash));
    let violated = |violation| Failure::Other(format!("The queue log of {name} is not in order: {violation}."));
    loop {
        let after = verifier.head().position;
        let request = ApiRequest::get(format!("/api/events/{}/queue-log", key.event))
            .query("ticketTypeId", Some(key.ticket_type.to_string()))
            .query("after", Some(after.to_string()))
            .query("limit", Some(PAGE_SIZE.to_owned()));
        let body = api.send(&request, None)?.body;
        let page = Page::deserialize(&body).map_err(|error| api.unexpected_response(format!("a page of the log ({error})")))?;
        for record in &page.items {
            verifier.push(record).map_err(violated)?;
        }
        match page.next_after {
            None => return verifier.finish(page.head).map_err(violated),
            Some(_) if verifier.head().position > after => {}
            Some(_) => return Err(api.unexpected_response("a page of the log is empty, but says that another one follows".to_owned())),
        }
    }
}

fn print(context: &Context, results: &[Verified<'_>]) -> Result<(), Failure> {
    if context.output.json {
        for result in results {
            let line = serde_json::to_string(result).map_err(|error| Failure::Other(format!("Cannot print the result: {error}")))?;
            print_line(&line)?;
        }
        return Ok(());
    }
    let columns = [
        Column::Text("TYPE"),
        Column::Number("RECORDS"),
        Column::Number("ENTRIES"),
        Column::Number("PROMOTED"),
        Column::Number("ENDED"),
        Column::Number("WAITING"),
        Column::Text("LAST HASH"),
    ];
    let rows = results.iter().map(|Verified { name, report, .. }| {
        let counts = [report.entries, report.promotions, report.ended, report.waiting];
        let mut row = vec![(*name).to_owned(), report.records.to_string()];
        row.extend(counts.map(|count| count.to_string()));
        row.push(report.head.hash.to_string());
        row
    });
    print_line(&table(&columns, rows))?;
    print_line("No record is missing or changed, and nobody was skipped.")?;
    for Verified { name, report, .. } in results.iter().filter(|result| result.report.restarts > 0) {
        let times = if report.restarts == 1 { "once".to_owned() } else { format!("{} times", report.restarts) };
        print_note(&format!(
            "The log of {name} started anew {times}, after an upgrade. What happened to the queue before is not in the log."
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> Vec<TicketType> {
        let kind = |id: &str, name: &str| TicketType { id: id.parse().unwrap(), name: name.to_owned() };
        vec![
            kind("0192f0c1-2345-7abc-8def-000000000001", "Floor"),
            kind("0192f0c1-2345-7abc-8def-000000000002", "Balcony"),
            kind("0192f0c1-2345-7abc-8def-000000000003", "balcony"),
        ]
    }

    #[test]
    fn a_type_is_chosen_by_its_id_or_its_name_if_that_is_clear() {
        let kinds = kinds();
        let chosen = |which| choose(&kinds, which).map(|found| found.iter().map(|kind| kind.name.clone()).collect::<Vec<_>>());
        assert_eq!(chosen(None).unwrap(), ["Floor", "Balcony", "balcony"]);
        assert_eq!(chosen(Some("FLOOR")).unwrap(), ["Floor"]);
        assert_eq!(chosen(Some("0192F0C1-2345-7ABC-8DEF-000000000003")).unwrap(), ["balcony"]);
        for unclear in ["Balcony", "Boxes"] {
            assert_eq!(chosen(Some(unclear)).unwrap_err().exit_code(), 2);
        }
    }
}
