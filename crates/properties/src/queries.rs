//! Query strings, and the cursors of every list in them.

use chrono::SecondsFormat;
use rowlock_domain::ids::{AccountId, TicketTypeId};
use rowlock_domain::text::SearchTerm;
use rowlock_http::problem::Problem;
use rowlock_http::{QueryFields, encode_cursor};
use rowlock_inventory::queries::EventCursor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bodies::check_refusal;

/// Any text as a query string, read as each list reads its own: what is understood is written and read back as the same,
/// and what is refused is named. Tells whether any list accepted it.
///
/// # Panics
///
/// When that does not hold.
pub fn query_string(query: &str) -> bool {
    // The cursors of accounts, bookings and waiting-list entries are ids, that of a waiting list two numbers.
    let accepted = [each::<AccountId>(query), each::<(i16, i64)>(query), each::<EventCursor>(query)];
    accepted.contains(&true)
}

fn each<K: Serialize + DeserializeOwned>(query: &str) -> bool {
    let read_first = read::<K>(query);
    match &read_first {
        Ok(parameters) => {
            let written = parameters.join("&");
            match read::<K>(&written) {
                Ok(again) => assert_eq!(*parameters, again),
                Err(problem) => panic!("{written} was written and is refused: {problem:?}"),
            }
        }
        Err(problem) => check_refusal(problem),
    }
    read_first.is_ok()
}

/// Reads a query string that has every kind of parameter, and tells what was understood, a parameter each.
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
