//! Tests that the audit detects violations about parties that take fewer tickets than they ask for.

use super::history::*;
use super::{assert_detected, violated_rules};
use crate::audit::Evidence;
use crate::messages::MessageContent;
use crate::request_log::Operation;

const RULE: &str = "tickets are allocated by the rule, in waiting-list order";
const ENTRIES: &str = "every waiting-list entry reported to a client is stored";

/// Ben asked for three tickets and takes two, and so he gets the two that Ada cancels.
fn ben_takes_fewer(evidence: &mut Evidence) {
    let size = |operation: &mut Operation| {
        if let Operation::Book { quantity, min_quantity, .. } = operation {
            (*quantity, *min_quantity) = (3, 2);
        }
    };
    size(&mut evidence.requests[2].operation);
    let told = entry(BEN_WAITS, 3, "waiting").to_string().replace("\"minQuantity\":3", "\"minQuantity\":2");
    evidence.requests[2].attempts[0].result.as_mut().unwrap().body.clone_from(&told);
    evidence.tables.keys[2].response = told;
    evidence.tables.entries[0].quantity = 3;
    evidence.tables.entries[0].min_quantity = Some(2);
    evidence.deliveries[2].content = MessageContent::Joined { entry: ticket(BEN_WAITS, BEN, 3), min_quantity: 2, number: 1 };
    evidence.deliveries[6].content = promoted(2, 3);
}

fn promoted(given: u32, requested: u32) -> MessageContent {
    MessageContent::Promoted { entry: ticket(BEN_WAITS, BEN, given), requested, number: 1, booking: PROMOTED }
}

#[track_caller]
fn assert_detected_with_fewer(rule: &str, change: impl FnOnce(&mut Evidence)) {
    assert_detected(rule, |evidence| {
        ben_takes_fewer(evidence);
        change(evidence);
    });
}

#[test]
fn a_party_that_takes_fewer_gets_what_was_returned() {
    assert_eq!(violated_rules(ben_takes_fewer), Vec::<&str>::new());
    assert_detected_with_fewer(RULE, |evidence| evidence.deliveries[6].content = promoted(1, 3));
    assert_detected_with_fewer(RULE, |evidence| evidence.deliveries[6].content = promoted(2, 2));
    // The tickets are released although he would take them.
    assert_detected_with_fewer(RULE, |evidence| evidence.deliveries[6].content = MessageContent::Reallocated { promoted: 0, leftover: 2 });
    // He takes no fewer than three.
    assert_detected_with_fewer(RULE, |evidence| {
        evidence.deliveries[2].content = MessageContent::Joined { entry: ticket(BEN_WAITS, BEN, 3), min_quantity: 3, number: 1 };
    });
}

#[test]
fn a_party_that_would_take_what_is_left_does_not_wait() {
    assert_detected_with_fewer(RULE, |evidence| {
        // One ticket is left when Ben joins.
        evidence.deliveries[1].content = MessageContent::Joined { entry: ticket(CHLOE_WAITS, CHLOE, 2), min_quantity: 1, number: 1 };
    });
    assert_detected_with_fewer("no entry waits for available tickets", |evidence| {
        evidence.tables.entries[1].status = "waiting".to_owned();
        evidence.tables.entries[1].quantity = 9;
        evidence.tables.entries[1].min_quantity = Some(2);
    });
}

#[test]
fn a_lost_minimum_is_detected() {
    assert_detected_with_fewer(ENTRIES, |evidence| evidence.tables.entries[0].min_quantity = None);
    assert_detected_with_fewer(ENTRIES, |evidence| {
        if let Operation::Book { min_quantity, .. } = &mut evidence.requests[2].operation {
            *min_quantity = 1;
        }
    });
}

#[test]
fn a_request_that_takes_fewer_gets_all_that_is_left() {
    let ask = |evidence: &mut Evidence, index: usize, most: u32, least: u32| {
        if let Operation::Book { quantity, min_quantity, .. } = &mut evidence.requests[index].operation {
            (*quantity, *min_quantity) = (most, least);
        }
    };
    // Ben got the last ticket.
    assert_eq!(violated_rules(|evidence| ask(evidence, 1, 3, 1)), Vec::<&str>::new());
    // Ada got two tickets while a third was left.
    assert_detected(RULE, |evidence| ask(evidence, 0, 3, 1));
    assert_detected("every booking reported to a client is stored", |evidence| ask(evidence, 1, 3, 2));
}
