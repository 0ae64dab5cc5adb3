//! Tests of the verifier on short logs. Random histories are in the tests of the allocation rule.

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::allocation::PartySize;
use crate::ids::{EventId, TicketTypeId};

fn key() -> TypeKey {
    TypeKey { event: EventId::from_uuid(Uuid::from_u128(1)), ticket_type: TicketTypeId::from_uuid(Uuid::from_u128(2)) }
}

fn size(min_quantity: u32, quantity: u32) -> PartySize {
    PartySize { quantity, min_quantity }
}

fn joined(number: i64, min_quantity: u32, quantity: u32) -> QueueChange {
    QueueChange::waits(QueueLogKind::Joined, number, size(min_quantity, quantity))
}

/// Returns the log of these changes.
fn log(changes: &[QueueChange]) -> Vec<QueueLogRecord> {
    let mut head = QueueLogHead::START;
    changes.iter().map(|change| head.append(key(), DateTime::UNIX_EPOCH, *change)).collect()
}

fn verify(records: &[QueueLogRecord]) -> Result<QueueLogReport, Violation> {
    let mut verifier = QueueLogVerifier::new(key());
    records.iter().try_for_each(|record| verifier.push(record))?;
    let head = verifier.head();
    verifier.finish(head)
}

/// Verifies the log of these changes, whose hashes match.
fn replay(changes: &[QueueChange]) -> Result<QueueLogReport, Violation> {
    verify(&log(changes))
}

#[test]
fn a_log_in_order_is_summed_up() {
    let of = QueueChange::of;
    let changes = [
        joined(1, 3, 4),
        joined(2, 1, 2),
        joined(3, 1, 1),
        joined(4, 2, 2),
        // Number 1 takes at least three tickets, so the two go to number 2.
        QueueChange::promoted(2, 2, 2, 10),
        of(QueueLogKind::Left, 3),
        QueueChange::waits(QueueLogKind::Changed, 1, size(2, 3)),
        QueueChange::moved(4, 5, size(2, 6)),
        // The limit is lower than what is free.
        QueueChange::promoted(1, 2, 9, 2),
        of(QueueLogKind::Closed, 5),
        QueueChange::waits(QueueLogKind::Reopened, 5, size(2, 6)),
    ];
    let report = replay(&changes).unwrap();
    let figures = (report.records, report.entries, report.promotions, report.tickets, report.ended, report.waiting, report.restarts);
    assert_eq!(figures, (11, 4, 2, 4, 1, 1, 0));
    assert_eq!(replay(&[]).unwrap().head, QueueLogHead::START);
}

#[test]
fn an_entry_that_was_skipped_is_named() {
    let error = replay(&[joined(1, 2, 4), joined(2, 1, 1), QueueChange::promoted(2, 1, 3, 10)]).unwrap_err();
    assert_eq!(error, Violation::Skipped { position: 3, number: 2, skipped: 1, min_quantity: 2, room: 3 });
    let sentence = "record 3 promotes number 2 and skips number 1, which came first and takes 2 of the 3 tickets that it could get";
    assert_eq!(error.to_string(), sentence);
    // Too few tickets, or a limit per booking that is too low, are reasons to pass over an entry.
    for (free, max) in [(1, 10), (3, 1)] {
        assert!(replay(&[joined(1, 2, 4), joined(2, 1, 1), QueueChange::promoted(2, 1, free, max)]).is_ok());
    }
}

#[test]
fn whatever_breaks_the_rules_of_the_queue_is_found() {
    let of = QueueChange::of;
    let (one, two) = (joined(1, 1, 2), joined(2, 1, 2));
    let not_waiting = |position, kind, number| Violation::NotWaiting { position, kind, number };
    let cases: [(&[QueueChange], Violation); 16] = [
        (&[two, one], Violation::NumberNotHigher { position: 2, number: 1, highest: 2 }),
        (&[one, one], Violation::NumberNotHigher { position: 2, number: 1, highest: 1 }),
        (&[one, two, QueueChange::moved(1, 2, size(1, 3))], Violation::NumberNotHigher { position: 3, number: 2, highest: 2 }),
        (&[of(QueueLogKind::Left, 1)], not_waiting(1, QueueLogKind::Left, 1)),
        (&[one, of(QueueLogKind::Left, 1), QueueChange::promoted(1, 2, 2, 9)], not_waiting(3, QueueLogKind::Promoted, 1)),
        (&[one, QueueChange::promoted(1, 2, 2, 9), QueueChange::promoted(1, 2, 2, 9)], not_waiting(3, QueueLogKind::Promoted, 1)),
        (&[one, QueueChange::promoted(1, 1, 2, 9)], Violation::WrongQuantity { position: 2, number: 1, given: 1, due: 2 }),
        (&[one, QueueChange::promoted(1, 2, 1, 9)], Violation::WrongQuantity { position: 2, number: 1, given: 2, due: 1 }),
        (&[joined(1, 2, 2), QueueChange::promoted(1, 1, 1, 9)], Violation::TooLarge { position: 2, number: 1, min_quantity: 2, room: 1 }),
        (&[one, QueueChange::waits(QueueLogKind::Changed, 1, size(1, 3))], Violation::GrewInPlace { position: 2, number: 1 }),
        (
            &[one, of(QueueLogKind::Left, 1), QueueChange::waits(QueueLogKind::Reopened, 1, size(1, 2))],
            Violation::NotClosed { position: 3, number: 1 },
        ),
        (&[one, QueueChange::waits(QueueLogKind::Listed, 2, size(1, 1))], Violation::ListedOutOfPlace(2)),
        (&[joined(1, 3, 2)], Violation::Malformed(1)),
        (&[joined(1, 0, 2)], Violation::Malformed(1)),
        (&[joined(0, 1, 2)], Violation::Malformed(1)),
        (&[QueueChange { free: Some(1), ..one }], Violation::Malformed(1)),
    ];
    for (changes, violation) in cases {
        assert_eq!(replay(changes), Err(violation), "{changes:?}");
    }
}

#[test]
fn a_log_that_starts_anew_lists_the_entries_that_wait() {
    let listed = |number, min, quantity| QueueChange::waits(QueueLogKind::Listed, number, size(min, quantity));
    let start = [joined(1, 1, 1), QueueChange::of(QueueLogKind::Restarted, 9), listed(4, 2, 2), listed(7, 1, 1)];
    let go_on = |changes: &[QueueChange]| replay(&[start.as_slice(), changes].concat());
    let report = go_on(&[QueueChange::promoted(4, 2, 3, 9), joined(10, 1, 1)]).unwrap();
    assert_eq!((report.restarts, report.entries, report.waiting), (1, 4, 2));
    assert!(matches!(go_on(&[QueueChange::promoted(7, 1, 3, 9)]), Err(Violation::Skipped { skipped: 4, .. })));
    assert!(matches!(go_on(&[QueueChange::of(QueueLogKind::Left, 1)]), Err(Violation::NotWaiting { .. })));
    assert!(matches!(go_on(&[joined(9, 1, 1)]), Err(Violation::NumberNotHigher { .. })));
    for late in [listed(6, 1, 1), listed(10, 1, 1)] {
        assert_eq!(go_on(&[late]), Err(Violation::ListedOutOfPlace(5)));
    }
    // An entry that was closed before may be reopened.
    assert!(go_on(&[QueueChange::waits(QueueLogKind::Reopened, 2, size(1, 1))]).is_ok());
}

#[test]
fn a_record_that_was_changed_left_out_or_swapped_breaks_the_chain() {
    let records = log(&[joined(1, 1, 1), joined(2, 1, 1), joined(3, 1, 1)]);
    let mut changed = records.clone();
    changed[1].change.quantity = Some(2);
    assert_eq!(verify(&changed), Err(Violation::WrongHash(2)));
    let mut later = records.clone();
    later[1].recorded_at += chrono::TimeDelta::microseconds(1);
    assert_eq!(verify(&later), Err(Violation::WrongHash(2)));
    assert_eq!(verify(&[records[0], records[2]]), Err(Violation::Gap { expected: 2, found: 3 }));
    assert_eq!(verify(&[records[1], records[0]]), Err(Violation::Gap { expected: 1, found: 2 }));
    let renumbered = QueueLogRecord { position: 2, ..records[2] };
    assert_eq!(verify(&[records[0], renumbered]), Err(Violation::WrongHash(2)));

    let mut verifier = QueueLogVerifier::new(key());
    verifier.push(&records[0]).unwrap();
    let published = QueueLogHead { position: 3, hash: records[2].hash };
    assert_eq!(verifier.finish(published), Err(Violation::WrongHead { found: 1, published: 3 }));
    let other = QueueLogVerifier::new(TypeKey { event: EventId::from_uuid(Uuid::from_u128(9)), ..key() }).push(&records[0]);
    assert_eq!(other, Err(Violation::WrongHash(1)), "a log belongs to one ticket type");
}

#[test]
fn a_rewritten_log_lacks_the_hash_that_was_noted() {
    let noted = log(&[joined(1, 1, 1), joined(2, 1, 1)])[1].hash;
    let check = |changes: &[QueueChange]| {
        let mut verifier = QueueLogVerifier::new(key());
        verifier.expect(noted);
        verifier.expect(QueueLogHash::START);
        log(changes).iter().try_for_each(|record| verifier.push(record))?;
        let head = verifier.head();
        verifier.finish(head)
    };
    assert!(check(&[joined(1, 1, 1), joined(2, 1, 1), joined(3, 1, 1)]).is_ok());
    assert_eq!(check(&[joined(1, 1, 1), joined(3, 1, 1)]), Err(Violation::UnknownHash(noted)));
}
