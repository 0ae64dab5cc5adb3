//! Tells people once about a wish, although each of its entries has messages of its own.

use serde::Deserialize;
use serde_json::Value;

use super::Envelope;
use crate::ids::{MessageId, WishId};

/// The wish of an entry. Absent if it belongs to none.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WishData {
    wish_id: Option<WishId>,
    #[serde(default)]
    preference: u16,
}

/// Returns whether the account is told about the first choice of the wish instead of this entry.
pub(super) fn is_told_by_first_choice(data: &Value) -> Result<bool, serde_json::Error> {
    Ok(WishData::deserialize(data)?.preference > 0)
}

/// Returns the identity under which a message is delivered. The entries of a wish are closed one by one, in any order, and each has a
/// message. All of them have the same identity, so that the account is told once.
pub(super) fn delivery_id(envelope: &Envelope) -> Result<MessageId, serde_json::Error> {
    let wish = if envelope.r#type == "waitlist.closed" { WishData::deserialize(&envelope.data)?.wish_id } else { None };
    Ok(wish.map_or(envelope.id, |wish| MessageId::from_uuid(wish.as_uuid())))
}
