//! Wishes below HTTP when several transactions need the types of one wish, or an older worker does not know wishes.

use diesel_async::SimpleAsyncConnection;
use rowlock_inventory::audit::check;
use rowlock_inventory::{Command, LockWait, Outcome};

use crate::fixture::{change_entry, choice, leave_wish};
use crate::sold_out::SoldOut;

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_that_promote_at_the_same_time_make_one_booking() {
    let event = SoldOut::new(&[8, 8], None).await;
    for _ in 0..8 {
        let wish = event.wait(&[0, 1], 1).await;
        event.run(vec![event.give_back(0, 1), event.give_back(1, 1)]).await;
        let pass = |index| event.fixture.inventory.run_one(event.pass(index));
        let (first, second) = tokio::join!(pass(0), pass(1));
        assert!(matches!((&first, &second), (Ok(Outcome::Reallocated(_)), Ok(Outcome::Reallocated(_)))), "{first:?} {second:?}");
        let mut statuses = event.statuses(&wish).await;
        statuses.sort_unstable();
        assert_eq!(statuses, ["left", "promoted"]);
        // The tickets of the other list are free. They are booked, so that the next round begins as this one did.
        let stocks = event.stocks().await;
        let free = stocks.iter().position(|stock| stock[0] > 0).unwrap();
        event.run(vec![Command::Book(event.fixture.book(event.keys[free], event.fixture.account(), 1))]).await;
    }
    event.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_does_not_promote_a_wish_while_another_of_its_types_is_locked() {
    let event = SoldOut::new(&[1, 1, 1], None).await;
    let wish = event.wait(&[1, 0], 1).await;
    let single = event.fixture.book(event.keys[2], event.fixture.account(), 1);
    event.run(vec![Command::Book(single)]).await;
    event.run(vec![event.give_back(1, 1), event.give_back(2, 1)]).await;
    let mut other = event.fixture.database.admin().await;
    other.batch_execute(&format!("BEGIN; SELECT FROM ticket_types WHERE id = '{}' FOR UPDATE", event.keys[0].ticket_type)).await.unwrap();
    let outcomes = event.fixture.inventory.run(vec![event.pass(1), event.pass(2)], LockWait::Skip).await;
    assert_eq!(outcomes[0], Ok(Outcome::Skipped));
    assert!(matches!(&outcomes[1], Ok(Outcome::Reallocated(done)) if done.promoted == 1), "{outcomes:?}");
    let change =
        event.fixture.inventory.run(vec![change_entry(&choice(&wish, 0), None, Some(1)), leave_wish(&wish, 0)], LockWait::Skip).await;
    assert_eq!(change, [Ok(Outcome::Skipped), Ok(Outcome::Skipped)], "they need the other type, too");

    // A worker that waits gets its turn, and locks both types in their order.
    let inventory = event.fixture.inventory.clone();
    let waiting = tokio::spawn({
        let pass = event.pass(1);
        async move { inventory.run_one(pass).await }
    });
    event.until_a_session_waits().await;
    other.batch_execute("COMMIT").await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Ok(Outcome::Reallocated(done)) if done.promoted == 1));
    assert_eq!(event.statuses(&wish).await, ["promoted", "left"]);
    event.stocks().await;
    drop(other);
    event.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_a_second_booking_and_a_pass_ends_what_an_older_worker_left_behind() {
    let event = SoldOut::new(&[1, 1], None).await;
    let wish = event.wait(&[0, 1], 1).await;
    let behind = event.fixture.book(event.keys[1], event.fixture.account(), 1);
    event.run(vec![Command::Book(behind)]).await;
    // An older worker does not know the column.
    event.sql("UPDATE waitlist_entries SET wish_id = gen_random_uuid() WHERE preference = 1").await;
    event.run(vec![event.give_back(0, 1)]).await;
    event.run(vec![event.pass(0)]).await;
    event.sql(&format!("UPDATE waitlist_entries SET wish_id = '{}' WHERE preference = 1", wish.wish)).await;
    assert_eq!(event.statuses(&wish).await, ["promoted", "waiting"]);
    let promote = "UPDATE waitlist_entries SET status = 'promoted', booking_id = gen_random_uuid(), ended_at = now() WHERE preference = 1";
    let refused = event.fixture.database.admin().await.batch_execute(promote).await.unwrap_err().to_string();
    assert!(refused.contains("waitlist_one_booking_per_wish"), "{refused}");
    let findings = check(&mut event.fixture.database.admin().await).await.unwrap();
    let found: Vec<_> = findings.iter().filter(|finding| finding.count > 0).map(|finding| finding.violation.as_str()).collect();
    assert_eq!(found, ["waiting-list entries whose wish was fulfilled by another entry"]);
    event.run(vec![event.give_back(1, 1)]).await;
    // The entry that was left behind was the only one that was read.
    for _ in 0..2 {
        event.run(vec![event.pass(1)]).await;
    }
    assert_eq!(event.statuses(&wish).await, ["promoted", "left"]);
    assert_eq!(event.stocks().await, [[0, 0, 1, 0, 0], [0, 0, 1, 0, 0]], "the party behind got the ticket");
    event.close().await;
}
