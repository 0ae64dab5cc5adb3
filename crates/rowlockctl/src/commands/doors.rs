//! `checkins summary` and `doorlist`: shows who is in, and who is expected.

use std::io::{self, Read, Write};

use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use serde::Deserialize;
use serde_json::Value;

use super::Context;
use crate::api::ApiRequest;
use crate::error::Failure;
use crate::output::{Column, table, time};
use crate::pages::{ListLimit, Listing};

/// How many tickets were checked in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    ticket_types: Vec<TypeSummary>,
    checked_in: u64,
    expected: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypeSummary {
    name: String,
    checked_in: u64,
    expected: u64,
}

/// A ticket of the door list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ticket {
    reference: String,
    holder_name: String,
    ticket_type: String,
    checked_in_at: Option<Timestamp>,
    door: Option<String>,
}

pub(super) fn summary(context: &Context, event: EventId) -> Result<(), Failure> {
    let mut session = context.session()?;
    let document = session.send(&ApiRequest::get(format!("/admin/events/{event}/checkins/summary")))?.body;
    let summary = Summary::deserialize(&document).map_err(|error| session.api().unexpected_response(error.to_string()))?;
    context.output.result(&document, || render(&summary))
}

fn render(summary: &Summary) -> String {
    let row = |name: &str, checked_in: u64, expected: u64| {
        vec![name.to_owned(), checked_in.to_string(), expected.saturating_sub(checked_in).to_string(), expected.to_string()]
    };
    let mut rows: Vec<_> = summary.ticket_types.iter().map(|counts| row(&counts.name, counts.checked_in, counts.expected)).collect();
    if rows.len() > 1 {
        rows.push(row("Total", summary.checked_in, summary.expected));
    }
    let columns = [Column::Text("TYPE"), Column::Number("IN"), Column::Number("MISSING"), Column::Number("EXPECTED")];
    table(&columns, rows)
}

pub(super) fn door_list(context: &Context, event: EventId, search: Option<String>, csv: bool, limit: ListLimit) -> Result<(), Failure> {
    let mut session = context.session()?;
    let request = ApiRequest::get(format!("/admin/events/{event}/doorlist")).query("q", search);
    if csv {
        let mut list = Vec::new();
        let read = session.open_body(&request.accept("text/csv"))?.into_body().into_reader().read_to_end(&mut list);
        read.map_err(|error| Failure::Unreachable {
            url: session.api().url.to_string(),
            reason: format!("the export was interrupted ({error}); nothing was printed"),
        })?;
        let mut out = io::stdout().lock();
        out.write_all(&list)?;
        return Ok(out.flush()?);
    }
    let listing = Listing {
        output: context.output,
        limit,
        columns: &[Column::Text("NAME"), Column::Text("TYPE"), Column::Text("TICKET"), Column::Text("CHECKED IN"), Column::Text("DOOR")],
        empty_message: "No tickets.",
    };
    let api = session.api().clone();
    listing.show(
        &api,
        &request,
        |page: Value| page,
        |request| session.send(request),
        |item| {
            let ticket: Ticket = serde_json::from_value(item)?;
            Ok(vec![
                ticket.holder_name,
                ticket.ticket_type,
                ticket.reference,
                ticket.checked_in_at.map(time).unwrap_or_default(),
                ticket.door.unwrap_or_default(),
            ])
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_a_row_each_and_several_have_a_total() {
        let counts = |name: &str, checked_in, expected| TypeSummary { name: name.to_owned(), checked_in, expected };
        let one = Summary { ticket_types: vec![counts("Floor", 3, 10)], checked_in: 3, expected: 10 };
        assert!(!render(&one).contains("Total"));
        let two = Summary { ticket_types: vec![counts("Floor", 3, 10), counts("Balcony", 5, 5)], checked_in: 8, expected: 15 };
        let lines: Vec<_> = render(&two).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines, ["TYPE IN MISSING EXPECTED", "Floor 3 7 10", "Balcony 5 0 5", "Total 8 7 15"]);
    }
}
