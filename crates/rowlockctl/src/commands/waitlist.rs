//! `waitlist`: lists the waiting list of an event with positions.

use std::collections::HashMap;

use rowlock_domain::ids::EventId;
use serde_json::Value;

use super::Context;
use super::events::{read_status, status, type_named};
use crate::api::Call;
use crate::error::Failure;
use crate::output::{Column, time};
use crate::pages::{HowMany, Listing};
use crate::resources::Waiting;

pub(super) fn waitlist(context: &Context, event: EventId, only: Option<&str>, how_many: HowMany) -> Result<(), Failure> {
    let mut session = context.session()?;
    let (shown, _) = status(&mut session, event)?;
    let known = read_status(session.api(), &shown)?;
    let only = only.map(|which| type_named(&known, which).map(|kind| kind.id.clone())).transpose()?;
    let names: HashMap<String, String> = known.ticket_types.into_iter().map(|kind| (kind.id, kind.name)).collect();
    let call = Call::get(format!("/admin/status/{event}")).with("ticketTypeId", only);
    let listing = Listing {
        output: context.output,
        how_many,
        columns: &[
            Column::Text("TYPE"),
            Column::Number("PLACE"),
            Column::Text("NAME"),
            Column::Text("E-MAIL"),
            Column::Number("TICKETS"),
            Column::Text("SINCE"),
            Column::Text("ENTRY"),
        ],
        empty: "Nobody waits.",
    };
    let api = session.api().clone();
    listing.show(
        &api,
        &call,
        list_within,
        |call| session.send(call),
        |item| {
            let waiting: Waiting = serde_json::from_value(item)?;
            Ok(vec![
                names.get(&waiting.ticket_type_id).cloned().unwrap_or(waiting.ticket_type_id),
                waiting.position.to_string(),
                waiting.account.name,
                waiting.account.email,
                waiting.quantity.to_string(),
                time(waiting.joined_at),
                waiting.waitlist_entry_id,
            ])
        },
    )
}

/// Extracts the waiting list from the status of an event.
fn list_within(mut status: Value) -> Value {
    status.get_mut("waitlist").map(Value::take).unwrap_or_default()
}
