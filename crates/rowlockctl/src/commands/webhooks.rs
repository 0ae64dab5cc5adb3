//! `webhooks list`, `show`, `create`, `change`, `enable`, `disable`, `rotate-secret`, `delete`, `deliveries`, `resend`.

use rowlock_domain::ids::{MessageId, WebhookId};
use serde_json::{Map, Value, json};

use super::Context;
use crate::api::ApiRequest;
use crate::cli::{ChangeWebhook, RepeatKey, Webhooks};
use crate::error::Failure;
use crate::input::time_json;
use crate::output::{Column, confirm, counted, sanitize, table, time};
use crate::pages::{ListLimit, Listing};
use crate::resources::{Webhook, WebhookDelivery};

const COLUMNS: [Column; 6] = [
    Column::Text("ID"),
    Column::Text("ADDRESS"),
    Column::Text("DESCRIPTION"),
    Column::Text("TYPES"),
    Column::Text("EVENT"),
    Column::Text("STATUS"),
];

pub(super) fn run(context: &Context, action: Webhooks) -> Result<(), Failure> {
    match action {
        Webhooks::List { limit } => list(context, limit),
        Webhooks::Show { webhook } => show(context, webhook),
        Webhooks::Create { address, description, types, event, key } => {
            let types = (!types.is_empty()).then(|| json!(types));
            let fields = [("url", Some(json!(address))), ("description", description.map(Value::from)), ("types", types)];
            let fields = fields.into_iter().chain([("eventId", event.map(|event| json!(event)))]);
            let body: Map<_, _> = fields.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
            // A repeat without the key would create another webhook, and the secret of the first one would be lost.
            let created = context.session()?.send(&ApiRequest::post("/admin/webhooks", body.into()).with_key(key.value))?.body;
            show_secret(context, &created, "is created")
        }
        Webhooks::Change(change) => {
            let (webhook, body) = changed_fields(*change);
            let request = ApiRequest::patch(path(webhook), body).idempotent();
            let changed = context.session()?.send(&request)?.body;
            context.output.result(&changed, || format!("Webhook {webhook} is changed."))
        }
        Webhooks::Enable { webhook } => switch(context, webhook, "enable", "is enabled. It gets the messages from now on."),
        Webhooks::Disable { webhook } => switch(context, webhook, "disable", "is disabled. Its pending messages have failed."),
        Webhooks::RotateSecret { webhook, revoke_previous, key } => {
            let request = ApiRequest::post(format!("{}/rotatesecret", path(webhook)), json!({"revokePrevious": revoke_previous}));
            // A repeat without the key would replace the secret again, which nobody has seen, and end the previous one.
            let rotated = context.session()?.send(&request.with_key(key.value))?.body;
            show_secret(context, &rotated, "has a new secret")
        }
        Webhooks::Delete { webhook, yes } => {
            let mut session = context.session()?;
            if !yes {
                confirm("The webhook will get no more messages, and the log of its deliveries will be deleted.", &webhook.to_string())?;
            }
            session.send(&ApiRequest::delete(path(webhook)))?;
            context.output.result(&json!({"id": webhook, "deleted": true}), || format!("Webhook {webhook} is deleted."))
        }
        Webhooks::Deliveries { webhook, status, limit } => deliveries(context, webhook, status, limit),
        Webhooks::Resend { webhook, delivery: Some(delivery), key, .. } => resend(context, webhook, delivery, key),
        Webhooks::Resend { webhook, delivery: None, since, until, include_delivered, key } => {
            let times = [("since", since), ("until", until)].into_iter();
            let mut body: Map<_, _> = times.filter_map(|(name, at)| Some((name.to_owned(), time_json(at?)))).collect();
            body.insert("includeDelivered".to_owned(), json!(include_delivered));
            let request = ApiRequest::post(format!("{}/resend", path(webhook)), body.into()).with_key(key.value);
            let resent = context.session()?.send(&request)?.body;
            context.output.result(&resent, || {
                let count = resent.get("resent").and_then(Value::as_u64).unwrap_or_default();
                format!("{} sent again.", counted(count, "message is being", "messages are being"))
            })
        }
    }
}

fn path(webhook: WebhookId) -> String {
    format!("/admin/webhooks/{webhook}")
}

fn list(context: &Context, limit: ListLimit) -> Result<(), Failure> {
    let mut session = context.session()?;
    let listing = Listing { output: context.output, limit, columns: &COLUMNS, empty_message: "There are no webhooks." };
    let (api, request) = (session.api().clone(), ApiRequest::get("/admin/webhooks"));
    listing.show(&api, &request, |page| page, |request| session.send(request), |item| serde_json::from_value(item).map(row))
}

fn row(webhook: Webhook) -> Vec<String> {
    let all = || "all".to_owned();
    let types = webhook.types.as_ref().map_or_else(all, |types| types.join(","));
    let event = webhook.event_id.clone().unwrap_or_else(all);
    let (status, description) = (status(&webhook), webhook.description.unwrap_or_else(|| "-".to_owned()));
    vec![webhook.id, webhook.url, description, types, event, status]
}

/// Formats the status with its reason.
fn status(webhook: &Webhook) -> String {
    let mut text = webhook.status.clone();
    let since = webhook.disabled_at.or(webhook.failing_since);
    let reasons = [
        since.map(|at| format!(" since {}", time(at))),
        webhook.disabled_reason.as_deref().map(|reason| format!(" ({})", reason_in_words(reason))),
        webhook.last_error.as_ref().map(|error| format!(": {error}")),
    ];
    text.extend(reasons.into_iter().flatten());
    text
}

/// Returns why a webhook is disabled, in words.
fn reason_in_words(reason: &str) -> &str {
    match reason {
        "administrator" => "by an administrator",
        "failing" => "every request failed for a day",
        "gone" => "at once, because the receiver responded 410 Gone",
        other => other,
    }
}

fn show(context: &Context, webhook: WebhookId) -> Result<(), Failure> {
    let mut session = context.session()?;
    let document = session.send(&ApiRequest::get(path(webhook)))?.body;
    let shown: Webhook = serde_json::from_value(document.clone())
        .map_err(|error| session.api().unexpected_response(format!("the webhook has an unexpected format ({error})")))?;
    context.output.result(&document, || table(&COLUMNS, [row(shown)]))
}

/// Returns the fields to send; `null` clears one.
fn changed_fields(change: ChangeWebhook) -> (WebhookId, Value) {
    let ChangeWebhook { webhook, address, description, no_description, types, all_types, event, all_events } = change;
    let types = (!types.is_empty()).then(|| json!(types));
    let fields = [
        ("url", address.map(Value::from), false),
        ("description", description.map(Value::from), no_description),
        ("types", types, all_types),
        ("eventId", event.map(|event| json!(event)), all_events),
    ];
    let fields = fields.into_iter().filter_map(|(name, value, clears)| Some((name.to_owned(), value.or(clears.then_some(Value::Null))?)));
    (webhook, fields.collect::<Map<_, _>>().into())
}

fn switch(context: &Context, webhook: WebhookId, operation: &str, outcome: &str) -> Result<(), Failure> {
    // Repeating the request changes nothing more.
    let request = ApiRequest::post_empty(format!("{}/{operation}", path(webhook))).idempotent();
    let switched = context.session()?.send(&request)?.body;
    context.output.result(&switched, || format!("Webhook {webhook} {outcome}"))
}

/// Prints a webhook with its secret, on standard output only.
fn show_secret(context: &Context, document: &Value, outcome: &str) -> Result<(), Failure> {
    let text = |name: &str| sanitize(document.get(name).and_then(Value::as_str).unwrap_or_default());
    context.output.result(document, || {
        let note = "Store its secret in the system that gets the messages. It is not shown again:";
        format!("Webhook {} {outcome}. {note}\n{}", text("id"), text("secret"))
    })
}

fn deliveries(context: &Context, webhook: WebhookId, status: Option<String>, limit: ListLimit) -> Result<(), Failure> {
    let mut session = context.session()?;
    let columns = [
        Column::Text("ID"),
        Column::Text("TYPE"),
        Column::Text("AT"),
        Column::Text("STATUS"),
        Column::Number("ATTEMPTS"),
        Column::Text("ERROR"),
    ];
    let listing = Listing { output: context.output, limit, columns: &columns, empty_message: "No deliveries match." };
    let api = session.api().clone();
    let request = ApiRequest::get(format!("{}/deliveries", path(webhook))).query("status", status);
    listing.show(
        &api,
        &request,
        |page| page,
        |request| session.send(request),
        |item| {
            let delivery: WebhookDelivery = serde_json::from_value(item)?;
            let error = delivery.error.unwrap_or_else(|| "-".to_owned());
            let attempts = delivery.attempts.to_string();
            Ok(vec![delivery.id, delivery.message_type, time(delivery.created_at), delivery.status, attempts, error])
        },
    )
}

fn resend(context: &Context, webhook: WebhookId, delivery: MessageId, key: RepeatKey) -> Result<(), Failure> {
    let request = ApiRequest::post_empty(format!("{}/deliveries/{delivery}/resend", path(webhook))).with_key(key.value);
    let resent = context.session()?.send(&request)?.body;
    context.output.result(&resent, || format!("Message {delivery} is being sent again."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_shown_with_its_reason() {
        let webhook = |changes: Value| {
            let mut document = json!({"id": "1", "url": "https://a.example/", "status": "active"});
            document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            status(&serde_json::from_value(document).unwrap())
        };
        assert_eq!(webhook(json!({})), "active");
        let failing = json!({"status": "failing", "failingSince": "2026-11-02T09:30:00Z", "lastError": "the receiver responded 500"});
        assert_eq!(webhook(failing), "failing since 2026-11-02 09:30:00Z: the receiver responded 500");
        for (reason, words) in [
            ("gone", "at once, because the receiver responded 410 Gone"),
            ("failing", "every request failed for a day"),
            ("administrator", "by an administrator"),
            ("bored", "bored"),
        ] {
            let disabled = json!({"status": "disabled", "disabledAt": "2026-11-03T09:30:00Z", "disabledReason": reason});
            assert_eq!(webhook(disabled), format!("disabled since 2026-11-03 09:30:00Z ({words})"));
        }
    }
}
