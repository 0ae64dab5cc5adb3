//! The part of an `event.updated` message that says which details of the event changed.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The value of a field before and after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change<T> {
    /// The previous value.
    pub from: T,
    /// The new value.
    pub to: T,
}

impl<T: PartialEq + Clone> Change<T> {
    /// Returns the change between two values, or `None` if they are equal.
    pub fn between(from: &T, to: &T) -> Option<Self> {
        (from != to).then(|| Self { from: from.clone(), to: to.clone() })
    }
}

/// The changes of those details of an event that matter to the holders of its tickets. A field that did not change is absent.
///
/// ```
/// use rowlock_domain::messages::{Change, EventChanges};
///
/// let changes = EventChanges { venue: Change::between(&None, &Some("The hall".to_owned())), ..EventChanges::default() };
/// assert_eq!(serde_json::to_string(&changes)?, r#"{"venue":{"from":null,"to":"The hall"}}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventChanges {
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Change<String>>,
    /// The venue, `None` if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub venue: Option<Change<Option<String>>>,
    /// The start, `None` if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Change<Option<Timestamp>>>,
    /// The name of the time zone in which people read the times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Change<String>>,
}

impl EventChanges {
    /// Returns whether none of the details changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
