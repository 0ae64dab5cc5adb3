//! `accounts list`, `show`, `disable`, `enable`.

use rowlock_domain::ids::AccountId;
use serde_json::{Value, json};

use super::Context;
use crate::api::Call;
use crate::cli::Accounts;
use crate::error::{Failure, Problem};
use crate::output::{Column, clean, confirm, table, time};
use crate::pages::{HowMany, Listing, walk};
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
        Accounts::List { query, how_many } => list(context, query, how_many),
        Accounts::Show { account } => {
            let (document, account) = find(&mut context.session()?, &account)?;
            context.output.document(&document, || table(&COLUMNS, [row(account)]))
        }
        Accounts::Disable { account, reason, yes } => {
            let mut session = context.session()?;
            let (_, account) = find(&mut session, &account)?;
            if !yes {
                let holdings = session.send(&Call::get(format!("/admin/holdings/{}", account.id)))?.body;
                let what = format!("{} <{}> has {}.", account.name, account.email, loss(&holdings));
                confirm(&what, &account.username)?;
            }
            let body = reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
            change(context, &mut session, &account, "disable", body)
        }
        Accounts::Enable { account } => {
            let mut session = context.session()?;
            let (_, account) = find(&mut session, &account)?;
            change(context, &mut session, &account, "enable", json!({}))
        }
    }
}

/// Describes what disabling takes from an account.
fn loss(holdings: &Value) -> String {
    let count = |field: &str, one: &str, many: &str| match holdings[field].as_u64().unwrap_or_default() {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    };
    let tickets = count("tickets", "ticket", "tickets");
    let bookings = count("bookings", "booking", "bookings");
    let entries = count("waitlistEntries", "place in a waiting list", "places in waiting lists");
    format!("{tickets} in {bookings} of upcoming events, and {entries}. Disabling the account cancels and closes them")
}

fn row(account: Account) -> Vec<String> {
    let disabled = account.disabled_at.map_or_else(|| "-".to_owned(), time);
    vec![account.id, account.name, account.username, account.email, account.role, time(account.created_at), disabled]
}

fn list(context: &Context, query: Option<String>, how_many: HowMany) -> Result<(), Failure> {
    let mut session = context.session()?;
    let call = Call::get("/admin/accounts").with("q", query);
    let listing = Listing { output: context.output, how_many, columns: &COLUMNS, empty: "There are no such accounts." };
    let api = session.api().clone();
    listing.show(&api, &call, |page| page, |call| session.send(call), |item| serde_json::from_value(item).map(row))
}

/// Returns the account with this id, e-mail address or username. The API has no route for a single account, so the list is
/// searched: the service finds a name, whereas an id may require reading all pages.
fn find(session: &mut Session, which: &str) -> Result<(Value, Account), Failure> {
    let by_id = which.parse::<AccountId>().ok().map(|id| id.to_string());
    let call = Call::get("/admin/accounts").with("q", by_id.is_none().then(|| which.to_owned()));
    let wanted = which.to_lowercase();
    let mut found = None;
    let api = session.api().clone();
    walk(
        &api,
        &call,
        |page| page,
        usize::MAX,
        |call| session.send(call),
        |item| {
            let account: Account = serde_json::from_value(item.clone())
                .map_err(|error| api.not_rowlock(format!("an account is not as expected ({error})")))?;
            let is_it = match &by_id {
                Some(id) => account.id == *id,
                None => [&account.email, &account.username].iter().any(|name| name.to_lowercase() == wanted),
            };
            if is_it {
                found = Some((item, account));
            }
            Ok(!is_it)
        },
    )?;
    found.ok_or_else(|| Failure::Refused(Box::new(Problem::no_such_account(which))))
}

fn change(context: &Context, session: &mut Session, account: &Account, step: &str, body: Value) -> Result<(), Failure> {
    // Repeating the request changes nothing more.
    let call = Call::post(format!("/admin/accounts/{}/{step}", account.id), body).harmless();
    let changed = session.send(&call)?.body;
    let who = format!("{} <{}>", account.name, account.email);
    context.output.document(&changed, || {
        clean(&match step {
            "disable" => format!("{who} is disabled. Its access tokens stop working within a minute."),
            _ => format!("{who} may log in again."),
        })
    })
}
