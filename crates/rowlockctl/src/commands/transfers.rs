//! `transfers`: shows what became of tickets that their holders have offered to somebody else.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use serde::Deserialize;
use serde_json::Value;

use super::Context;
use crate::api::ApiRequest;
use crate::error::Failure;
use crate::output::{Column, time};
use crate::pages::{ListLimit, Listing};

/// A transfer of tickets.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transfer {
    id: String,
    quantity: u64,
    status: String,
    from: Side,
    to: Option<Side>,
    to_email: Option<String>,
    created_at: Timestamp,
    ended_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Side {
    booking_id: String,
}

pub(super) fn transfers(context: &Context, event: EventId, limit: ListLimit) -> Result<(), Failure> {
    let mut session = context.session()?;
    let listing = Listing {
        output: context.output,
        limit,
        columns: &[
            Column::Text("ID"),
            Column::Text("STATUS"),
            Column::Number("TICKETS"),
            Column::Text("FROM BOOKING"),
            Column::Text("TO"),
            Column::Text("OFFERED"),
            Column::Text("ENDED"),
        ],
        empty_message: "No transfers.",
    };
    let api = session.api().clone();
    listing.show(
        &api,
        &ApiRequest::get(format!("/admin/events/{event}/transfers")),
        |page: Value| page,
        |request| session.send(request),
        |item| {
            let Transfer { id, quantity, status, from, to, to_email, created_at, ended_at } = serde_json::from_value(item)?;
            // The address is deleted when the transfer ends; the booking of the receiver exists only then.
            let to = to.map(|side| side.booking_id).or(to_email).unwrap_or_default();
            let ended = ended_at.map(time).unwrap_or_default();
            Ok(vec![id, status, quantity.to_string(), from.booking_id, to, time(created_at), ended])
        },
    )
}
