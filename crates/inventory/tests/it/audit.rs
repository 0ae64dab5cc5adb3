//! Tests that the audit finds each kind of violation.

use diesel_async::SimpleAsyncConnection;
use rowlock_inventory::audit::{Finding, check};
use rowlock_inventory::{Command, LockWait};

use crate::fixture::{InventoryFixture, cancel, reallocate};

/// Violations, each with a part of the finding that the audit must report.
const PLANTED: [(&str, &str); 27] = [
    ("ALTER TABLE ticket_types DROP CONSTRAINT tickets_add_up; UPDATE ticket_types SET available = available + 1", "do not add up"),
    ("DELETE FROM bookings WHERE origin = 'direct' AND status = 'confirmed'", "sum of their confirmed bookings"),
    (
        "INSERT INTO bookings (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, status, origin, booked_at)
         SELECT event_id, gen_random_uuid(), ticket_type_id, account_id, holder_name, holder_email, quantity, status, origin, booked_at
           FROM bookings WHERE origin = 'direct' AND status = 'confirmed'",
        "sum of their confirmed bookings",
    ),
    ("UPDATE bookings SET quantity = quantity + 1 WHERE status = 'confirmed'", "sum of their confirmed bookings"),
    (
        "UPDATE bookings SET status = 'reserved', expires_at = now() WHERE origin = 'direct' AND status = 'confirmed'",
        "sum of their reserved bookings",
    ),
    ("UPDATE waitlist_entries SET status = 'expired' WHERE status = 'promoted'", "does not have the status of their booking"),
    ("UPDATE waitlist_entries SET status = 'left' WHERE status = 'promoted'", "does not have the status of their booking"),
    ("DELETE FROM waitlist_entries WHERE status = 'waiting'", "number of waiting entries"),
    ("UPDATE waitlist_counts SET waiting = waiting + 1 WHERE level = 1", "queue buckets"),
    ("UPDATE waitlist_entries SET ticket_type_id = gen_random_uuid() WHERE status = 'promoted'", "ticket type does not exist"),
    ("UPDATE ticket_types SET queue_hash = sha256('x')", "does not end with its last record"),
    ("DELETE FROM queue_log WHERE position = (SELECT max(position) FROM queue_log)", "does not end with its last record"),
    ("DELETE FROM queue_log WHERE position = 1", "lack records"),
    ("UPDATE waitlist_entries SET number = 99 WHERE status = 'waiting'", "number was never assigned"),
    ("UPDATE waitlist_entries SET booking_id = gen_random_uuid() WHERE status = 'promoted'", "promoted waiting-list entries"),
    ("UPDATE bookings SET origin = 'waitlist' WHERE origin = 'direct'", "do not belong to exactly one entry"),
    (
        "UPDATE bookings SET issued = quantity + 2, void_numbers = '{0,0}', void_reasons = '{returned,returned}' WHERE status = 'confirmed'",
        "void ticket number twice",
    ),
    (
        "INSERT INTO checkins (event_id, booking_id, number, id, ticket_type_id, checked_in_at, received_at)
         SELECT event_id, id, quantity, gen_random_uuid(), ticket_type_id, now(), now() FROM bookings WHERE status = 'confirmed'",
        "never issued",
    ),
    (
        "INSERT INTO transfers (event_id, id, ticket_type_id, booking_id, from_account, quantity, status, to_email, token_hash, created_at, expires_at)
         SELECT event_id, gen_random_uuid(), ticket_type_id, id, account_id, quantity + 1, 'pending', 'a@b.example', sha256('x'), now(), now() + interval '1 day'
           FROM bookings WHERE status = 'confirmed'",
        "promise more tickets",
    ),
    ("UPDATE bookings SET origin = 'transfer' WHERE origin = 'direct'", "exactly one accepted transfer"),
    (
        "UPDATE bookings SET issued = quantity + 1, void_numbers = '{0}', void_reasons = '{transferred}' WHERE status = 'confirmed'",
        "differ from their accepted transfers",
    ),
    (
        "UPDATE waitlist_entries SET wish_id = account_id, preference = 0 WHERE status = 'promoted';
         UPDATE waitlist_entries w SET wish_id = p.wish_id, preference = 1 FROM waitlist_entries p WHERE p.status = 'promoted' AND w.status = 'waiting'",
        "wish was fulfilled by another entry",
    ),
    (
        "UPDATE waitlist_entries SET wish_id = '00000000-0000-7000-8000-000000000001', preference = number % 2",
        "have different holders or the same ticket type",
    ),
    ("UPDATE ticket_types SET capacity = capacity + 5, available = available + 5", "could be booked"),
    (
        "UPDATE ticket_types SET capacity = capacity + 2, available = available + 2;
         UPDATE waitlist_entries SET quantity = 4, min_quantity = 2 WHERE status = 'waiting'",
        "could be booked",
    ),
    ("UPDATE bookings SET quantity = 2 WHERE origin = 'waitlist'", "promoted waiting-list entries"),
    (
        "INSERT INTO sales_progress (event_id, ticket_type_id, sequence, initial_capacity) SELECT event_id, id, version, 0 FROM ticket_types",
        "differs from their counters",
    ),
];

fn wrong(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|finding| finding.count > 0).map(|finding| finding.violation.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_finds_what_is_wrong_and_nothing_else() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(2).await;
    let books: Vec<_> = (0..4).map(|_| fixture.book(key, fixture.account(), 1)).collect();
    let mut commands: Vec<Command> = books.iter().cloned().map(Command::Book).collect();
    commands.extend([cancel(&books[0], None), reallocate(key, 10)]);
    fixture.inventory.run(commands, LockWait::Wait).await;

    let mut conn = fixture.database.admin().await;
    let sound = check(&mut conn).await.unwrap();
    assert_eq!(wrong(&sound), Vec::<&str>::new());
    for (sql, expected) in PLANTED {
        conn.batch_execute(&format!("BEGIN; {sql}")).await.unwrap();
        let findings = check(&mut conn).await.unwrap();
        conn.batch_execute("ROLLBACK").await.unwrap();
        let found = wrong(&findings);
        assert!(found.iter().any(|violation| violation.contains(expected)), "{sql}: {found:?}");
        assert!(findings.iter().all(|finding| (finding.count > 0) == finding.example.is_some()), "{findings:?}");
    }
    let all: Vec<&str> = sound.iter().map(|finding| finding.violation.as_str()).collect();
    let never_planted: Vec<_> = all.iter().filter(|violation| !PLANTED.iter().any(|(_, expected)| violation.contains(expected))).collect();
    assert!(never_planted.is_empty(), "{never_planted:?}");
    drop(conn);
    fixture.close().await;
}
