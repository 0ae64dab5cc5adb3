//! Reserved bookings below HTTP: batches that expire, confirm and cancel them, and the messages that they cause.

use chrono::TimeDelta;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowlock_domain::allocation::ConfirmRefusal;
use rowlock_domain::ids::TypeKey;
use rowlock_inventory::audit::check;
use rowlock_inventory::command::{Book, ConfirmBooking, ExpireReservations, ExpirySummary};
use rowlock_inventory::{Command, LockWait, Outcome, Refusal, queries};

use crate::fixture::{InventoryFixture, cancel, reallocate};

fn confirm(book: &Book) -> Command {
    Command::Confirm(ConfirmBooking { key: book.key, account: book.holder.account, booking: book.booking, idempotency: None })
}

fn expire(key: TypeKey, limit: usize) -> Command {
    Command::Expire(ExpireReservations { key, limit })
}

/// Reserves one ticket for each of `count` accounts.
async fn reserve(fixture: &InventoryFixture, key: TypeKey, count: usize) -> Vec<Book> {
    let books: Vec<_> = (0..count).map(|_| fixture.book(key, fixture.account(), 1)).collect();
    let outcomes = fixture.inventory.run(books.iter().cloned().map(Command::Book).collect(), LockWait::Wait).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(Outcome::Booked(_)))), "{outcomes:?}");
    books
}

async fn sql(fixture: &InventoryFixture, text: &str) {
    fixture.database.admin().await.batch_execute(text).await.unwrap();
}

async fn sound(fixture: &InventoryFixture) {
    let findings = check(&mut fixture.database.admin().await).await.unwrap();
    assert!(findings.iter().all(|finding| finding.count == 0), "{findings:?}");
}

/// Returns the counters of a type.
async fn stock(fixture: &InventoryFixture, key: TypeKey) -> [u32; 5] {
    let mut conn = fixture.database.admin().await;
    let event = queries::event(&mut conn, key.event).await.unwrap().unwrap();
    let stock = &event.types[0].stock;
    [stock.available, stock.reserved, stock.booked, stock.held, stock.waiting]
}

fn summary(outcome: &Result<Outcome, rowlock_inventory::CommandError>) -> ExpirySummary {
    let Ok(Outcome::Expired(summary)) = outcome else { panic!("{outcome:?}") };
    *summary
}

#[tokio::test(flavor = "multi_thread")]
async fn reservations_are_ended_in_the_order_of_their_time_and_never_early() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event_with(10, Some(1), None).await;
    let other = fixture.event_with(10, Some(1), None).await;
    let books = reserve(&fixture, key, 5).await;
    reserve(&fixture, other, 2).await;
    let done = fixture.inventory.run(vec![expire(key, 10)], LockWait::Wait).await;
    assert_eq!(summary(&done[0]), ExpirySummary::default(), "nothing is due");
    let mut conn = fixture.database.admin().await;
    let next = queries::time_until_next_expiry(&mut conn).await.unwrap().unwrap();
    assert!((50..=60).contains(&next.as_secs()), "{next:?}");

    for (index, book) in books.iter().take(3).enumerate() {
        sql(&fixture, &format!("UPDATE bookings SET expires_at = now() - interval '{} seconds' WHERE id = '{}'", 10 - index, book.booking))
            .await;
    }
    assert_eq!(queries::types_with_lapsed_reservations(&mut conn, 3).await.unwrap(), (vec![key], true));
    assert_eq!(queries::types_with_lapsed_reservations(&mut conn, 9).await.unwrap(), (vec![key], false));
    assert!(queries::time_until_next_expiry(&mut conn).await.unwrap().unwrap().is_zero());
    let done = fixture.inventory.run(vec![expire(key, 2)], LockWait::Wait).await;
    let first = summary(&done[0]);
    assert_eq!((first.expired, first.unfinished), (2, true));
    assert!((TimeDelta::seconds(9)..TimeDelta::seconds(60)).contains(&first.longest_delay), "{first:?}");
    assert_eq!(stock(&fixture, key).await, [7, 3, 0, 0, 0]);
    let done = fixture.inventory.run(vec![expire(key, 2), expire(other, 2)], LockWait::Wait).await;
    assert_eq!((summary(&done[0]).expired, summary(&done[0]).unfinished, summary(&done[1]).expired), (1, false, 0));
    assert_eq!(stock(&fixture, key).await, [8, 2, 0, 0, 0]);
    sound(&fixture).await;
    drop(conn);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn within_one_batch_the_first_of_a_confirmation_and_an_expiry_counts() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event_with(4, Some(1), None).await;
    let books = reserve(&fixture, key, 4).await;
    sql(&fixture, &format!("UPDATE bookings SET expires_at = now() WHERE id IN ('{}', '{}')", books[0].booking, books[1].booking)).await;
    let commands = vec![
        confirm(&books[0]),
        expire(key, 9),
        confirm(&books[1]),
        confirm(&books[2]),
        confirm(&books[2]),
        cancel(&books[2], None),
        confirm(&books[2]),
        cancel(&books[3], None),
        cancel(&books[0], None),
    ];
    let done = fixture.inventory.run(commands, LockWait::Wait).await;
    let expired = |outcome: &Result<Outcome, _>| matches!(outcome, Ok(Outcome::Refused(Refusal::Confirm(ConfirmRefusal::Expired { .. }))));
    assert!(expired(&done[0]) && expired(&done[2]), "{done:?}");
    assert_eq!(summary(&done[1]).expired, 2);
    assert!(matches!((&done[3], &done[4]), (Ok(Outcome::Confirmed(one)), Ok(Outcome::Confirmed(two))) if one == two), "{done:?}");
    assert_eq!(done[6], Ok(Outcome::Refused(Refusal::Confirm(ConfirmRefusal::BookingCancelled))));
    assert!(matches!((&done[7], &done[8]), (Ok(Outcome::Returned(_)), Ok(Outcome::Returned(_)))), "{done:?}");
    assert_eq!(stock(&fixture, key).await, [4, 0, 0, 0, 0]);
    let keys = fixture.routing_keys(key).await;
    let expected = ["booking.expired", "booking.expired", "booking.confirmed", "booking.cancelled", "booking.cancelled"];
    assert_eq!(keys[keys.len() - 5..], expected);
    sound(&fixture).await;
    fixture.close().await;
}

#[derive(diesel::QueryableByName)]
struct Entry {
    #[diesel(sql_type = diesel::sql_types::Text)]
    entry: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_lapses_within_a_batch_goes_to_the_next_in_the_next_batch() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event_with(1, None, Some(30)).await;
    let books: Vec<_> = (0..3).map(|_| fixture.book(key, fixture.account(), 1)).collect();
    let mut commands: Vec<_> = books.iter().cloned().map(Command::Book).collect();
    commands.extend([cancel(&books[0], None), reallocate(key, 10)]);
    fixture.inventory.run(commands, LockWait::Wait).await;
    fixture.inventory.run(vec![reallocate(key, 10)], LockWait::Wait).await;
    assert_eq!(stock(&fixture, key).await, [0, 1, 0, 0, 1]);
    sql(&fixture, "UPDATE bookings SET expires_at = now() WHERE status = 'reserved'").await;
    let done = fixture.inventory.run(vec![expire(key, 10), reallocate(key, 10)], LockWait::Wait).await;
    assert_eq!(summary(&done[0]).expired, 1);
    assert_eq!(stock(&fixture, key).await, [0, 1, 0, 0, 0]);
    let sql = "SELECT status || ' ' || (booking_id IS NOT NULL) AS entry FROM waitlist_entries ORDER BY number";
    let entries: Vec<Entry> = diesel::sql_query(sql).load(&mut fixture.database.admin().await).await.unwrap();
    assert_eq!(entries.iter().map(|row| row.entry.as_str()).collect::<Vec<_>>(), ["expired true", "promoted true"]);
    let keys = fixture.routing_keys(key).await;
    assert_eq!(keys[keys.len() - 3..], ["booking.expired", "waitlist.offered", "tickets.reallocated"]);
    sound(&fixture).await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_reservations_without_a_time_and_counters_that_do_not_add_up() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event_with(4, Some(1), None).await;
    reserve(&fixture, key, 1).await;
    let mut conn = fixture.database.admin().await;
    for (sql, constraint) in [
        ("UPDATE bookings SET expires_at = NULL", "bookings_reserved_until_a_time"),
        ("UPDATE bookings SET status = 'confirmed'", "bookings_reserved_until_a_time"),
        ("UPDATE bookings SET confirmed_at = now()", "bookings_confirmed_are_sold"),
        ("UPDATE bookings SET status = 'promised'", "bookings_status_check"),
        ("UPDATE ticket_types SET reserved = 0", "tickets_add_up"),
        ("UPDATE ticket_types SET reserved = -1, available = 5", "reserved"),
        ("UPDATE events SET checkout_minutes = 1441", "checkout_minutes"),
        ("UPDATE events SET offer_minutes = 0", "offer_minutes"),
    ] {
        let error = conn.batch_execute(sql).await.unwrap_err().to_string();
        assert!(error.contains(constraint), "{sql}: {error}");
    }
    drop(conn);
    fixture.close().await;
}
