//! Tests that chained transactions have the same outcomes as single commands, and leave no locks behind even if one fails.

use std::sync::{Arc, Mutex};

use diesel_async::SimpleAsyncConnection;
use rowlock_domain::ids::TypeKey;
use rowlock_inventory::command::Book;
use rowlock_inventory::{Command, CommandError, LockWait, NextBatch, Outcome, PipelinedBatch, RequestResults, StartedBatch, TracedCommand};

use crate::batches::{compare_with_single_commands, summarize};
use crate::fixture::{InventoryFixture, cancel};

/// Collects the reported outcomes in order.
#[derive(Clone, Default)]
struct OutcomeRecorder(Arc<Mutex<Vec<String>>>);

impl OutcomeRecorder {
    fn callback(&self) -> impl FnOnce(RequestResults<TracedCommand>) + Send + 'static {
        let recorder = self.clone();
        move |results| recorder.0.lock().unwrap().extend(results.iter().map(|(_, outcome)| summarize(outcome)))
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn traced(commands: impl IntoIterator<Item = Command>) -> Vec<TracedCommand> {
    commands.into_iter().map(TracedCommand::from).collect()
}

/// Runs batches as a chain. Commands that the previous batch admits join that batch.
async fn run_chain(fixture: &InventoryFixture, batches: Vec<Vec<Command>>, recorder: &OutcomeRecorder) {
    let mut started: Option<StartedBatch<TracedCommand>> = None;
    for batch in batches {
        let mut waiting = traced(batch);
        if let Some(mut present) = started.take() {
            while !waiting.is_empty() {
                if let Err(refused) = present.try_add(waiting.remove(0)) {
                    waiting.insert(0, refused);
                    break;
                }
            }
            let expected = present.requests().iter().filter_map(|request| request.command.only_type()).take(1).collect();
            match present.commit(NextBatch { requests: waiting, expected }, recorder.callback()).await {
                PipelinedBatch::Started(next) => {
                    started = Some(next);
                    continue;
                }
                PipelinedBatch::NotStarted(requests) => waiting = requests,
            }
        }
        started = Some(fixture.inventory.begin(waiting).await);
    }
    if let Some(last) = started {
        assert!(matches!(last.commit(NextBatch::empty(), recorder.callback()).await, PipelinedBatch::NotStarted(rest) if rest.is_empty()));
    }
}

#[test]
fn a_chain_is_the_same_as_its_commands_one_after_the_other() {
    compare_with_single_commands(&async |fixture, batches| {
        let recorder = OutcomeRecorder::default();
        run_chain(fixture, batches, &recorder).await;
        recorder.all()
    });
}

async fn lock_in_another_transaction(fixture: &InventoryFixture, key: TypeKey) -> diesel_async::AsyncPgConnection {
    let mut other = fixture.database.admin().await;
    other.batch_execute(&format!("BEGIN; SELECT FROM ticket_types WHERE event_id = '{}' FOR UPDATE NOWAIT", key.event)).await.unwrap();
    other
}

#[tokio::test(flavor = "multi_thread")]
async fn blocked_commands_are_returned_and_unused_locks_are_released() {
    let fixture = InventoryFixture::new().await;
    let (stuck, free, expected) = (fixture.event(1).await, fixture.event(2).await, fixture.event(1).await);
    let mut other = lock_in_another_transaction(&fixture, stuck).await;
    let book = |key| TracedCommand::from(Command::Book(fixture.book(key, fixture.account(), 1)));
    let recorder = OutcomeRecorder::default();

    let mut first = fixture.inventory.begin(vec![book(stuck), book(free)]).await;
    assert_eq!(first.take_blocked().len(), 1);
    assert!(first.try_add(book(stuck)).is_err(), "its row is locked elsewhere");
    assert!(first.try_add(book(expected)).is_err(), "its row was not taken");
    first.try_add(book(free)).unwrap();
    let next = NextBatch { requests: vec![book(stuck)], expected: vec![expected, stuck] };
    let PipelinedBatch::Started(mut second) = first.commit(next, recorder.callback()).await else { panic!("nothing was in the way") };
    assert_eq!(recorder.all(), ["booked 1", "booked 1"]);
    assert_eq!((second.take_blocked().len(), second.is_empty()), (1, true));
    assert!(matches!(second.commit(NextBatch::empty(), recorder.callback()).await, PipelinedBatch::NotStarted(rest) if rest.is_empty()));
    assert_eq!(recorder.all().len(), 2);

    // No row is locked except the one that the other transaction holds.
    for key in [free, expected] {
        lock_in_another_transaction(&fixture, key).await.batch_execute("ROLLBACK").await.unwrap();
    }
    other.batch_execute("ROLLBACK").await.unwrap();
    drop(other);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_transaction_fails_only_its_bad_command_and_restarts_its_successor() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(5).await;
    let first = fixture.book(key, fixture.account(), 1);
    fixture.inventory.run_one(Command::Book(first.clone())).await.unwrap();
    // The id exists already, so the database rejects the whole statement.
    let bad = Book { booking: first.booking, ..fixture.book(key, fixture.account(), 1) };
    let (sender, heard) = std::sync::mpsc::channel();
    let tell = move |results: RequestResults<TracedCommand>| sender.send(results).unwrap();
    let started = fixture.inventory.begin(traced([Command::Book(fixture.book(key, fixture.account(), 2)), Command::Book(bad)])).await;
    let next = NextBatch { requests: traced([cancel(&first, None)]), expected: vec![key] };
    let PipelinedBatch::NotStarted(rest) = started.commit(next, tell).await else { panic!("it was begun behind a failure") };

    let results: Vec<_> = heard.recv().unwrap().into_iter().map(|(_, outcome)| outcome).collect();
    assert!(matches!(&results[0], Ok(Outcome::Booked(_))), "{:?}", results[0]);
    assert!(matches!(&results[1], Err(CommandError::Failed(_))), "{:?}", results[1]);
    let outcomes = fixture.inventory.run(rest, LockWait::Wait).await;
    assert_eq!(outcomes.iter().map(summarize).collect::<Vec<_>>(), ["returned 1 cancelled"]);
    fixture.close().await;
}
