//! `mails list`, `resend`.

use rowlock_domain::ids::{AccountId, MessageId};
use serde_json::json;

use super::Context;
use crate::api::ApiRequest;
use crate::cli::{Mails, RepeatKey};
use crate::error::Failure;
use crate::output::{Column, time};
use crate::pages::{ListLimit, Listing};
use crate::resources::Mail;

pub(super) fn run(context: &Context, action: Mails) -> Result<(), Failure> {
    match action {
        Mails::List { status, limit } => list(context, status, limit),
        Mails::Resend { message, recipient, key } => resend(context, message, recipient, key),
    }
}

fn list(context: &Context, status: Option<String>, limit: ListLimit) -> Result<(), Failure> {
    let mut session = context.session()?;
    let columns = [
        Column::Text("MESSAGE"),
        Column::Text("RECIPIENT"),
        Column::Text("KIND"),
        Column::Text("AT"),
        Column::Text("STATUS"),
        Column::Number("ATTEMPTS"),
        Column::Text("REASON"),
    ];
    let empty_message = if status.is_some() { "No mails match." } else { "No mails have failed or are unclear." };
    let listing = Listing { output: context.output, limit, columns: &columns, empty_message };
    let api = session.api().clone();
    listing.show(
        &api,
        &ApiRequest::get("/admin/deliveries").query("status", status),
        |page| page,
        |request| session.send(request),
        |item| {
            let Mail { message_id, recipient, kind, status, attempts, created_at, reason } = serde_json::from_value(item)?;
            let reason = reason.unwrap_or_else(|| "-".to_owned());
            Ok(vec![message_id, recipient, kind, time(created_at), status, attempts.to_string(), reason])
        },
    )
}

fn resend(context: &Context, message: MessageId, recipient: AccountId, key: RepeatKey) -> Result<(), Failure> {
    let request = ApiRequest::post(format!("/admin/deliveries/{message}/resend"), json!({"recipient": recipient})).with_key(key.value);
    let resent = context.session()?.send(&request)?.body;
    context.output.result(&resent, || format!("The mail about message {message} to {recipient} is being sent again."))
}
