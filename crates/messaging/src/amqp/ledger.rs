//! The account of a batch: which delivery tag is which message, and what became of it. No I/O.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// What became of a published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The broker has it.
    Confirmed,
    /// The broker would not take it (`basic.nack`), or it could not be sent as it is.
    Refused {
        /// Why.
        reason: String,
    },
    /// It was mandatory and no queue takes its routing key.
    Returned {
        /// The broker's code and text.
        reason: String,
    },
}

#[derive(Debug)]
struct Pending {
    index: usize,
    returned: Option<String>,
}

/// Tags are given out in the order of publishing, and answers name tags, so both sides can be matched.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    settled: Vec<Option<Settlement>>,
    pending: BTreeMap<u64, Pending>,
    /// Tags of the mandatory messages with an id, oldest first: a return names the id, not the tag.
    by_message_id: HashMap<String, VecDeque<u64>>,
}

impl Ledger {
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
        self.answered(tag, multiple, &Settlement::Confirmed);
    }

    pub(super) fn nacked(&mut self, tag: u64, multiple: bool) {
        self.answered(tag, multiple, &Settlement::Refused { reason: "the broker refused it (basic.nack)".to_owned() });
    }

    fn answered(&mut self, tag: u64, multiple: bool, settlement: &Settlement) {
        let answered = if multiple {
            let later = self.pending.split_off(&tag.saturating_add(1));
            std::mem::replace(&mut self.pending, later).into_values().collect()
        } else {
            Vec::from_iter(self.pending.remove(&tag))
        };
        for Pending { index, returned } in answered {
            let settlement = returned.map_or_else(|| settlement.clone(), |reason| Settlement::Returned { reason });
            self.settle(index, settlement);
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }

    /// One settlement for each message, in their order.
    pub(super) fn into_settlements(self) -> Vec<Settlement> {
        let unknown = || Settlement::Refused { reason: "it was not sent".to_owned() };
        self.settled.into_iter().map(|settlement| settlement.unwrap_or_else(unknown)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(ids: &[&str]) -> Ledger {
        let mut ledger = Ledger::new(ids.len());
        for (index, (tag, id)) in (10..).zip(ids).enumerate() {
            ledger.published(index, tag, Some(id));
        }
        ledger
    }

    fn short(ledger: Ledger) -> String {
        ledger.into_settlements().iter().map(|s| format!("{s:?}").chars().take(3).collect::<String>()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_multiple_ack_settles_all_up_to_its_tag() {
        let mut ledger = ledger(&["a", "b", "c", "d"]);
        ledger.acked(12, true);
        assert!(!ledger.is_settled());
        ledger.nacked(13, false);
        assert!(ledger.is_settled());
        assert_eq!(short(ledger), "Con Con Con Ref");
    }

    #[test]
    fn a_returned_message_is_not_confirmed_by_the_ack_that_follows() {
        let mut ledger = ledger(&["a", "b", "c"]);
        ledger.returned("b", "312 NO_ROUTE".to_owned());
        ledger.acked(12, true);
        assert_eq!(short(ledger), "Con Ret Con");
    }

    #[test]
    fn of_two_messages_with_one_id_the_first_is_returned_first() {
        let mut ledger = ledger(&["a", "a"]);
        ledger.returned("a", "312".to_owned());
        ledger.acked(10, false);
        ledger.acked(11, false);
        assert_eq!(short(ledger), "Ret Con");
    }

    #[test]
    fn answers_for_unknown_tags_and_ids_change_nothing() {
        let mut ledger = ledger(&["a"]);
        ledger.acked(9, true);
        ledger.acked(99, false);
        ledger.returned("z", "312".to_owned());
        assert!(!ledger.is_settled());
    }
}
