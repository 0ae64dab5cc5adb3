//! `accounts list`, `show`, `disable`, `enable`, `role`.

use rowlock_domain::ids::AccountId;
use serde_json::{Value, json};

use super::Context;
use crate::api::ApiRequest;
use crate::cli::{Accounts, AdminRole};
use crate::error::{Failure, Problem};
use crate::output::{Column, confirm, counted, sanitize, table, time};
use crate::pages::{ListLimit, Listing, for_each_item};
use crate::resources::Account;
use crate::session::Session;

const COLUMNS: [Column; 7] = [
    Column::Text("ID"),
    Column::Text("NAME"),
    Column::Text("USERNAME"),
    Column::Text("E-MAIL"),
    Column::Text("ROLE"),
    Column::Text("SINCE"),
    Column::Text("DISABLED"),
];

pub(super) fn run(context: &Context, action: Accounts) -> Result<(), Failure> {
    match action {
        Accounts::List { query, limit } => list(context, query, limit),
        Accounts::Show { account } => {
            let (document, account) = find(&mut context.session()?, &account)?;
            context.output.result(&document, || table(&COLUMNS, [row(account)]))
        }
        Accounts::Disable { account, reason, yes } => {
            let mut session = context.session()?;
            let (_, account) = find(&mut session, &account)?;
            if !yes {
                let holdings = session.send(&ApiRequest::get(format!("/admin/holdings/{}", account.id)))?.body;
                let what = format!("{} <{}> has {}.", account.name, account.email, disable_consequences(&holdings));
                confirm(&what, &account.username)?;
            }
            let body = reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
            change(context, &mut session, &account, "disable", body)
        }
        Accounts::Role { account, role } => {
            let mut session = context.session()?;
            let (_, account) = find(&mut session, &account)?;
            let role = match role {
                AdminRole::Door => "door",
                AdminRole::Organiser => "organiser",
                AdminRole::Owner => "owner",
            };
            let path = format!("/admin/accounts/{}", account.id);
            let changed = session.send(&ApiRequest::patch(path, json!({"adminRole": role})).idempotent())?.body;
            let text = format!("{} <{}> has the role {role}. It takes effect within a minute.", account.name, account.email);
            context.output.result(&changed, || sanitize(&text))
        }
        Accounts::Enable { account } => {
            let mut session = context.session()?;
            let (_, account) = find(&mut session, &account)?;
            change(context, &mut session, &account, "enable", json!({}))
        }
    }
}

/// Describes what disabling takes from an account.
fn disable_consequences(holdings: &Value) -> String {
    let count = |field: &str, singular, plural| counted(holdings[field].as_u64().unwrap_or_default(), singular, plural);
    let tickets = count("tickets", "ticket", "tickets");
    let bookings = count("bookings", "booking", "bookings");
    let entries = count("waitlistEntries", "waiting-list entry", "waiting-list entries");
    format!("{tickets} in {bookings} for upcoming events, and {entries}. Disabling the account cancels the bookings and closes the entries")
}

fn row(account: Account) -> Vec<String> {
    let disabled = account.disabled_at.map_or_else(|| "-".to_owned(), time);
    let role = account.admin_role.unwrap_or(account.role);
    vec![account.id, account.name, account.username, account.email, role, time(account.created_at), disabled]
}

fn list(context: &Context, query: Option<String>, limit: ListLimit) -> Result<(), Failure> {
    let mut session = context.session()?;
    let request = ApiRequest::get("/admin/accounts").query("q", query);
    let listing = Listing { output: context.output, limit, columns: &COLUMNS, empty_message: "No accounts match." };
    let api = session.api().clone();
    listing.show(&api, &request, |page| page, |request| session.send(request), |item| serde_json::from_value(item).map(row))
}

/// Returns the account with this id, e-mail address or username. The API has no route for a single account, so the list is
/// searched: the service finds a name, whereas an id may require reading all pages.
fn find(session: &mut Session, which: &str) -> Result<(Value, Account), Failure> {
    let by_id = which.parse::<AccountId>().ok().map(|id| id.to_string());
    let request = ApiRequest::get("/admin/accounts").query("q", by_id.is_none().then(|| which.to_owned()));
    let lowercase = which.to_lowercase();
    let mut found = None;
    let api = session.api().clone();
    for_each_item(
        &api,
        &request,
        |page| page,
        usize::MAX,
        |request| session.send(request),
        |item| {
            let account: Account = serde_json::from_value(item.clone())
                .map_err(|error| api.unexpected_response(format!("an account has an unexpected format ({error})")))?;
            let is_match = match &by_id {
                Some(id) => account.id == *id,
                None => [&account.email, &account.username].iter().any(|name| name.to_lowercase() == lowercase),
            };
            if is_match {
                found = Some((item, account));
            }
            Ok(!is_match)
        },
    )?;
    found.ok_or_else(|| Failure::Rejected(Box::new(Problem::account_not_found(which))))
}

fn change(context: &Context, session: &mut Session, account: &Account, operation: &str, body: Value) -> Result<(), Failure> {
    // Repeating the request changes nothing more.
    let request = ApiRequest::post(format!("/admin/accounts/{}/{operation}", account.id), body).idempotent();
    let changed = session.send(&request)?.body;
    let who = format!("{} <{}>", account.name, account.email);
    context.output.result(&changed, || {
        sanitize(&match operation {
            "disable" => format!("{who} is disabled. Its access tokens stop working within a minute."),
            _ => format!("{who} can log in again."),
        })
    })
}
