//! Wishes below HTTP: the type that is booked, the lists that are joined, and the entries that end together.

use rowlock_domain::accounts::AccountChange;
use rowlock_inventory::accounts::{ERASED_ACCOUNT, pending_closures, record_account_change};
use rowlock_inventory::command::{Authority, BookWish, ChangeEvent, LeaveWaitlist, StatusTransition, Target};
use rowlock_inventory::{Command, Outcome, Refusal, queries};
use rowlock_postgres::checkout;

use crate::fixture::{change_entry, choice, leave, leave_wish, move_start};
use crate::sold_out::{SoldOut, wished};

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_books_the_first_type_that_has_tickets() {
    let event = SoldOut::new(&[2, 3, 3], None).await;
    event.run(vec![event.give_back(1, 1), event.give_back(2, 2)]).await;
    let wish = event.fixture.wish(&event.keys, event.fixture.account(), 2);
    assert_eq!(event.run(vec![wished(&wish)]).await, ["booked 2"], "the second type has one, the third has two");
    assert_eq!(event.stocks().await, [[0, 0, 2, 0, 0], [1, 0, 2, 0, 0], [0, 0, 3, 0, 0]]);
    let not_waiting = BookWish { join_waitlist: false, ..event.fixture.wish(&event.keys, event.fixture.account(), 2) };
    assert_eq!(event.run(vec![wished(&not_waiting)]).await, ["Ok(Refused(Book(SoldOut)))"]);
    let too_many = event.fixture.wish(&event.keys, event.fixture.account(), 3);
    assert_eq!(event.run(vec![wished(&too_many)]).await, ["wish refused there are 2 tickets of this type"]);
    assert_eq!(event.stocks().await, [[0, 0, 2, 0, 0], [1, 0, 2, 0, 0], [0, 0, 3, 0, 0]], "a refusal leaves no trace");
    let other = event.fixture.event(1).await;
    let strange = event.fixture.wish(&[event.keys[0], other], event.fixture.account(), 1);
    let told = event.fixture.inventory.run_one(wished(&strange)).await;
    assert_eq!(told, Ok(Outcome::Refused(Refusal::WishedTypesNotFound(vec![other.ticket_type]))));
    event.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_has_to_wait_is_put_on_each_list_or_on_none() {
    let event = SoldOut::new(&[1, 1], None).await;
    let single = event.fixture.book(event.keys[1], event.fixture.account(), 1);
    assert_eq!(event.run(vec![Command::Book(single.clone())]).await, ["waits 1 1 Some(1)"]);
    let again = event.fixture.wish(&event.keys, single.holder.account, 1);
    assert_eq!(event.run(vec![wished(&again)]).await, ["waits already 1 1 Some(1)"], "it waits for the second type");
    let wish = event.fixture.wish(&event.keys, event.fixture.account(), 1);
    let told = ["wish waits 1 1 1, 1 2 2", "waits already 1 1 Some(1)"];
    assert_eq!(event.run(vec![wished(&wish), Command::Book(event.fixture.book(event.keys[0], wish.holder.account, 1))]).await, told);
    assert_eq!(event.stocks().await, [[0, 0, 1, 0, 1], [0, 0, 1, 0, 2]]);
    let mut conn = checkout(&event.fixture.pool).await.unwrap();
    let entries = queries::entries_of_account(&mut conn, wish.holder.account, None, 10).await.unwrap();
    let places: Vec<_> = entries.iter().map(|named| (named.entry.wish.unwrap(), named.position)).collect();
    assert!(places.iter().all(|(place, _)| place.id == wish.wish));
    let mut preferences: Vec<_> = places.iter().map(|(place, position)| (place.preference, position.unwrap())).collect();
    preferences.sort_unstable();
    assert_eq!(preferences, [(0, 1), (1, 2)]);
    drop(conn);
    event.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_promotion_ends_the_other_entries_and_tells_why() {
    let event = SoldOut::new(&[1, 1, 1], None).await;
    let wish = event.wait(&[2, 0, 1], 1).await;
    let behind = event.wait(&[0, 1], 1).await;
    event.run(vec![event.give_back(0, 1)]).await;
    event.run(vec![event.pass(0)]).await;
    assert_eq!(event.statuses(&wish).await, ["left", "promoted", "left"]);
    assert_eq!(event.statuses(&behind).await, ["waiting", "waiting"], "each list keeps its order");
    assert_eq!(event.stocks().await, [[0, 0, 1, 0, 1], [0, 0, 1, 0, 1], [0, 0, 1, 0, 0]]);
    let told = event
        .texts(
            "SELECT concat_ws(' ', routing_key, (d->'wishId') IS NOT NULL, d->>'preference', (d->'fulfilledBy') IS NOT NULL) AS text
               FROM outbox_messages CROSS JOIN LATERAL (SELECT payload::jsonb->'data' AS d) AS m WHERE routing_key LIKE 'waitlist.%' ORDER BY id, n",
        )
        .await;
    let joined =
        ["waitlist.joined t 0 f", "waitlist.joined t 1 f", "waitlist.joined t 2 f", "waitlist.joined t 0 f", "waitlist.joined t 1 f"];
    let ended = ["waitlist.promoted f f", "waitlist.left f t", "waitlist.left f t"];
    assert_eq!(told, [joined.as_slice(), &ended].concat());
    event.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_passes_in_one_batch_promote_a_wish_once_and_serve_the_next() {
    let event = SoldOut::new(&[1, 1], Some(10)).await;
    let (wish, behind) = (event.wait(&[0, 1], 1).await, event.wait(&[1, 0], 1).await);
    event.run(vec![event.give_back(0, 1), event.give_back(1, 1)]).await;
    event.run(vec![event.pass(0), event.pass(1)]).await;
    // The heads that were read for the second pass may have been few, and it then continues with the next transaction.
    event.run(vec![event.pass(1)]).await;
    assert_eq!(
        (event.statuses(&wish).await, event.statuses(&behind).await),
        (vec!["promoted".to_owned(), "left".to_owned()], vec!["promoted".to_owned(), "left".to_owned()])
    );
    assert_eq!(event.stocks().await, [[0, 1, 0, 0, 0], [0, 1, 0, 0, 0]], "both are offered");
    event.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_that_are_held_for_a_wish_alone_are_free_when_it_is_fulfilled_elsewhere() {
    let event = SoldOut::new(&[1, 1], None).await;
    event.wait(&[0, 1], 1).await;
    event.run(vec![event.give_back(0, 1), event.give_back(1, 1)]).await;
    assert_eq!(event.stocks().await, [[0, 0, 0, 1, 1], [0, 0, 0, 1, 1]]);
    event.run(vec![event.pass(1)]).await;
    assert_eq!(event.stocks().await, [[1, 0, 0, 0, 0], [0, 0, 1, 0, 0]]);
    let walk_in = event.fixture.book(event.keys[0], event.fixture.account(), 1);
    assert_eq!(event.run(vec![Command::Book(walk_in)]).await, ["booked 1"]);
    event.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_concerns_all_entries_of_a_wish_or_none() {
    let event = SoldOut::new(&[4, 3], None).await;
    let (wish, behind) = (event.wait(&[1, 0], 2).await, event.wait(&[0, 1], 1).await);
    assert_eq!(event.run(vec![change_entry(&choice(&wish, 1), 3, Some(1))]).await, ["wish changed to 1 to 3 3 2, 1 to 3 3 2"]);
    assert_eq!(event.run(vec![change_entry(&choice(&wish, 1), 4, None)]).await, ["wish refused there are 3 tickets of this type"]);
    let sizes = "SELECT concat_ws(' ', preference, min_quantity, quantity, number) AS text FROM waitlist_entries WHERE quantity > 1 ORDER BY preference";
    assert_eq!(event.texts(sizes).await, ["0 1 3 3", "1 1 3 3"]);
    assert_eq!(event.run(vec![change_entry(&choice(&behind, 0), 1, None)]).await, ["wish changed to 1 2 1, 1 2 1"]);
    // An entry that was left alone stays as it is.
    event.run(vec![leave(&choice(&wish, 0))]).await;
    assert_eq!(event.run(vec![change_entry(&choice(&wish, 1), 2, None)]).await, ["wish changed to 1 to 2 3 2"]);
    assert_eq!(event.run(vec![change_entry(&choice(&wish, 0), 1, None)]).await, ["Ok(Refused(EntryNotFound))"]);
    event.stocks().await;
    event.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_entry_can_be_left_or_the_whole_wish() {
    let event = SoldOut::new(&[1, 1, 1], None).await;
    let wish = event.wait(&[0, 1, 2], 1).await;
    assert_eq!(event.run(vec![leave(&choice(&wish, 1))]).await, ["left 1 left"]);
    assert_eq!(event.statuses(&wish).await, ["waiting", "left", "waiting"]);
    let by_event = |wish: &BookWish| {
        Command::LeaveWaitlist(LeaveWaitlist {
            event: wish.event,
            account: wish.holder.account,
            target: Target::OnlyAtEvent(None),
            whole_wish: true,
            idempotency: None,
            authority: Authority::Holder,
        })
    };
    assert_eq!(event.run(vec![by_event(&wish)]).await, ["wish left 1 left, 1 left, 1 left"], "a wish is one thing");
    assert_eq!(event.run(vec![by_event(&wish), leave_wish(&wish, 2)]).await, ["wish left 1 left, 1 left, 1 left"; 2], "again");
    let next = event.wait(&[2, 0], 1).await;
    event.run(vec![event.give_back(0, 1)]).await;
    event.run(vec![event.pass(0)]).await;
    assert_eq!(event.run(vec![leave_wish(&next, 0), by_event(&next)]).await, ["promoted before"; 2]);
    assert_eq!(event.run(vec![leave(&choice(&next, 0))]).await, ["left 2 left"], "this entry has ended");
    let stranger = BookWish { holder: wish.holder.clone(), ..next.clone() };
    assert_eq!(event.run(vec![leave_wish(&stranger, 0)]).await, ["Ok(Refused(EntryNotFound))"]);
    event.stocks().await;
    event.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_account_leaves_all_lists_and_a_cancelled_event_closes_them() {
    let event = SoldOut::new(&[1, 1], None).await;
    let (wish, other) = (event.wait(&[0, 1], 1).await, event.wait(&[1, 0], 1).await);
    let mut conn = checkout(&event.fixture.pool).await.unwrap();
    record_account_change(&mut conn, wish.holder.account, 2, AccountChange::Disabled).await.unwrap();
    for closure in pending_closures(&mut conn, 3600, ERASED_ACCOUNT, 10).await.unwrap() {
        event.fixture.inventory.close_account(closure).await.unwrap();
    }
    drop(conn);
    assert_eq!((event.statuses(&wish).await, event.statuses(&other).await), (vec!["left".to_owned(); 2], vec!["waiting".to_owned(); 2]));
    let called_off = ChangeEvent { transition: Some(StatusTransition::Cancel), ..ChangeEvent::unchanged(other.event) };
    event.run(vec![Command::ChangeEvent(Box::new(called_off))]).await;
    event.run(vec![event.pass(0), event.pass(1)]).await;
    assert_eq!(event.statuses(&other).await, ["closed", "closed"]);
    let told = "SELECT concat_ws(' ', d->>'wishId', d->>'preference') AS text
                  FROM outbox_messages CROSS JOIN LATERAL (SELECT payload::jsonb->'data' AS d) AS m WHERE routing_key = 'waitlist.closed' ORDER BY 1";
    assert_eq!(event.texts(told).await, [format!("{} 0", other.wish), format!("{} 1", other.wish)]);
    event.stocks().await;
    event.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postponed_event_opens_the_entries_of_a_wish_again() {
    let event = SoldOut::new(&[1, 1], None).await;
    let wish = event.wait(&[0, 1], 1).await;
    event.sql("UPDATE events SET starts_at = '2020-01-01'").await;
    event.run(vec![event.pass(0), event.pass(1)]).await;
    assert_eq!(event.statuses(&wish).await, ["closed", "closed"]);
    event.run(vec![move_start(event.keys[0], "2120-01-01T00:00:00Z".parse().unwrap())]).await;
    assert_eq!(event.statuses(&wish).await, ["waiting", "waiting"]);
    event.run(vec![event.give_back(1, 1)]).await;
    event.run(vec![event.pass(1)]).await;
    assert_eq!(event.statuses(&wish).await, ["left", "promoted"]);
    event.stocks().await;
    event.close().await;
}
