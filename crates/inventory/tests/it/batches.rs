//! Tests that a batch has the same outcomes as its commands one by one, and that a bad command does not affect the others.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use proptest::prelude::*;
use rowlock_domain::allocation::PartySize;
use rowlock_domain::ids::TypeKey;
use rowlock_domain::values::{AccountLimit, Capacity, Quantity};
use rowlock_inventory::command::{Book, Idempotency};
use rowlock_inventory::views::{NamedEntry, WaitlistEntry};
use rowlock_inventory::{Command, CommandError, LockWait, Outcome, Refusal, queries};
use rowlock_postgres::checkout;

use crate::fixture::{InventoryFixture, cancel, change, change_entry, leave, move_start, reallocate};

#[derive(Debug, Clone)]
enum Step {
    Book {
        account: usize,
        quantity: u32,
        min_quantity: Option<u32>,
        key: Option<u8>,
    },
    Cancel {
        which: usize,
        part: Option<u32>,
    },
    Leave(usize),
    ChangeEntry {
        which: usize,
        quantity: Option<u32>,
        min_quantity: Option<u32>,
    },
    Reallocate(usize),
    Capacity(u32),
    Limit(Option<u32>),
    MaxPerBooking(u32),
    /// The event begins, or is postponed.
    Begin(bool),
}

fn histories() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![
        6 => (0usize..5, 1u32..=5, prop::option::of(1u32..=5), prop::option::weighted(0.3, 0u8..3))
            .prop_map(|(account, quantity, min_quantity, key)| Step::Book { account, quantity, min_quantity, key }),
        1 => (0u32..=14).prop_map(Step::Capacity),
        1 => prop::option::of(1u32..=6).prop_map(Step::Limit),
        1 => (1u32..=5).prop_map(Step::MaxPerBooking),
        1 => any::<bool>().prop_map(Step::Begin),
        4 => (any::<usize>(), prop::option::of(1u32..=5)).prop_map(|(which, part)| Step::Cancel { which, part }),
        1 => any::<usize>().prop_map(Step::Leave),
        2 => (any::<usize>(), prop::option::weighted(0.8, 1u32..=5), prop::option::of(1u32..=5))
            .prop_map(|(which, quantity, min_quantity)| Step::ChangeEntry { which, quantity, min_quantity }),
        2 => (1usize..=3).prop_map(Step::Reallocate),
    ];
    prop::collection::vec(prop::collection::vec(step, 1..12), 1..8)
}

/// Describes an outcome without ids and times, so that it can be compared between two events.
pub(crate) fn summarize(outcome: &Result<Outcome, CommandError>) -> String {
    match outcome {
        Ok(Outcome::Booked(b)) => format!("booked {}", b.booking.quantity),
        Ok(Outcome::Waitlisted(w)) => format!("waits {} {} {:?}", size(&w.entry), w.entry.number, w.position),
        Ok(Outcome::Returned(b)) => format!("returned {} {}", b.booking.quantity, b.booking.status),
        Ok(Outcome::Left(w)) => format!("left {} {}", w.entry.number, w.entry.status),
        Ok(Outcome::EntryChanged(w)) => format!("changed to {} {} {:?}", size(&w.entry), w.entry.number, w.position),
        Ok(Outcome::WishWaitlisted(wish)) => format!("wish waits {}", wish.iter().map(place).collect::<Vec<_>>().join(", ")),
        Ok(Outcome::WishChanged(wish)) => format!("wish changed to {}", wish.iter().map(place).collect::<Vec<_>>().join(", ")),
        Ok(Outcome::WishLeft(wish)) => {
            format!("wish left {}", wish.iter().map(|w| format!("{} {}", w.entry.number, w.entry.status)).collect::<Vec<_>>().join(", "))
        }
        Ok(Outcome::Refused(Refusal::Wish(refused))) => {
            format!("wish refused {}", refused.iter().map(|(_, refusal)| refusal.to_string()).collect::<Vec<_>>().join(", "))
        }
        Ok(Outcome::Refused(Refusal::AlreadyWaiting(w))) => {
            format!("waits already {} {} {:?}", size(&w.entry), w.entry.number, w.position)
        }
        Ok(Outcome::Reallocated(done)) => format!("{done:?}"),
        Ok(Outcome::Refused(Refusal::AlreadyPromoted(_))) => "promoted before".to_owned(),
        Ok(Outcome::Refused(Refusal::CapacityBelowBooked(_, error))) => format!("{error}"),
        Ok(Outcome::Changed(record_change)) => {
            let row = &record_change.event.types[0];
            format!("changed {:?} {:?}, unservable {:?}", row.stock.capacity, row.limits, record_change.unservable.values())
        }
        other => format!("{other:?}"),
    }
}

/// Describes an entry of a wish.
fn place(named: &NamedEntry) -> String {
    format!("{} {} {}", size(&named.entry), named.entry.number, named.position.unwrap_or_default())
}

/// Describes how many tickets an entry wants.
fn size(entry: &WaitlistEntry) -> String {
    let PartySize { quantity, min_quantity } = entry.size;
    if min_quantity == quantity { quantity.to_string() } else { format!("{min_quantity} to {quantity}") }
}

/// Returns the commands of a history for one event. Each step refers to the same booking or entry in every event.
fn commands(
    fixture: &InventoryFixture,
    key: TypeKey,
    accounts: &[rowlock_domain::ids::AccountId],
    history: &[Vec<Step>],
) -> Vec<Vec<Command>> {
    let mut booked: Vec<Book> = Vec::new();
    let mut all = Vec::new();
    for batch in history {
        let mut commands = Vec::new();
        for step in batch {
            match step {
                Step::Book { account, quantity, min_quantity, key: idempotency } => {
                    let mut book = fixture.book(key, accounts[*account], *quantity);
                    book.min_quantity = min_quantity.map(|min| Quantity::new(min.min(*quantity).into()).unwrap());
                    book.idempotency = idempotency.map(|n| Idempotency {
                        key: format!("key-{n}").parse().unwrap(),
                        request_hash: [u8::try_from(*quantity).unwrap(); 32],
                    });
                    booked.push(book.clone());
                    commands.push(Command::Book(book));
                }
                Step::Cancel { which, part } if !booked.is_empty() => commands.push(cancel(&booked[which % booked.len()], *part)),
                Step::Leave(which) if !booked.is_empty() => commands.push(leave(&booked[which % booked.len()])),
                Step::ChangeEntry { which, quantity, min_quantity } if !booked.is_empty() => {
                    commands.push(change_entry(&booked[which % booked.len()], *quantity, *min_quantity));
                }
                Step::Reallocate(limit) => commands.push(reallocate(key, *limit)),
                Step::Capacity(capacity) => {
                    commands.push(change(key, |types| types.capacity = Some(Capacity::new((*capacity).into()).unwrap())));
                }
                Step::Limit(limit) => {
                    commands
                        .push(change(key, |types| types.max_per_account = Some(limit.map(|max| AccountLimit::new(max.into()).unwrap()))));
                }
                Step::MaxPerBooking(max) => {
                    commands.push(change(key, |types| types.max_per_booking = Some(Quantity::new((*max).into()).unwrap())));
                }
                Step::Begin(started) => {
                    // This command needs its own batch, because the rows to close are read in the phase in which the batch
                    // begins.
                    all.push(std::mem::take(&mut commands));
                    let starts_at = if *started { "2020-01-01T00:00:00Z" } else { "2120-01-01T00:00:00Z" };
                    commands.push(move_start(key, starts_at.parse().unwrap()));
                    all.push(std::mem::take(&mut commands));
                }
                Step::Cancel { .. } | Step::Leave(_) | Step::ChangeEntry { .. } => {}
            }
        }
        all.push(commands);
    }
    all
}

#[derive(QueryableByName, Debug, PartialEq)]
struct Row {
    #[diesel(sql_type = Text)]
    row: String,
}

/// Returns everything about an event that must not depend on how its commands were grouped.
async fn state(fixture: &InventoryFixture, key: TypeKey) -> Vec<Row> {
    let mut conn = fixture.database.admin().await;
    let event = key.event;
    // `tickets.released` is sent once per transaction, so the number of these messages and the later sequence numbers vary.
    let sql = format!(
        "SELECT format('%s %s %s %s %s %s', capacity, available, booked, held, waiting, next_waitlist_number) AS row FROM ticket_types WHERE event_id = '{event}'
         UNION ALL (SELECT format('entry %s %s %s %s', number, min_quantity, quantity, status) FROM waitlist_entries WHERE event_id = '{event}' ORDER BY number)
         UNION ALL (SELECT format('booking %s %s %s', quantity, status, origin) FROM bookings WHERE event_id = '{event}' ORDER BY quantity, status, origin)
         UNION ALL (SELECT format('count %s %s %s', level, bucket, waiting) FROM waitlist_counts WHERE event_id = '{event}' AND waiting > 0 ORDER BY level, bucket)
         UNION ALL (SELECT format('log %s %s %s %s %s %s %s %s', position, kind, entry_number, previous_number, quantity, min_quantity, free, max_per_booking)
                      FROM queue_log WHERE event_id = '{event}' ORDER BY position)
         UNION ALL (SELECT 'message ' || routing_key FROM outbox_messages WHERE event_id = '{event}' AND routing_key NOT IN ('tickets.released', 'event.created') ORDER BY id, n)"
    );
    diesel::sql_query(sql).load(&mut conn).await.unwrap()
}

#[derive(QueryableByName)]
struct Sequence {
    #[diesel(sql_type = BigInt)]
    sequence: i64,
}

/// Asserts that the messages of a type are numbered 1, 2, 3 and so on in the order of the outbox.
async fn assert_sequences_are_gapless(fixture: &InventoryFixture, key: TypeKey) {
    let mut conn = fixture.database.admin().await;
    let sql = format!(
        "SELECT (payload::json->>'sequence')::bigint AS sequence FROM outbox_messages WHERE event_id = '{0}' AND routing_key NOT LIKE 'event.%' ORDER BY id, n",
        key.event
    );
    let sequences: Vec<i64> =
        diesel::sql_query(sql).load::<Sequence>(&mut conn).await.unwrap().into_iter().map(|row| row.sequence).collect();
    assert_eq!(sequences, (1..=i64::try_from(sequences.len()).unwrap()).collect::<Vec<_>>());
}

/// Runs random histories one command at a time and with `run`, which returns the `summarize` of each outcome, and compares them.
pub(crate) fn compare_with_single_commands(run: &impl AsyncFn(&InventoryFixture, Vec<Vec<Command>>) -> Vec<String>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = runtime.block_on(InventoryFixture::new());
    proptest!(ProptestConfig { cases: 64, max_shrink_iters: 200, ..ProptestConfig::default() }, |(history in histories(), capacity in 0u32..=9)| {
        runtime.block_on(async {
            let accounts: Vec<_> = (0..5).map(|_| fixture.account()).collect();
            let (single, grouped) = (fixture.event(capacity).await, fixture.event(capacity).await);
            let mut one_by_one = Vec::new();
            for command in commands(&fixture, single, &accounts, &history).into_iter().flatten() {
                one_by_one.push(summarize(&fixture.inventory.run_one(command).await));
            }
            assert_eq!(run(&fixture, commands(&fixture, grouped, &accounts, &history)).await, one_by_one);
            assert_eq!(state(&fixture, grouped).await, state(&fixture, single).await);
            assert_sequences_are_gapless(&fixture, single).await;
            assert_sequences_are_gapless(&fixture, grouped).await;
            fixture.verify_queue_log(grouped).await;
        });
    });
    runtime.block_on(fixture.close());
}

#[test]
fn a_batch_is_the_same_as_its_commands_one_after_the_other() {
    compare_with_single_commands(&async |fixture, batches| {
        let mut recorder = Vec::new();
        for batch in batches {
            recorder.extend(fixture.inventory.run(batch, LockWait::Wait).await.iter().map(summarize));
        }
        recorder
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_spans_events_and_only_the_command_for_an_unknown_event_is_refused() {
    let fixture = InventoryFixture::new().await;
    let keys = [fixture.event(1).await, fixture.event(1).await];
    fixture.inventory.run_one(Command::Book(fixture.book(keys[1], fixture.account(), 1))).await.unwrap();
    let unknown = TypeKey { event: rowlock_domain::ids::EventId::from_uuid(fixture.clock.uuid()), ..keys[0] };
    let ada = fixture.account();
    let batch = [keys[1], unknown, keys[0], keys[0]].map(|key| Command::Book(fixture.book(key, ada, 1))).to_vec();
    let outcomes = fixture.inventory.run(batch, LockWait::Wait).await;
    let essences: Vec<_> = outcomes.iter().map(summarize).collect();
    assert_eq!(essences, ["waits 1 1 Some(1)", "Ok(Refused(EventNotFound))", "booked 1", "waits 1 1 Some(1)"]);
    fixture.close().await;
}

#[derive(QueryableByName)]
struct Transactions {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_one_transaction_or_one_for_each_event_if_that_is_wanted() {
    for (one_event_per_transaction, transactions) in [(false, 1), (true, 3)] {
        let fixture = InventoryFixture::with(one_event_per_transaction).await;
        let [first, second, third] = [fixture.event(2).await, fixture.event(1).await, fixture.event(1).await];
        let ada = fixture.account();
        let batch = [second, first, third, second, first].map(|key| Command::Book(fixture.book(key, ada, 1))).to_vec();
        let outcomes = fixture.inventory.run(batch, LockWait::Skip).await;
        let essences: Vec<_> = outcomes.iter().map(summarize).collect();
        assert_eq!(essences, ["booked 1", "booked 1", "booked 1", "waits 1 1 Some(1)", "booked 1"]);
        let mut conn = fixture.database.admin().await;
        let count = "SELECT count(DISTINCT xmin::text) AS number FROM bookings";
        let found: Transactions = diesel::sql_query(count).get_result(&mut conn).await.unwrap();
        assert_eq!(found.number, transactions);
        drop(conn);
        fixture.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_command_does_not_fail_its_neighbors() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(5).await;
    let (ada, ben) = (fixture.account(), fixture.account());
    let first = fixture.book(key, ada, 1);
    fixture.inventory.run_one(Command::Book(first.clone())).await.unwrap();
    // The id exists already, so the database rejects the whole statement.
    let bad = Book { booking: first.booking, ..fixture.book(key, ben, 1) };
    let outcomes = fixture
        .inventory
        .run(vec![Command::Book(fixture.book(key, ben, 2)), Command::Book(bad), cancel(&first, None)], LockWait::Wait)
        .await;
    assert_eq!(summarize(&outcomes[0]), "booked 2");
    assert!(matches!(outcomes[1], Err(CommandError::Failed(_))), "{:?}", outcomes[1]);
    assert_eq!(summarize(&outcomes[2]), "returned 1 cancelled");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_on_locked_rows_are_skipped() {
    let fixture = InventoryFixture::new().await;
    let (stuck, free) = (fixture.event(1).await, fixture.event(1).await);
    let mut other = fixture.database.admin().await;
    other.batch_execute(&format!("BEGIN; SELECT FROM ticket_types WHERE event_id = '{}' FOR UPDATE", stuck.event)).await.unwrap();
    let ada = fixture.account();
    let batch = [stuck, free].map(|key| Command::Book(fixture.book(key, ada, 1))).to_vec();
    let outcomes = fixture.inventory.run(batch, LockWait::Skip).await;
    assert_eq!(outcomes[0], Ok(Outcome::Skipped));
    assert_eq!(summarize(&outcomes[1]), "booked 1");
    other.batch_execute("COMMIT").await.unwrap();
    let mut conn = checkout(&fixture.pool).await.unwrap();
    assert_eq!(queries::event(&mut conn, stuck.event).await.unwrap().unwrap().types[0].stock.available, 1);
    drop(conn);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_what_the_rule_forbids() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(3).await;
    let mut conn = fixture.database.admin().await;
    for wrong in [
        "booked = booked + 1",
        "available = available - 1",
        "available = -1, booked = 4",
        "held = 1, available = 2",
        "held = 3, available = 0",
        "capacity = 2",
        "waiting = -1",
    ] {
        let sql = format!("UPDATE ticket_types SET {wrong} WHERE event_id = '{}'", key.event);
        let refused = conn.batch_execute(&sql).await.unwrap_err().to_string();
        assert!(refused.contains("violates check constraint"), "{wrong}: {refused}");
    }
    fixture.close().await;
}
