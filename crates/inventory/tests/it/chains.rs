//! Tests that chained transactions have the same outcomes as single commands, and leave no locks behind even if one fails.

use std::sync::{Arc, Mutex};

use diesel_async::SimpleAsyncConnection;
use rowlock_domain::ids::TypeKey;
use rowlock_inventory::command::Book;
use rowlock_inventory::{Answered, Begun, Behind, Command, CommandError, LockWait, Next, Outcome, Traced};

use crate::batches::{compare_with_single_commands, essence};
use crate::desk::{Desk, cancel};

/// Collects the reported outcomes in order.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn hear(&self) -> impl FnOnce(Answered<Traced>) + Send + 'static {
        let told = self.clone();
        move |answered| told.0.lock().unwrap().extend(answered.iter().map(|(_, outcome)| essence(outcome)))
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn traced(commands: impl IntoIterator<Item = Command>) -> Vec<Traced> {
    commands.into_iter().map(Traced::from).collect()
}

/// Runs batches as a chain. Commands that the previous batch admits join that batch.
async fn run_chain(desk: &Desk, batches: Vec<Vec<Command>>, told: &Told) {
    let mut begun: Option<Begun<Traced>> = None;
    for batch in batches {
        let mut waiting = traced(batch);
        if let Some(mut present) = begun.take() {
            while !waiting.is_empty() {
                if let Err(refused) = present.admit(waiting.remove(0)) {
                    waiting.insert(0, refused);
                    break;
                }
            }
            let expected = present.requests().iter().filter_map(|request| request.command.only_type()).take(1).collect();
            match present.finish(Next { requests: waiting, expected }, told.hear()).await {
                Behind::Begun(next) => {
                    begun = Some(next);
                    continue;
                }
                Behind::NotBegun(requests) => waiting = requests,
            }
        }
        begun = Some(desk.inventory.begin(waiting).await);
    }
    if let Some(last) = begun {
        assert!(matches!(last.finish(Next::nothing(), told.hear()).await, Behind::NotBegun(rest) if rest.is_empty()));
    }
}

#[test]
fn a_chain_is_the_same_as_its_commands_one_after_the_other() {
    compare_with_single_commands(&async |desk, batches| {
        let told = Told::default();
        run_chain(desk, batches, &told).await;
        told.all()
    });
}

async fn lock_elsewhere(desk: &Desk, key: TypeKey) -> diesel_async::AsyncPgConnection {
    let mut somebody = desk.database.admin().await;
    somebody.batch_execute(&format!("BEGIN; SELECT FROM ticket_types WHERE event_id = '{}' FOR UPDATE NOWAIT", key.event)).await.unwrap();
    somebody
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_stuck_is_taken_out_and_what_was_expected_in_vain_is_let_go() {
    let desk = Desk::new().await;
    let (stuck, free, expected) = (desk.event(1).await, desk.event(2).await, desk.event(1).await);
    let mut somebody = lock_elsewhere(&desk, stuck).await;
    let book = |key| Traced::from(Command::Book(desk.book(key, desk.account(), 1)));
    let told = Told::default();

    let mut first = desk.inventory.begin(vec![book(stuck), book(free)]).await;
    assert_eq!(first.take_out_stuck().len(), 1);
    assert!(first.admit(book(stuck)).is_err(), "its row is locked elsewhere");
    assert!(first.admit(book(expected)).is_err(), "its row was not taken");
    first.admit(book(free)).unwrap();
    let next = Next { requests: vec![book(stuck)], expected: vec![expected, stuck] };
    let Behind::Begun(mut second) = first.finish(next, told.hear()).await else { panic!("nothing was in the way") };
    assert_eq!(told.all(), ["booked 1", "booked 1"]);
    assert_eq!((second.take_out_stuck().len(), second.is_empty()), (1, true));
    assert!(matches!(second.finish(Next::nothing(), told.hear()).await, Behind::NotBegun(rest) if rest.is_empty()));
    assert_eq!(told.all().len(), 2);

    // No row is locked except the one that the other transaction holds.
    for key in [free, expected] {
        lock_elsewhere(&desk, key).await.batch_execute("ROLLBACK").await.unwrap();
    }
    somebody.batch_execute("ROLLBACK").await.unwrap();
    drop(somebody);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_the_database_refuses_takes_its_successor_with_it_but_not_its_neighbours() {
    let desk = Desk::new().await;
    let key = desk.event(5).await;
    let first = desk.book(key, desk.account(), 1);
    desk.inventory.run_one(Command::Book(first.clone())).await.unwrap();
    // The id exists already, so the database rejects the whole statement.
    let bad = Book { booking: first.booking, ..desk.book(key, desk.account(), 1) };
    let (answers, heard) = std::sync::mpsc::channel();
    let tell = move |answered: Answered<Traced>| answers.send(answered).unwrap();
    let begun = desk.inventory.begin(traced([Command::Book(desk.book(key, desk.account(), 2)), Command::Book(bad)])).await;
    let next = Next { requests: traced([cancel(&first, None)]), expected: vec![key] };
    let Behind::NotBegun(rest) = begun.finish(next, tell).await else { panic!("it was begun behind a failure") };

    let answered: Vec<_> = heard.recv().unwrap().into_iter().map(|(_, outcome)| outcome).collect();
    assert!(matches!(&answered[0], Ok(Outcome::Booked(_))), "{:?}", answered[0]);
    assert!(matches!(&answered[1], Err(CommandError::Failed(_))), "{:?}", answered[1]);
    let outcomes = desk.inventory.run(rest, LockWait::Wait).await;
    assert_eq!(outcomes.iter().map(essence).collect::<Vec<_>>(), ["returned 1 cancelled"]);
    desk.close().await;
}
