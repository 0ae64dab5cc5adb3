//! Random histories of wishes: a batch has the same outcomes as its commands one by one, and the invariants hold after each.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use proptest::prelude::*;
use rowlock_domain::ids::{AccountId, TypeKey};
use rowlock_domain::values::{AccountLimit, Capacity, Quantity};
use rowlock_inventory::audit::check;
use rowlock_inventory::command::{Authority, Book, BookWish, CancelBooking, Target};
use rowlock_inventory::{Command, CommandError, LockWait, Outcome, Refusal};

use crate::batches::summarize;
use crate::fixture::{InventoryFixture, cancel, change, change_entry, choice, leave, leave_wish, reallocate};
use crate::sold_out::wished;

const TYPES: usize = 3;
const ACCOUNTS: usize = 8;

#[derive(Debug, Clone)]
enum Step {
    Wish { account: usize, types: Vec<usize>, quantity: u32, min_quantity: Option<u32> },
    Book { account: usize, ticket_type: usize, quantity: u32 },
    Cancel { which: usize, part: Option<u32> },
    Leave { which: usize, choice: usize, whole: bool },
    ChangeEntry { which: usize, choice: usize, quantity: Option<u32>, min_quantity: Option<u32> },
    Reallocate { ticket_type: usize, limit: usize },
    Capacity { ticket_type: usize, capacity: u32 },
    Limit { ticket_type: usize, limit: Option<u32> },
}

fn histories() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let types = prop::sample::subsequence(vec![0, 1, 2], 2..=TYPES).prop_shuffle();
    let step = prop_oneof![
        5 => (0..ACCOUNTS, types, 1u32..=4, prop::option::of(1u32..=4))
            .prop_map(|(account, types, quantity, min_quantity)| Step::Wish { account, types, quantity, min_quantity }),
        3 => (0..ACCOUNTS, 0..TYPES, 1u32..=4).prop_map(|(account, ticket_type, quantity)| Step::Book { account, ticket_type, quantity }),
        5 => (any::<usize>(), prop::option::of(1u32..=4)).prop_map(|(which, part)| Step::Cancel { which, part }),
        2 => (any::<usize>(), any::<usize>(), any::<bool>()).prop_map(|(which, choice, whole)| Step::Leave { which, choice, whole }),
        2 => (any::<usize>(), any::<usize>(), prop::option::weighted(0.8, 1u32..=4), prop::option::of(1u32..=4))
            .prop_map(|(which, choice, quantity, min_quantity)| Step::ChangeEntry { which, choice, quantity, min_quantity }),
        3 => (0..TYPES, 1usize..=3).prop_map(|(ticket_type, limit)| Step::Reallocate { ticket_type, limit }),
        1 => (0..TYPES, 0u32..=6).prop_map(|(ticket_type, capacity)| Step::Capacity { ticket_type, capacity }),
        1 => (0..TYPES, prop::option::of(1u32..=6)).prop_map(|(ticket_type, limit)| Step::Limit { ticket_type, limit }),
    ];
    prop::collection::vec(prop::collection::vec(step, 1..10), 1..8)
}

/// Returns tickets of the only booking that an account has at an event.
fn cancel_only(key: TypeKey, account: AccountId, part: Option<u32>) -> Command {
    Command::CancelBooking(CancelBooking {
        event: key.event,
        account,
        target: Target::OnlyAtEvent(None),
        quantity: part.map(|part| Quantity::new(part.into()).unwrap()),
        idempotency: None,
        authority: Authority::Holder,
    })
}

/// Describes an outcome of an event with several types without ids and times.
fn describe(outcome: &Result<Outcome, CommandError>) -> String {
    match outcome {
        Ok(Outcome::Refused(Refusal::AmbiguousBooking(ids))) => format!("{} bookings", ids.len()),
        Ok(Outcome::Changed(changed)) => {
            let capacities: Vec<_> = changed.event.types.iter().map(|row| (row.stock.capacity, row.limits)).collect();
            format!("changed {capacities:?}, unservable {}", changed.unservable.values().sum::<u32>())
        }
        other => summarize(other),
    }
}

/// Returns the commands of a history for one event. A batch has at most one allocation pass: the pass of a second type can find that
/// the first one has ended the entries that were read for it, and then leaves the rest to the next transaction.
fn commands(fixture: &InventoryFixture, keys: &[TypeKey], accounts: &[AccountId], history: &[Vec<Step>]) -> Vec<Vec<Command>> {
    let mut wishes: Vec<BookWish> = Vec::new();
    // The booking of a wish can be of any of its types, so it is found by its account.
    let mut booked: Vec<Result<Book, AccountId>> = Vec::new();
    let mut all = Vec::new();
    for batch in history {
        let mut commands = Vec::new();
        for step in batch {
            let wish_of =
                |which: &usize, index: &usize| wishes.get(which % wishes.len().max(1)).map(|wish| (wish, index % wish.types.len()));
            match step {
                Step::Wish { account, types, quantity, min_quantity } => {
                    let keys: Vec<_> = types.iter().map(|index| keys[*index]).collect();
                    let min_quantity = min_quantity.map(|min| Quantity::new(min.min(*quantity).into()).unwrap());
                    let wish = BookWish { min_quantity, ..fixture.wish(&keys, accounts[*account], *quantity) };
                    booked.push(Err(accounts[*account]));
                    commands.push(wished(&wish));
                    wishes.push(wish);
                }
                Step::Book { account, ticket_type, quantity } => {
                    let book = fixture.book(keys[*ticket_type], accounts[*account], *quantity);
                    commands.push(Command::Book(book.clone()));
                    booked.push(Ok(book));
                }
                Step::Cancel { which, part } => {
                    let command = |booked: &Result<Book, AccountId>| match booked {
                        Ok(book) => cancel(book, *part),
                        Err(account) => cancel_only(keys[0], *account, *part),
                    };
                    commands.extend(booked.get(which % booked.len().max(1)).map(command));
                }
                Step::Leave { which, choice: index, whole } => commands.extend(
                    wish_of(which, index).map(|(wish, index)| if *whole { leave_wish(wish, index) } else { leave(&choice(wish, index)) }),
                ),
                Step::ChangeEntry { which, choice: index, quantity, min_quantity } => {
                    commands
                        .extend(wish_of(which, index).map(|(wish, index)| change_entry(&choice(wish, index), *quantity, *min_quantity)));
                }
                Step::Reallocate { ticket_type, limit } => {
                    commands.push(reallocate(keys[*ticket_type], *limit));
                    all.push(std::mem::take(&mut commands));
                }
                Step::Capacity { ticket_type, capacity } => {
                    let capacity = Capacity::new((*capacity).into()).unwrap();
                    commands.push(change(keys[*ticket_type], |types| types.capacity = Some(capacity)));
                }
                Step::Limit { ticket_type, limit } => {
                    let limit = limit.map(|max| AccountLimit::new(max.into()).unwrap());
                    commands.push(change(keys[*ticket_type], |types| types.max_per_account = Some(limit)));
                }
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
async fn state(fixture: &InventoryFixture, keys: &[TypeKey]) -> Vec<Row> {
    let event = keys[0].event;
    let sql = format!(
        "WITH types AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM ticket_types WHERE event_id = '{event}')
         (SELECT format('%s %s %s %s %s %s %s', n, capacity, available, booked, held, waiting, next_waitlist_number) AS row
           FROM ticket_types t JOIN types USING (id) ORDER BY n)
         UNION ALL (SELECT format('entry %s %s %s %s %s %s', n, number, preference, min_quantity, quantity, status)
           FROM waitlist_entries w JOIN types ON types.id = w.ticket_type_id ORDER BY n, number)
         UNION ALL (SELECT format('booking %s %s %s %s', n, quantity, status, origin)
           FROM bookings b JOIN types ON types.id = b.ticket_type_id ORDER BY n, quantity, status, origin)
         UNION ALL (SELECT format('count %s %s %s', level, bucket, waiting) FROM waitlist_counts
                     WHERE event_id = '{event}' AND waiting > 0 ORDER BY ticket_type_id, level, bucket)
         UNION ALL (SELECT format('log %s %s %s %s', n, position, kind, entry_number)
           FROM queue_log q JOIN types ON types.id = q.ticket_type_id ORDER BY n, position)
         UNION ALL (SELECT 'message ' || routing_key FROM outbox_messages
                     WHERE event_id = '{event}' AND routing_key NOT IN ('tickets.released', 'event.created') ORDER BY id, n)"
    );
    diesel::sql_query(sql).load(&mut fixture.database.admin().await).await.unwrap()
}

/// Runs passes of all types, in one batch as a worker would, until nothing is left to do, and asserts that the audit finds nothing.
async fn settle(fixture: &InventoryFixture, keys: &[TypeKey]) {
    for _ in 0..20 {
        let passes = keys.iter().map(|key| reallocate(*key, 10)).collect();
        let outcomes = fixture.inventory.run(passes, LockWait::Skip).await;
        if outcomes.iter().all(|outcome| matches!(outcome, Ok(Outcome::Reallocated(done)) if !done.unfinished)) {
            let findings = check(&mut fixture.database.admin().await).await.unwrap();
            assert!(findings.iter().all(|finding| finding.count == 0), "{findings:?}");
            return;
        }
    }
    panic!("the passes do not come to an end");
}

#[test]
fn a_batch_with_wishes_is_the_same_as_its_commands_one_after_the_other() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = runtime.block_on(InventoryFixture::new());
    let config = ProptestConfig { cases: 64, max_shrink_iters: 200, ..ProptestConfig::default() };
    proptest!(config, |(history in histories(), capacities in prop::collection::vec(0u32..=5, TYPES))| {
        runtime.block_on(async {
            let accounts: Vec<_> = (0..ACCOUNTS).map(|_| fixture.account()).collect();
            let single = fixture.event_of(&capacities, None, None).await;
            let grouped = fixture.event_of(&capacities, None, None).await;
            let mut one_by_one = Vec::new();
            for command in commands(&fixture, &single, &accounts, &history).into_iter().flatten() {
                one_by_one.push(describe(&fixture.inventory.run_one(command).await));
            }
            let mut in_batches = Vec::new();
            for batch in commands(&fixture, &grouped, &accounts, &history) {
                in_batches.extend(fixture.inventory.run(batch, LockWait::Wait).await.iter().map(describe));
            }
            assert_eq!(in_batches, one_by_one);
            assert_eq!(state(&fixture, &grouped).await, state(&fixture, &single).await);
            settle(&fixture, &grouped).await;
        });
    });
    runtime.block_on(fixture.close());
}
