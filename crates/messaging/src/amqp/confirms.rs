//! Matches the publisher confirms of a batch with its messages. No I/O.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// The result of publishing a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The broker confirmed the message.
    Confirmed,
    /// The broker rejected the message (`basic.nack`), or the message is invalid and was not sent.
    Refused {
        /// The reason.
        reason: String,
    },
    /// The message was mandatory, and no queue is bound to its routing key.
    Returned {
        /// The broker's reply code and text.
        reason: String,
    },
}

#[derive(Debug)]
struct Pending {
    index: usize,
    returned: Option<String>,
}

/// Tracks which messages of a batch have been settled. Delivery tags are assigned in publishing order and confirms name tags,
/// so each confirm can be matched with its message.
#[derive(Debug, Default)]
pub(super) struct ConfirmTracker {
    settled: Vec<Option<Settlement>>,
    pending: BTreeMap<u64, Pending>,
    /// Tags of the mandatory messages by message id, oldest first, because a return names the id and not the tag.
    by_message_id: HashMap<String, VecDeque<u64>>,
}

impl ConfirmTracker {
    pub(super) fn new(messages: usize) -> Self {
        Self { settled: vec![None; messages], ..Self::default() }
    }

    pub(super) fn published(&mut self, index: usize, tag: u64, mandatory_id: Option<&str>) {
        self.pending.insert(tag, Pending { index, returned: None });
        if let Some(id) = mandatory_id {
            self.by_message_id.entry(id.to_owned()).or_default().push_back(tag);
        }
    }

    pub(super) fn settle(&mut self, index: usize, settlement: Settlement) {
        if let Some(slot) = self.settled.get_mut(index) {
            *slot = Some(settlement);
        }
    }

    pub(super) fn returned(&mut self, message_id: &str, reason: String) {
        let tag = self.by_message_id.get_mut(message_id).and_then(VecDeque::pop_front);
        if let Some(pending) = tag.and_then(|tag| self.pending.get_mut(&tag)) {
            pending.returned = Some(reason);
        }
    }

    pub(super) fn acked(&mut self, tag: u64, multiple: bool) {
        self.settle_tags(tag, multiple, &Settlement::Confirmed);
    }

    pub(super) fn nacked(&mut self, tag: u64, multiple: bool) {
        self.settle_tags(tag, multiple, &Settlement::Refused { reason: "RabbitMQ rejected the message (basic.nack)".to_owned() });
    }

    fn settle_tags(&mut self, tag: u64, multiple: bool, settlement: &Settlement) {
        let confirmed = if multiple {
            let later = self.pending.split_off(&tag.saturating_add(1));
            std::mem::replace(&mut self.pending, later).into_values().collect()
        } else {
            Vec::from_iter(self.pending.remove(&tag))
        };
        for Pending { index, returned } in confirmed {
            let settlement = returned.map_or_else(|| settlement.clone(), |reason| Settlement::Returned { reason });
            self.settle(index, settlement);
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }

    /// Returns one settlement per message, in publishing order.
    pub(super) fn into_settlements(self) -> Vec<Settlement> {
        let unknown = || Settlement::Refused { reason: "the message was not sent".to_owned() };
        self.settled.into_iter().map(|settlement| settlement.unwrap_or_else(unknown)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracker(ids: &[&str]) -> ConfirmTracker {
        let mut tracker = ConfirmTracker::new(ids.len());
        for (index, (tag, id)) in (10..).zip(ids).enumerate() {
            tracker.published(index, tag, Some(id));
        }
        tracker
    }

    fn summary(tracker: ConfirmTracker) -> String {
        tracker.into_settlements().iter().map(|s| format!("{s:?}").chars().take(3).collect::<String>()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_multiple_ack_settles_all_messages_up_to_its_tag() {
        let mut tracker = tracker(&["a", "b", "c", "d"]);
        tracker.acked(12, true);
        assert!(!tracker.is_settled());
        tracker.nacked(13, false);
        assert!(tracker.is_settled());
        assert_eq!(summary(tracker), "Con Con Con Ref");
    }

    #[test]
    fn a_returned_message_is_not_confirmed_by_the_ack_that_follows() {
        let mut tracker = tracker(&["a", "b", "c"]);
        tracker.returned("b", "312 NO_ROUTE".to_owned());
        tracker.acked(12, true);
        assert_eq!(summary(tracker), "Con Ret Con");
    }

    #[test]
    fn of_two_messages_with_one_id_the_first_is_returned_first() {
        let mut tracker = tracker(&["a", "a"]);
        tracker.returned("a", "312".to_owned());
        tracker.acked(10, false);
        tracker.acked(11, false);
        assert_eq!(summary(tracker), "Ret Con");
    }

    #[test]
    fn confirms_of_unknown_tags_and_ids_change_nothing() {
        let mut tracker = tracker(&["a"]);
        tracker.acked(9, true);
        tracker.acked(99, false);
        tracker.returned("z", "312".to_owned());
        assert!(!tracker.is_settled());
    }
}
