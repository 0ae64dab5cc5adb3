//! Tests that the audit detects violations: a consistent history, and each kind of violation planted in it.

mod history;
mod minimums;
mod transfers;

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::http::SendError;
use crate::messages::{MessageContent, TicketClaim};
use crate::request_log::Operation;
use crate::tables::KeyRow;
use history::*;

/// Returns the rules that are violated after a change to the consistent history.
fn violated_rules(change: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    let mut evidence = consistent_history();
    change(&mut evidence);
    let mut rules: Vec<_> = audit(&evidence).violations.iter().map(|violation| violation.rule).collect();
    rules.dedup();
    rules
}

#[track_caller]
fn assert_detected(rule: &str, change: impl FnOnce(&mut Evidence)) {
    let found = violated_rules(change);
    assert!(found.contains(&rule), "the audit did not find a violation of `{rule}`, but of {found:?}");
}

#[test]
fn a_consistent_history_has_no_violations() {
    let verdict = audit(&consistent_history());

    assert_eq!(verdict.violations, []);
    assert_eq!((verdict.audited_responses, verdict.replayed), (8, 10));
    assert_eq!((verdict.told, verdict.unclear, verdict.overtaken, verdict.handed_on), (4, 1, 1, 2));
    // Two tickets, from the cancellation to the promotion.
    assert_eq!(verdict.delays, [2_000, 2_000]);
}

#[test]
fn a_lost_booking_is_detected() {
    assert_detected("every booking reported to a client is stored", |evidence| {
        evidence.tables.bookings.retain(|row| row.id != SECOND);
    });
    assert_detected("every booking reported to a client is stored", |evidence| evidence.tables.bookings[1].quantity = 2);
    assert_detected("every booking reported to a client is stored", |evidence| evidence.tables.bookings[1].status = "cancelled".to_owned());
    assert_detected("every booking reported to a client is stored", |evidence| evidence.tables.bookings[1].account_id = CHLOE);
}

#[test]
fn a_queue_log_that_is_not_in_order_or_incomplete_is_detected() {
    let rule = "every queue log is in order, and nobody was skipped";
    let rewrite = |evidence: &mut Evidence, changes: &[rowlock_domain::queue_log::QueueChange]| {
        let (rows, head) = queue_log(changes);
        evidence.tables.queue_log = rows;
        (evidence.tables.types[0].queue_position, evidence.tables.types[0].queue_hash) = (head.position, Some(head.hash));
    };
    assert_detected(rule, |evidence| _ = evidence.tables.queue_log.pop());
    assert_detected(rule, |evidence| evidence.tables.queue_log.swap(0, 1));
    assert_detected(rule, |evidence| evidence.tables.queue_log[0].record.change.quantity = Some(1));
    assert_detected(rule, |evidence| evidence.tables.types[0].queue_hash = None);
    let [first, second, promoted, left] = queue_changes();
    // Chloe gets a ticket before Ben, who came first.
    let unfair = rowlock_domain::queue_log::QueueChange::promoted(2, 1, 2, 4);
    assert_detected(rule, |evidence| rewrite(evidence, &[first, second, unfair]));
    let rule = "every queue log is complete";
    assert_detected(rule, |evidence| rewrite(evidence, &[first, second, promoted]));
    assert_detected(rule, |evidence| rewrite(evidence, &[first, promoted]));
    assert_detected(rule, |evidence| rewrite(evidence, &[first, second, left]));
    assert_detected(rule, |evidence| evidence.tables.types.clear());
}

#[test]
fn a_lost_cancellation_is_detected() {
    assert_detected("every cancellation reported to a client is stored", |evidence| {
        evidence.tables.bookings[0].status = "confirmed".to_owned();
    });
    assert_detected("every cancellation reported to a client is stored", |evidence| {
        // A partial cancellation was requested, but the whole booking was cancelled.
        evidence.requests[5].operation = Operation::Cancel { event: EVENT, booking: FIRST, quantity: Some(1) };
    });
}

#[test]
fn a_lost_waiting_list_entry_is_detected() {
    assert_detected("every waiting-list entry reported to a client is stored", |evidence| evidence.tables.entries.clear());
    assert_detected("every waiting-list entry reported to a client is stored", |evidence| {
        evidence.tables.entries[1].status = "waiting".to_owned();
    });
}

#[test]
fn an_incorrect_change_of_an_entry_is_detected() {
    let rule = "tickets are allocated by the rule, in waiting-list order";
    // Ben's entry is changed in place of the cancellation; the following messages no longer fit.
    let changed = |entry: TicketClaim, before, number| {
        move |evidence: &mut Evidence| {
            let min_quantity = entry.quantity;
            evidence.deliveries[4] = message(5, MessageContent::Changed { entry, min_quantity, before, number });
        }
    };
    assert_detected(rule, changed(ticket(BEN_WAITS, BEN, 1), 3, 1));
    assert_detected(rule, changed(ticket(BEN_WAITS, BEN, 1), 2, 3));
    assert_detected(rule, changed(ticket(BEN_WAITS, BEN, 3), 2, 1));
    assert_detected(rule, changed(ticket(UNKNOWN_ID, BEN, 1), 2, 1));
    // An account waits twice.
    assert_detected(rule, |evidence| {
        evidence.deliveries[3].content = MessageContent::Joined { entry: ticket(CHLOE_WAITS, BEN, 1), min_quantity: 1, number: 2 }
    });
    assert_detected("every waiting-list entry reported to a client is stored", |evidence| evidence.tables.entries[1].quantity = 2);
}

#[test]
fn a_lost_account_is_detected() {
    assert_detected("every account reported to a client is stored", |evidence| evidence.tables.accounts.clear());
}

#[test]
fn a_lost_capacity_change_is_detected() {
    assert_detected("every capacity reported to the administrator is stored", |evidence| {
        evidence.tables.types[0].capacity = 4;
        evidence.tables.types[0].available = 1;
    });
}

#[test]
fn overselling_is_detected() {
    assert_detected("no ticket type is oversold", |evidence| evidence.tables.bookings[1].quantity = 4);
    assert_detected("tickets are allocated by the rule, in waiting-list order", |evidence| {
        evidence.deliveries[2].content = MessageContent::Confirmed(ticket(UNKNOWN_ID, CHLOE, 1));
    });
}

#[test]
fn an_incorrect_counter_is_detected() {
    let rule = "the counters of every ticket type are consistent";
    assert_detected(rule, |evidence| evidence.tables.types[0].available += 1);
    assert_detected(rule, |evidence| evidence.tables.types[0].booked += 1);
    assert_detected(rule, |evidence| evidence.tables.types[0].waiting += 1);
    assert_detected(rule, |evidence| {
        evidence.tables.types[0].available = -1;
        evidence.tables.types[0].held = 3;
    });
    assert_detected("the stored state matches the messages", |evidence| {
        evidence.tables.types[0].available -= 1;
        evidence.tables.types[0].capacity -= 1;
    });
}

#[test]
fn a_forgotten_waiting_list_entry_is_detected() {
    let rule = "no entry waits for available tickets";
    assert_detected(rule, |evidence| {
        evidence.tables.types[0].held = 1;
        evidence.tables.types[0].available = 1;
    });
    assert_detected(rule, |evidence| {
        evidence.tables.entries[1].status = "waiting".to_owned();
        evidence.tables.types[0].waiting = 1;
    });
}

#[test]
fn an_exceeded_account_limit_is_detected() {
    assert_detected("no account exceeds the per-account limit", |evidence| evidence.tables.types[0].max_per_account = Some(2));
    assert_detected("tickets are allocated by the rule, in waiting-list order", |evidence| evidence.sales[0].per_account = Some(2));
}

#[test]
fn an_out_of_order_promotion_is_detected() {
    let rule = "tickets are allocated by the rule, in waiting-list order";
    assert_detected(rule, |evidence| {
        evidence.deliveries[6].content =
            MessageContent::Promoted { entry: ticket(CHLOE_WAITS, CHLOE, 1), requested: 1, number: 2, booking: PROMOTED };
    });
    // Held tickets are booked directly by another account.
    assert_detected(rule, |evidence| evidence.deliveries[6].content = MessageContent::Confirmed(ticket(UNKNOWN_ID, CHLOE, 1)));
    // Leftover tickets are released although an entry waits for them.
    assert_detected(rule, |evidence| evidence.deliveries[6].content = MessageContent::Reallocated { promoted: 0, leftover: 2 });
    // An entry joins although tickets are available.
    assert_detected(rule, |evidence| {
        evidence.deliveries[1].content = MessageContent::Joined { entry: ticket(BEN_WAITS, BEN, 1), min_quantity: 1, number: 1 }
    });
    // A number is assigned twice.
    assert_detected(rule, |evidence| {
        evidence.deliveries[3].content = MessageContent::Joined { entry: ticket(CHLOE_WAITS, CHLOE, 1), min_quantity: 1, number: 1 }
    });
    assert_detected(rule, |evidence| evidence.deliveries[7].content = MessageContent::Reallocated { promoted: 1, leftover: 0 });
}

#[test]
fn a_lost_message_is_detected() {
    let rule = "every message is delivered at least once";
    assert_detected(rule, |evidence| {
        evidence.deliveries.remove(6);
    });
    assert_detected(rule, |evidence| evidence.tables.types[0].version = 11);
    assert_detected(rule, |evidence| evidence.deliveries.retain(|message| message.ticket_type.is_some()));
}

#[test]
fn an_out_of_order_message_is_detected() {
    assert_detected("the messages of a ticket type are delivered in order", |evidence| evidence.deliveries.swap(5, 6));
}

#[test]
fn a_message_that_violates_its_contract_is_detected() {
    let rule = "every message conforms to its contract";
    assert_detected(rule, |evidence| evidence.unreadable.push("nonsense".to_owned()));
    assert_detected(rule, |evidence| evidence.deliveries.push(message(5, MessageContent::Released)));
    assert_detected(rule, |evidence| evidence.tables.types[0].version = 9);
    assert_detected(rule, |evidence| evidence.deliveries.push(Message { event: UNKNOWN_ID, ..message(1, MessageContent::Event) }));
}

#[test]
fn somebody_who_is_not_told_once_is_detected() {
    let told = "everybody is told once about each change of their tickets, or an operator sees that it is unclear";
    assert_detected(told, |evidence| evidence.tables.mails.retain(|row| row.message_id != message_id(7)));
    assert_detected(told, |evidence| evidence.tables.mails[0].status = "failed".to_owned());
    assert_detected(told, |evidence| evidence.tables.mails[5].status = "sent".to_owned());
    assert_detected(told, |evidence| {
        // No later change of Ben's booking has overtaken the mail about it.
        evidence.tables.mails[1].status = "skipped".to_owned();
        evidence.mails_taken.remove(0);
    });
    assert_detected("no mail is sent twice", |evidence| evidence.mails_taken.push(evidence.mails_taken[0]));
    assert_detected("nobody is told what did not happen", |evidence| evidence.tables.mails[0].recipient = BEN);
    assert_detected("nobody is told what did not happen", |evidence| evidence.unknown_mails.push("no Message-ID".to_owned()));
}

#[test]
fn a_message_that_a_webhook_did_not_get_is_detected() {
    assert_detected("every message that a webhook is for is handed to its receiver", |evidence| {
        evidence.webhook_messages.remove(&message_id(7));
    });
    assert_detected("nobody is told what did not happen", |evidence| {
        evidence.webhook_messages.insert(UNKNOWN_ID);
    });
}

#[test]
fn an_undelivered_message_is_detected() {
    assert_detected("no message is dead-lettered", |evidence| evidence.dead_letters = 1);
    assert_detected("the outbox is empty", |evidence| evidence.tables.outbox = 1);
    assert_detected("the outbox is empty", |evidence| evidence.tables.outbox_failed = 1);
}

#[test]
fn a_second_effect_of_an_idempotency_key_is_detected() {
    let rule = "each idempotency key takes effect once";
    assert_detected(rule, |evidence| {
        let again = booking_row(UNKNOWN_ID, BEN, 1, "cancelled", "direct");
        evidence.tables.bookings.push(again);
    });
    assert_detected(rule, |evidence| evidence.tables.entries.push(entry_row(UNKNOWN_ID, CHLOE, 1, 3, "left", None)));
    assert_detected(rule, |evidence| {
        let other = response(201, &booking(UNKNOWN_ID, 1, "confirmed"));
        evidence.requests[1].attempts.push(attempt(Ok(other)));
    });
    assert_detected(rule, |evidence| {
        evidence.tables.keys.remove(0);
    });
    assert_detected(rule, |evidence| evidence.tables.keys[0].response.push(' '));
    // Chloe's request was rejected but took effect.
    assert_detected(rule, |evidence| {
        let response = booking(UNKNOWN_ID, 4, "confirmed").to_string();
        evidence.tables.keys.push(KeyRow { event_id: EVENT, account_id: CHLOE, key: "k5".to_owned(), status: 201, response });
    });
    // The response said that nothing was changed, and the client gave up.
    assert_detected(rule, |evidence| {
        let unavailable = response(503, &json!({"code": "unavailable"}));
        evidence.requests[1].attempts = vec![attempt(Ok(unavailable))];
        evidence.requests[1].probe = true;
    });
}

#[test]
fn a_request_with_unknown_outcome_may_have_taken_effect_or_not() {
    let found = violated_rules(|evidence| {
        let unknown = response(503, &json!({"code": "outcome-unknown"}));
        evidence.requests[1].attempts = vec![attempt(Ok(unknown))];
        evidence.requests[1].probe = true;
    });

    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_request_that_times_out_or_fails_is_detected() {
    let rule = "every request receives a valid response before its timeout";
    assert_detected(rule, |evidence| evidence.requests[0].attempts.insert(0, attempt(Err(SendError::Timeout))));
    assert_detected(rule, |evidence| evidence.requests[4].attempts = vec![attempt(Err(SendError::ConnectionFailed("reset".to_owned())))]);
    for (status, code) in [(500, "internal-error"), (401, "unauthenticated"), (404, "booking-not-found"), (503, "no problem document")] {
        assert_detected(rule, |evidence| {
            evidence.requests[0].attempts.insert(0, attempt(Ok(response(status, &json!({"code": code})))));
        });
    }
    assert_detected(rule, |evidence| evidence.registrations.violations.push("a login was rejected".to_owned()));
}

#[test]
fn a_request_that_fails_during_a_shutdown_is_detected() {
    let rule = "no request fails while a service shuts down";
    for result in [Ok(response(503, &json!({"code": "outcome-unknown"}))), Err(SendError::ConnectionFailed("reset".to_owned()))] {
        assert_detected(rule, |evidence| {
            let lost = attempt(result);
            evidence.shutdowns.push(ShutdownInterval { from: lost.sent, until: lost.ended + Duration::from_secs(1) });
            evidence.requests[0].attempts.insert(0, lost);
        });
    }
}

#[test]
fn a_wish_with_two_bookings_or_an_open_entry_after_the_first_is_detected() {
    let rule = "a wish becomes at most one booking, which ends its other entries";
    let one_wish = |evidence: &mut Evidence| {
        for row in &mut evidence.tables.entries {
            row.wish_id = Some(UNKNOWN_ID);
        }
    };
    // Ben's entry was promoted and Chloe's left, as if both were one wish.
    assert!(!violated_rules(one_wish).contains(&rule));
    assert_detected(rule, |evidence| {
        one_wish(evidence);
        evidence.tables.entries[1].booking_id = Some(SECOND);
    });
    assert_detected(rule, |evidence| {
        one_wish(evidence);
        evidence.tables.entries[1].status = "waiting".to_owned();
    });
}
