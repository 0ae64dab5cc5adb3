//! `waitlist`: lists the waiting list of an event with positions.

use std::collections::HashMap;

use rowlock_domain::ids::EventId;
use serde_json::Value;

use super::Context;
use super::events::{find_ticket_type, read_status, status};
use crate::api::ApiRequest;
use crate::error::Failure;
use crate::output::{Column, time};
use crate::pages::{ListLimit, Listing};
use crate::resources::WaitlistEntry;

pub(super) fn waitlist(context: &Context, event: EventId, only: Option<&str>, limit: ListLimit) -> Result<(), Failure> {
    let mut session = context.session()?;
    let (document, _) = status(&mut session, event)?;
    let event_status = read_status(session.api(), &document)?;
    let only = only.map(|which| find_ticket_type(&event_status, which).map(|kind| kind.id.clone())).transpose()?;
    let names: HashMap<String, String> = event_status.ticket_types.into_iter().map(|kind| (kind.id, kind.name)).collect();
    let request = ApiRequest::get(format!("/admin/status/{event}")).query("ticketTypeId", only);
    let listing = Listing {
        output: context.output,
        limit,
        columns: &[
            Column::Text("TYPE"),
            Column::Number("POSITION"),
            Column::Text("NAME"),
            Column::Text("E-MAIL"),
            Column::Number("TICKETS"),
            Column::Number("CHOICE"),
            Column::Text("SINCE"),
            Column::Text("ENTRY"),
        ],
        empty_message: "The waiting list is empty.",
    };
    let api = session.api().clone();
    listing.show(
        &api,
        &request,
        extract_waitlist,
        |request| session.send(request),
        |item| {
            let entry: WaitlistEntry = serde_json::from_value(item)?;
            Ok(vec![
                names.get(&entry.ticket_type_id).cloned().unwrap_or(entry.ticket_type_id),
                entry.position.to_string(),
                entry.account.name,
                entry.account.email,
                match entry.min_quantity {
                    Some(least) if least < entry.quantity => format!("{least}-{}", entry.quantity),
                    _ => entry.quantity.to_string(),
                },
                // The types of a wish, of which one is enough, are choices 1, 2 and so on.
                entry.preference.map_or_else(String::new, |preference| (preference + 1).to_string()),
                time(entry.joined_at),
                entry.waitlist_entry_id,
            ])
        },
    )
}

/// Extracts the waiting list from the status of an event.
fn extract_waitlist(mut status: Value) -> Value {
    status.get_mut("waitlist").map(Value::take).unwrap_or_default()
}
