//! `auditlog`: lists the audit log.

use serde_json::Value;

use super::Context;
use crate::api::ApiRequest;
use crate::error::Failure;
use crate::output::{Column, time};
use crate::pages::{ListLimit, Listing};
use crate::resources::AuditEntry;

pub(super) fn auditlog(context: &Context, limit: ListLimit) -> Result<(), Failure> {
    let mut session = context.session()?;
    let listing = Listing {
        output: context.output,
        limit,
        columns: &[Column::Text("AT"), Column::Text("BY"), Column::Text("ACTION"), Column::Text("SUBJECT"), Column::Text("DETAILS")],
        empty_message: "The audit log is empty.",
    };
    let api = session.api().clone();
    listing.show(
        &api,
        &ApiRequest::get("/admin/auditlog"),
        |page| page,
        |request| session.send(request),
        |item| {
            let entry: AuditEntry = serde_json::from_value(item)?;
            let by = entry.actor.account_id.unwrap_or(entry.actor.role);
            Ok(vec![time(entry.at), by, entry.action, entry.subject, details(&entry.details)])
        },
    )
}

/// Formats the old and new values of an entry on one line.
fn details(details: &Value) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let one = |(name, value): (&String, &Value)| match (value.get("from"), value.get("to")) {
        (Some(from), Some(to)) => format!("{name}: {} → {}", plain(from), plain(to)),
        _ => format!("{name}: {}", plain(value)),
    };
    details.as_object().map(|fields| fields.iter().map(one).collect::<Vec<_>>().join("; ")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn details_are_formatted_on_one_line() {
        assert_eq!(
            details(&json!({"name": {"from": "A", "to": "B"}, "totalTickets": 10, "venue": {"from": null, "to": "North bank"}})),
            "name: A → B; totalTickets: 10; venue: null → North bank"
        );
        assert_eq!(details(&json!({})), "");
    }
}
