//! Tests that every change of a queue is in its log, exactly once and in the order in which it was committed.

use std::sync::Arc;

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use rowlock_domain::auditlog::{Actor, ActorRole};
use rowlock_domain::ids::TypeKey;
use rowlock_domain::queue_log::verifier::{QueueLogReport, QueueLogVerifier};
use rowlock_domain::queue_log::{QueueLogHead, QueueLogRecord};
use rowlock_domain::values::Quantity;
use rowlock_inventory::command::{Authority, Book, ByAdministrator, ChangeEvent, LeaveWaitlist, StatusTransition, Target};
use rowlock_inventory::{Command, LockWait, audit, queries};

use crate::fixture::{InventoryFixture, cancel, change, change_entry, leave, move_start, reallocate};

impl InventoryFixture {
    /// Reads the log of a type page by page.
    async fn queue_log(&self, key: TypeKey) -> (Vec<QueueLogRecord>, QueueLogHead) {
        let mut conn = self.database.admin().await;
        let mut records: Vec<QueueLogRecord> = Vec::new();
        loop {
            let after = records.last().map_or(0, |last| last.position);
            let page = queries::queue_log(&mut conn, key, after, 7).await.unwrap().unwrap();
            if page.records.is_empty() {
                return (records, page.head);
            }
            records.extend(page.records);
        }
    }

    async fn report(&self, key: TypeKey) -> QueueLogReport {
        let (records, head) = self.queue_log(key).await;
        let mut verifier = QueueLogVerifier::new(key);
        for record in &records {
            verifier.push(record).unwrap_or_else(|violation| panic!("{violation}: {records:?}"));
        }
        verifier.finish(head).unwrap()
    }

    /// Asserts that the log of a type is in order and complete, and returns its figures.
    pub(crate) async fn verify_queue_log(&self, key: TypeKey) -> QueueLogReport {
        let report = self.report(key).await;
        assert_eq!(report.restarts, 0);
        let event = queries::event(&mut self.database.admin().await, key.event).await.unwrap().unwrap();
        assert_eq!(report.waiting, u64::from(event.types[0].stock.waiting));
        report
    }

    /// Returns the records of a log in short.
    async fn changes(&self, key: TypeKey) -> Vec<String> {
        let (records, _) = self.queue_log(key).await;
        let short = |QueueLogRecord { change, .. }: &QueueLogRecord| {
            let from = change.previous_number.map(|previous| format!(" from {previous}")).unwrap_or_default();
            let size = match (change.quantity, change.min_quantity, change.free, change.max_per_booking) {
                (Some(given), None, Some(free), Some(max)) => format!(": {given} of {free}, at most {max}"),
                (Some(quantity), Some(min), None, None) if min < quantity => format!(": {min} to {quantity}"),
                (Some(quantity), Some(_), None, None) => format!(": {quantity}"),
                (None, None, None, None) => String::new(),
                other => panic!("{other:?}"),
            };
            format!("{} {}{from}{size}", change.kind, change.number)
        };
        records.iter().map(short).collect()
    }

    async fn run_each(&self, commands: impl IntoIterator<Item = Command>) {
        for command in commands {
            self.inventory.run_one(command).await.unwrap();
        }
    }

    async fn audit_finds_nothing(&self) {
        let findings = audit::check(&mut self.database.admin().await).await.unwrap();
        assert!(findings.iter().all(|finding| finding.count == 0), "{findings:?}");
    }
}

fn remove(book: &Book) -> Command {
    let actor = Actor { account_id: None, role: ActorRole::Operator, request_id: None };
    Command::LeaveWaitlist(LeaveWaitlist {
        event: book.key.event,
        account: book.holder.account,
        target: Target::ById(book.entry, book.key.ticket_type),
        whole_wish: false,
        idempotency: None,
        authority: Authority::Administrator(Box::new(ByAdministrator { actor, reason: None })),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change_is_recorded() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(4).await;
    let holder = fixture.book(key, fixture.account(), 4);
    let mut parties: Vec<Book> = (0..6).map(|_| fixture.book(key, fixture.account(), 2)).collect();
    parties[1].min_quantity = Some(Quantity::ONE);
    fixture.run_each([Command::Book(holder.clone())].into_iter().chain(parties.iter().cloned().map(Command::Book))).await;
    let changes = [
        change_entry(&parties[0], 3, None),
        change_entry(&parties[2], 1, None),
        leave(&parties[3]),
        remove(&parties[4]),
        // A repetition changes nothing.
        leave(&parties[3]),
        cancel(&holder, Some(3)),
        change(key, |types| types.max_per_booking = Some(Quantity::ONE)),
    ];
    fixture.run_each(changes).await;
    fixture.run_each([reallocate(key, 10)]).await;
    let begins = ChangeEvent {
        starts_at: Some(Some("2020-01-01T00:00:00Z".parse().unwrap())),
        close_waitlist: true,
        ..ChangeEvent::unchanged(key.event)
    };
    fixture.run_each([Command::ChangeEvent(Box::new(begins)), reallocate(key, 10)]).await;
    fixture.run_each([move_start(key, "2120-01-01T00:00:00Z".parse().unwrap())]).await;
    let expected = [
        "joined 1: 2",
        "joined 2: 1 to 2",
        "joined 3: 2",
        "joined 4: 2",
        "joined 5: 2",
        "joined 6: 2",
        "moved 7 from 1: 3",
        "changed 3: 1",
        "left 4",
        "removed 5",
        "promoted 2: 1 of 3, at most 1",
        "promoted 3: 1 of 2, at most 1",
        "closed 6",
        "closed 7",
        "reopened 6: 2",
        "reopened 7: 3",
    ];
    assert_eq!(fixture.changes(key).await, expected);
    let report = fixture.verify_queue_log(key).await;
    assert_eq!((report.entries, report.promotions, report.tickets, report.ended, report.waiting), (6, 2, 2, 2, 2));

    let called_off = ChangeEvent { transition: Some(StatusTransition::Cancel), ..ChangeEvent::unchanged(key.event) };
    fixture.run_each([Command::ChangeEvent(Box::new(called_off)), reallocate(key, 10), reallocate(key, 10)]).await;
    assert_eq!(fixture.changes(key).await[16..], ["closed 6", "closed 7"]);
    fixture.verify_queue_log(key).await;
    fixture.audit_finds_nothing().await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_does_not_wait_leaves_the_log_alone() {
    let fixture = InventoryFixture::new().await;
    let (plain, queued) = (fixture.event(2).await, fixture.event(1).await);
    let books: Vec<Book> = [queued, queued, plain, plain].map(|key| fixture.book(key, fixture.account(), 1)).to_vec();
    fixture.inventory.run(books.iter().cloned().map(Command::Book).collect(), LockWait::Wait).await;
    assert_eq!(fixture.queue_log(plain).await, (Vec::new(), QueueLogHead::START));
    let (_, head) = fixture.queue_log(queued).await;
    assert_eq!(head.position, 1);
    // One batch changes the queue of one type and the counters of both.
    fixture.inventory.run(vec![cancel(&books[2], None), cancel(&books[0], None)], LockWait::Wait).await;
    assert_eq!(fixture.queue_log(queued).await.1, head, "returned tickets change no queue");
    fixture.inventory.run(vec![cancel(&books[3], None), reallocate(queued, 9)], LockWait::Wait).await;
    assert_eq!(fixture.changes(queued).await, ["joined 1: 1", "promoted 1: 1 of 1, at most 10"]);
    for key in [plain, queued] {
        fixture.verify_queue_log(key).await;
    }
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_in_parts_and_several_passes_in_a_batch_record_what_was_free_each_time() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(5).await;
    let holder = fixture.book(key, fixture.account(), 5);
    let parties: Vec<Book> = [2, 3, 1, 1].map(|quantity| fixture.book(key, fixture.account(), quantity)).to_vec();
    fixture.run_each([Command::Book(holder.clone())].into_iter().chain(parties.into_iter().map(Command::Book))).await;
    let batch = vec![cancel(&holder, Some(4)), reallocate(key, 1), reallocate(key, 5), cancel(&holder, None), reallocate(key, 5)];
    fixture.inventory.run(batch, LockWait::Wait).await;
    let limit = "at most 10";
    let expected = [format!("promoted 1: 2 of 4, {limit}"), format!("promoted 3: 1 of 2, {limit}"), format!("promoted 4: 1 of 1, {limit}")];
    assert_eq!(fixture.changes(key).await[4..], expected);
    fixture.verify_queue_log(key).await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_join_at_once_are_recorded_once_each() {
    let fixture = Arc::new(InventoryFixture::new().await);
    let key = fixture.event(3).await;
    let holders: Vec<Book> = (0..3).map(|_| fixture.book(key, fixture.account(), 1)).collect();
    fixture.run_each(holders.iter().cloned().map(Command::Book)).await;
    let clients = (0..24).map(|index| {
        let (fixture, holder) = (fixture.clone(), holders.get(index / 8).cloned());
        tokio::spawn(async move {
            let books: Vec<Book> = (0..5).map(|_| fixture.book(key, fixture.account(), 1)).collect();
            fixture.inventory.run(books.iter().cloned().map(Command::Book).collect(), LockWait::Wait).await;
            if let Some(holder) = holder.filter(|_| index % 8 == 3) {
                fixture.run_each([cancel(&holder, None)]).await;
            }
            // The entry may have been promoted meanwhile.
            let _ = fixture.inventory.run(vec![leave(&books[1]), reallocate(key, 2)], LockWait::Wait).await;
        })
    });
    for ended in join_all(clients).await {
        ended.unwrap();
    }
    let report = fixture.verify_queue_log(key).await;
    assert_eq!((report.entries, report.promotions), (120, 3));
    assert_eq!(report.ended + report.waiting, 117);
    fixture.audit_finds_nothing().await;
    Arc::into_inner(fixture).unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_starts_anew_with_those_who_wait_after_the_previous_release_changed_the_queue() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(3).await;
    let books: Vec<Book> = [3, 1, 1, 1].map(|quantity| fixture.book(key, fixture.account(), quantity)).to_vec();
    fixture.run_each(books.iter().cloned().map(Command::Book)).await;
    let (_, before) = fixture.queue_log(key).await;
    // The previous release writes this when number 1 leaves and somebody joins: the version of the log stays behind.
    let previous_release = "
        UPDATE waitlist_entries SET status = 'left', ended_at = now() WHERE number = 1;
        INSERT INTO waitlist_entries (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, number, status, joined_at, one_per_account)
        SELECT event_id, gen_random_uuid(), ticket_type_id, gen_random_uuid(), '', '', 2, 4, 'waiting', now(), true FROM waitlist_entries WHERE number = 1;
        UPDATE ticket_types SET next_waitlist_number = 5, version = version + 2;";
    fixture.database.admin().await.batch_execute(previous_release).await.unwrap();
    assert_eq!(fixture.queue_log(key).await.1, before);

    fixture.inventory.run(vec![leave(&books[3]), Command::Book(fixture.book(key, fixture.account(), 3))], LockWait::Wait).await;
    let expected = ["restarted 4", "listed 2: 1", "listed 3: 1", "listed 4: 2", "left 3", "joined 5: 3"];
    assert_eq!(fixture.changes(key).await[3..], expected);
    // From then on, it is complete.
    fixture.run_each([cancel(&books[0], None), reallocate(key, 9)]).await;
    assert_eq!(fixture.changes(key).await[9..], ["promoted 2: 1 of 3, at most 10", "promoted 4: 2 of 2, at most 10"]);
    let report = fixture.report(key).await;
    assert_eq!((report.restarts, report.waiting), (1, 1));
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_without_a_log_gets_one_with_the_first_batch_that_writes_it() {
    let fixture = InventoryFixture::new().await;
    let (key, other) = (fixture.event(1).await, fixture.event(1).await);
    let holder = fixture.book(key, fixture.account(), 1);
    fixture.run_each([Command::Book(holder.clone()), Command::Book(fixture.book(key, fixture.account(), 1))]).await;
    let unlogged = "DELETE FROM queue_log; UPDATE ticket_types SET queue_position = 0, queue_hash = NULL, queue_version = 0";
    fixture.database.admin().await.batch_execute(unlogged).await.unwrap();
    // A command that changes nothing writes nothing.
    let refused = Book { join_waitlist: false, ..fixture.book(key, fixture.account(), 1) };
    fixture.inventory.run(vec![Command::Book(refused.clone())], LockWait::Wait).await;
    assert_eq!(fixture.queue_log(key).await.1, QueueLogHead::START);
    // The batch writes, although not because of this type.
    fixture.inventory.run(vec![Command::Book(refused), Command::Book(fixture.book(other, fixture.account(), 1))], LockWait::Wait).await;
    assert_eq!(fixture.changes(key).await, ["restarted 1", "listed 1: 1"]);
    assert_eq!(fixture.report(key).await.waiting, 1);
    fixture.run_each([cancel(&holder, None), reallocate(key, 9)]).await;
    assert_eq!(fixture.report(key).await.promotions, 1);
    fixture.audit_finds_nothing().await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_records_that_contradict_their_kind() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(1).await;
    let mut conn = fixture.database.admin().await;
    for wrong in [
        "'joined', 1, NULL, 2, NULL, NULL, NULL",
        "'joined', 1, NULL, 2, 3, NULL, NULL",
        "'joined', 0, NULL, 2, 1, NULL, NULL",
        "'joined', 1, NULL, 2, 1, 5, NULL",
        "'moved', 3, 4, 2, 1, NULL, NULL",
        "'promoted', 1, NULL, 2, NULL, 3, NULL",
        "'promoted', 1, NULL, 4, NULL, 3, 9",
        "'left', 1, NULL, 2, NULL, NULL, NULL",
        "'vanished', 1, NULL, NULL, NULL, NULL, NULL",
    ] {
        let sql = format!(
            "INSERT INTO queue_log (event_id, ticket_type_id, position, recorded_at, hash, kind, entry_number, previous_number, quantity, min_quantity, free, max_per_booking)
             VALUES ('{}', '{}', 1, now(), sha256('x'), {wrong})",
            key.event, key.ticket_type
        );
        let refused = conn.batch_execute(&sql).await.unwrap_err().to_string();
        assert!(refused.contains("violates check constraint"), "{wrong}: {refused}");
    }
    for wrong in ["queue_position = 1", "queue_version = version + 1", "queue_hash = sha256('x')", "queue_position = 1, queue_hash = 'x'"] {
        let refused = conn.batch_execute(&format!("UPDATE ticket_types SET {wrong}")).await.unwrap_err().to_string();
        assert!(refused.contains("violates check constraint"), "{wrong}: {refused}");
    }
    drop(conn);
    fixture.close().await;
}
