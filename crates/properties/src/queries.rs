//! Property of query strings, including the cursors of all list routes.

use chrono::SecondsFormat;
use rowlock_domain::ids::{AccountId, TicketTypeId};
use rowlock_domain::text::SearchTerm;
use rowlock_http::problem::Problem;
use rowlock_http::{QueryFields, encode_cursor};
use rowlock_inventory::queries::EventCursor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bodies::check_rejection;

/// Parses a text as the query string of each list route: accepted parameters survive being written and parsed again, and a
/// rejection names its cause. Returns whether any route accepts the text.
///
/// # Panics
///
/// Panics if the property does not hold.
pub fn check_query_string(query: &str) -> bool {
    // Lists of accounts, bookings and waiting-list entries use an id as their cursor; the waiting list of an event uses two
    // numbers.
    let accepted = [check_with_cursor::<AccountId>(query), check_with_cursor::<(i16, i64)>(query), check_with_cursor::<EventCursor>(query)];
    accepted.contains(&true)
}

fn check_with_cursor<K: Serialize + DeserializeOwned>(query: &str) -> bool {
    let first = read::<K>(query);
    match &first {
        Ok(parameters) => {
            let rewritten = parameters.join("&");
            match read::<K>(&rewritten) {
                Ok(again) => assert_eq!(*parameters, again),
                Err(problem) => panic!("{rewritten} is the canonical form of accepted input, but is rejected: {problem:?}"),
            }
        }
        Err(problem) => check_rejection(problem),
    }
    first.is_ok()
}

/// Parses a query string with every kind of parameter, and returns the accepted parameters in their canonical form.
fn read<K: Serialize + DeserializeOwned>(query: &str) -> Result<Vec<String>, Problem> {
    let mut fields = QueryFields::parse(query)?;
    let q = fields.optional::<SearchTerm>("q");
    let ticket_type = fields.optional::<TicketTypeId>("ticketTypeId");
    let from = fields.time("from");
    let cursor = fields.cursor::<K>();
    let limit = fields.limit();
    let (q, ticket_type, from, cursor, limit) = fields.finish((|| Some((q?, ticket_type?, from?, cursor?, limit?)))())?;
    let mut parameters = vec![format!("limit={limit}")];
    parameters.extend(q.filter(|q| !q.as_str().is_empty()).map(|q| format!("q={}", percent_encoded(q.as_str()))));
    parameters.extend(ticket_type.map(|id| format!("ticketTypeId={id}")));
    parameters.extend(from.map(|from| format!("from={}", from.to_rfc3339_opts(SecondsFormat::Micros, true))));
    parameters.extend(cursor.map(|cursor| format!("cursor={}", encode_cursor(&cursor))));
    Ok(parameters)
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
}
