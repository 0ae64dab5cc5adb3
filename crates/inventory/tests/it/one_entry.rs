//! Tests that an account has at most one open entry per ticket type, however its requests are grouped into transactions.

use diesel_async::SimpleAsyncConnection;
use rowlock_domain::messages::TICKETS_RELEASED;
use rowlock_inventory::command::Book;
use rowlock_inventory::{Command, LockWait};

use crate::batches::summarize;
use crate::fixture::{InventoryFixture, change_entry, leave, reallocate};

async fn run(fixture: &InventoryFixture, commands: Vec<Command>) -> Vec<String> {
    fixture.inventory.run(commands, LockWait::Wait).await.iter().map(summarize).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_join_is_refused_within_a_batch_and_across_batches() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(1).await;
    let (ada, ben, cid) = (fixture.account(), fixture.account(), fixture.account());
    let book = |account, quantity| Command::Book(fixture.book(key, account, quantity));
    let first = [book(ben, 1), book(ada, 1), book(cid, 1), book(ada, 1)].to_vec();
    assert_eq!(run(&fixture, first).await, ["booked 1", "waits 1 1 Some(1)", "waits 1 2 Some(2)", "waits already 1 1 Some(1)"]);
    assert_eq!(run(&fixture, [book(cid, 1), book(ben, 1)].to_vec()).await, ["waits already 1 2 Some(2)", "waits 1 3 Some(3)"]);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reported_position_includes_earlier_changes_of_the_batch() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(1).await;
    let people: Vec<_> = (0..4).map(|_| fixture.book(key, fixture.account(), 1)).collect();
    run(&fixture, people.iter().cloned().map(Command::Book).collect()).await;
    let again = |book: &Book| Command::Book(fixture.book(key, book.holder.account, 1));
    let batch = [again(&people[3]), leave(&people[1]), again(&people[3]), again(&people[1]), again(&people[1])].to_vec();
    let recorder =
        ["waits already 1 3 Some(3)", "left 1 left", "waits already 1 3 Some(2)", "waits 1 4 Some(3)", "waits already 1 4 Some(3)"];
    assert_eq!(run(&fixture, batch).await, recorder);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_booking_that_could_join_is_not_let_into_an_open_batch_where_somebody_waits() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(4).await;
    let traced = |book: Book| rowlock_inventory::TracedCommand::from(Command::Book(book));
    let (holder, waiting) = (fixture.account(), fixture.account());
    // Three tickets are booked, one is available, and a party of two waits.
    run(&fixture, [Command::Book(fixture.book(key, holder, 3)), Command::Book(fixture.book(key, waiting, 2))].to_vec()).await;

    let mut started = fixture.inventory.begin(vec![traced(fixture.book(key, holder, 1))]).await;
    assert!(started.try_add(traced(fixture.book(key, waiting, 1))).is_err(), "the only one may be gone by then");
    let no_waiting = Book { join_waitlist: false, ..fixture.book(key, waiting, 2) };
    started.try_add(traced(no_waiting)).unwrap();
    drop(started);
    let mut started = fixture.inventory.begin(Vec::<rowlock_inventory::TracedCommand>::new()).await;
    assert!(started.try_add(traced(fixture.book(key, waiting, 1))).is_err(), "its row was not taken");
    drop(started);

    // If nobody waits, every booking is admitted, and a second attempt to join is detected in memory.
    let fresh = fixture.event(1).await;
    let mut started = fixture.inventory.begin(vec![traced(fixture.book(fresh, holder, 1))]).await;
    for _ in 0..2 {
        started.try_add(traced(fixture.book(fresh, waiting, 1))).unwrap();
    }
    let (sender, heard) = std::sync::mpsc::channel();
    let _ = started.commit(rowlock_inventory::NextBatch::empty(), move |results| sender.send(results).unwrap()).await;
    let recorder: Vec<_> = heard.recv().unwrap().iter().map(|(_, outcome)| summarize(outcome)).collect();
    assert_eq!(recorder, ["booked 1", "waits 1 1 Some(1)", "waits already 1 1 Some(1)"]);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_shrinks_to_what_is_available_is_handed_the_tickets() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(5).await;
    let party = fixture.book(key, fixture.account(), 4);
    run(&fixture, [Command::Book(fixture.book(key, fixture.account(), 3)), Command::Book(party.clone())].to_vec()).await;
    assert_eq!(run(&fixture, vec![change_entry(&party, 3, None)]).await, ["changed to 3 1 Some(1)"]);
    assert_eq!(fixture.routing_keys(key).await.last().unwrap(), "waitlist.changed", "three are more than what is available");
    assert_eq!(run(&fixture, vec![change_entry(&party, 2, None)]).await, ["changed to 2 1 Some(1)"]);
    assert_eq!(fixture.routing_keys(key).await.last().unwrap(), TICKETS_RELEASED);
    let stranger = Command::Book(fixture.book(key, fixture.account(), 1));
    assert_eq!(run(&fixture, vec![stranger]).await, ["waits 1 2 Some(2)"], "what is held is not for sale");
    run(&fixture, vec![reallocate(key, 10)]).await;
    let keys = fixture.routing_keys(key).await;
    assert_eq!(keys[keys.len() - 2..], ["waitlist.promoted", "tickets.reallocated"]);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_refuses_a_second_open_entry_and_leaves_those_from_before_the_rule_alone() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(1).await;
    let waiting = fixture.book(key, fixture.account(), 1);
    run(&fixture, [Command::Book(fixture.book(key, fixture.account(), 1)), Command::Book(waiting.clone())].to_vec()).await;
    let mut conn = fixture.database.admin().await;
    let copy = |columns: &str, values: &str| {
        format!(
            "INSERT INTO waitlist_entries (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, number, status, joined_at{columns})
             SELECT event_id, gen_random_uuid(), ticket_type_id, account_id, holder_name, holder_email, quantity, number + 10, status, joined_at{values}
               FROM waitlist_entries WHERE number = 1"
        )
    };
    let refused = conn.batch_execute(&copy(", one_per_account", ", true")).await.unwrap_err().to_string();
    assert!(refused.contains("waitlist_one_per_account"), "{refused}");
    // The previous version inserts rows like this one.
    conn.batch_execute(&copy("", "")).await.unwrap();
    conn.batch_execute("UPDATE ticket_types SET waiting = 2, next_waitlist_number = 20").await.unwrap();
    conn.batch_execute("UPDATE waitlist_counts SET waiting = 2").await.unwrap();
    let again = Command::Book(fixture.book(key, waiting.holder.account, 1));
    assert_eq!(run(&fixture, vec![again]).await, ["waits already 1 1 Some(1)"]);
    assert_eq!(run(&fixture, vec![leave(&waiting)]).await, ["left 1 left"]);
    let again = Command::Book(fixture.book(key, waiting.holder.account, 1));
    assert_eq!(run(&fixture, vec![again]).await, ["waits already 1 11 Some(1)"]);
    drop(conn);
    fixture.close().await;
}
