//! Parties that take fewer tickets than they ask for, below HTTP: what is stored, what is read for a pass, and the messages.

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowlock_domain::ids::TypeKey;
use rowlock_domain::values::{AccountLimit, Quantity};
use rowlock_inventory::audit::check;
use rowlock_inventory::command::Book;
use rowlock_inventory::{Command, LockWait, Outcome, Refusal, queries};

use crate::batches::summarize;
use crate::fixture::{InventoryFixture, cancel, change, change_entry, reallocate};

impl InventoryFixture {
    /// Books for a new account, which takes `min_quantity` tickets if there are no more.
    async fn ask(&self, key: TypeKey, quantity: u32, min_quantity: u32) -> (Book, String) {
        let book = Book { min_quantity: Some(Quantity::new(min_quantity.into()).unwrap()), ..self.book(key, self.account(), quantity) };
        let outcome = self.inventory.run_one(Command::Book(book.clone())).await;
        (book, summarize(&outcome))
    }

    async fn one(&self, command: Command) -> String {
        summarize(&self.inventory.run_one(command).await)
    }

    /// Returns the results of a query that selects one text.
    async fn texts(&self, sql: &str) -> Vec<String> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            text: String,
        }
        let rows: Vec<Row> = diesel::sql_query(sql).load(&mut self.database.admin().await).await.unwrap();
        rows.into_iter().map(|row| row.text).collect()
    }

    /// Asserts that the audit finds nothing and returns the counters of a type.
    async fn audited_stock(&self, key: TypeKey) -> [u32; 5] {
        let mut conn = self.database.admin().await;
        let findings = check(&mut conn).await.unwrap();
        assert!(findings.iter().all(|finding| finding.count == 0), "{findings:?}");
        let event = queries::event(&mut conn, key.event).await.unwrap().unwrap();
        let stock = &event.types[0].stock;
        [stock.available, stock.reserved, stock.booked, stock.held, stock.waiting]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_returned_ticket_goes_to_the_first_who_takes_so_few() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(6).await;
    let (first, told) = fixture.ask(key, 6, 1).await;
    assert_eq!(told, "booked 6");
    for (quantity, min, told) in [(4, 4, "waits 4 1 Some(1)"), (4, 2, "waits 2 to 4 2 Some(2)"), (2, 1, "waits 1 to 2 3 Some(3)")] {
        assert_eq!(fixture.ask(key, quantity, min).await.1, told);
    }
    // A single ticket: the third in line. Then two tickets: the second, who asked for four.
    for (part, promoted) in [(1, 1), (2, 1)] {
        fixture.inventory.run_one(cancel(&first, Some(part))).await.unwrap();
        let Ok(Outcome::Reallocated(done)) = fixture.inventory.run_one(reallocate(key, 10)).await else { panic!() };
        assert_eq!((done.promoted, done.leftover, done.unfinished), (promoted, 0, false));
    }
    assert_eq!(fixture.audited_stock(key).await, [0, 0, 6, 0, 1]);
    let stored = "SELECT format('%s %s %s %s', w.number, w.quantity, w.min_quantity, b.quantity) AS text FROM waitlist_entries w
                  LEFT JOIN bookings b ON b.id = w.booking_id ORDER BY w.number";
    assert_eq!(fixture.texts(stored).await, ["1 4  ", "2 4 2 2", "3 2 1 1"], "the minimum is stored only if it is lower");
    let told = "SELECT concat_ws(' ', routing_key, d->>'number', d->>'quantity', d->>'minQuantity', d->>'requestedQuantity') AS text
                  FROM outbox_messages CROSS JOIN LATERAL (SELECT payload::jsonb->'data' AS d) AS m WHERE routing_key LIKE 'waitlist.%' ORDER BY id, n";
    let expected =
        ["waitlist.joined 1 4", "waitlist.joined 2 4 2", "waitlist.joined 3 2 1", "waitlist.promoted 3 1 2", "waitlist.promoted 2 2 4"];
    assert_eq!(fixture.texts(told).await, expected);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_takes_fewer_gets_what_is_left_at_once_or_waits_for_all() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event_with(5, Some(10), None).await;
    assert_eq!(fixture.ask(key, 3, 3).await.1, "booked 3");
    assert_eq!(fixture.ask(key, 4, 3).await.1, "waits 3 to 4 1 Some(1)");
    let (party, told) = fixture.ask(key, 5, 2).await;
    assert_eq!(told, "booked 2");
    assert_eq!(fixture.audited_stock(key).await, [0, 5, 0, 0, 1], "both are reserved");
    assert_eq!(fixture.one(cancel(&party, Some(2))).await, "returned 2 cancelled");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_no_longer_waits_for_the_tickets_that_it_did_not_get() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(4).await;
    fixture.inventory.run_one(change(key, |types| types.max_per_account = Some(Some(AccountLimit::new(4).unwrap())))).await.unwrap();
    let (first, _) = fixture.ask(key, 4, 4).await;
    let (party, told) = fixture.ask(key, 4, 1).await;
    assert_eq!(told, "waits 1 to 4 1 Some(1)");
    // The total of the account is read before the batch, so the pass must lower it for the booking behind it.
    let again = fixture.book(key, party.holder.account, 3);
    let batch = vec![cancel(&first, Some(1)), reallocate(key, 10), Command::Book(again)];
    let told: Vec<_> = fixture.inventory.run(batch, LockWait::Wait).await.iter().map(summarize).collect();
    assert_eq!((told[0].as_str(), told[2].as_str()), ("returned 3 confirmed", "waits 3 2 Some(1)"));
    assert_eq!(fixture.audited_stock(key).await, [0, 0, 4, 0, 1]);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_is_for_the_tickets_that_were_there() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event_with(3, None, Some(10)).await;
    let (first, _) = fixture.ask(key, 3, 3).await;
    fixture.ask(key, 3, 2).await;
    fixture.inventory.run(vec![cancel(&first, Some(2)), reallocate(key, 10)], LockWait::Wait).await;
    assert_eq!(fixture.audited_stock(key).await, [0, 2, 1, 0, 0]);
    let offer = "SELECT concat_ws(' ', payload::jsonb->'data'->>'quantity', payload::jsonb->'data'->>'requestedQuantity') AS text
                   FROM outbox_messages WHERE routing_key = 'waitlist.offered'";
    assert_eq!(fixture.texts(offer).await, ["2 3"]);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_minimum_can_be_changed_in_its_place_and_is_never_above_the_quantity() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(4).await;
    let (first, _) = fixture.ask(key, 4, 4).await;
    let (party, _) = fixture.ask(key, 3, 3).await;
    fixture.inventory.run(vec![cancel(&first, Some(2)), reallocate(key, 10)], LockWait::Wait).await;
    assert_eq!(fixture.audited_stock(key).await, [2, 0, 2, 0, 1], "two tickets are too few");
    let refused = fixture.inventory.run_one(change_entry(&party, None, Some(4))).await;
    assert_eq!(refused, Ok(Outcome::Refused(Refusal::MinQuantityAboveQuantity { quantity: 3 })));
    assert_eq!(fixture.one(change_entry(&party, 4, None)).await, "changed to 4 2 Some(1)", "the minimum follows");
    assert_eq!(fixture.one(change_entry(&party, None, Some(3))).await, "changed to 3 to 4 2 Some(1)");
    assert_eq!(fixture.audited_stock(key).await[3], 0);
    assert_eq!(fixture.one(change_entry(&party, None, Some(2))).await, "changed to 2 to 4 2 Some(1)");
    assert_eq!(fixture.audited_stock(key).await, [0, 0, 2, 2, 1]);
    fixture.inventory.run_one(reallocate(key, 10)).await.unwrap();
    assert_eq!(fixture.audited_stock(key).await, [0, 0, 4, 0, 0]);
    let told = "SELECT concat_ws(' ', d->>'quantity', coalesce(d->>'minQuantity', 'all'), d->>'previousQuantity') AS text
                  FROM outbox_messages CROSS JOIN LATERAL (SELECT payload::jsonb->'data' AS d) AS m WHERE routing_key = 'waitlist.changed' ORDER BY id, n";
    assert_eq!(fixture.texts(told).await, ["4 all 3", "4 3 4", "4 2 4"]);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_below_the_quantity_but_not_below_the_minimum_does_not_stop_a_party() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(4).await;
    let (first, _) = fixture.ask(key, 4, 4).await;
    fixture.ask(key, 4, 4).await;
    fixture.ask(key, 4, 2).await;
    let limit = change(key, |types| types.max_per_booking = Some(Quantity::new(3).unwrap()));
    let Ok(Outcome::Changed(changed)) = fixture.inventory.run_one(limit).await else { panic!() };
    assert_eq!(changed.unservable[&key.ticket_type], 1);
    let mut conn = fixture.database.admin().await;
    assert_eq!(queries::status_page(&mut conn, key.event, None, None, 10).await.unwrap().unwrap().unservable[&key.ticket_type], 1);
    drop(conn);
    fixture.inventory.run(vec![cancel(&first, None), reallocate(key, 10)], LockWait::Wait).await;
    assert_eq!(fixture.audited_stock(key).await, [1, 0, 3, 0, 1]);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quantity_that_the_previous_release_lowered_below_the_minimum_is_the_minimum() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(4).await;
    let (first, _) = fixture.ask(key, 4, 4).await;
    fixture.ask(key, 4, 3).await;
    let mut conn = fixture.database.admin().await;
    conn.batch_execute("UPDATE waitlist_entries SET quantity = 2").await.unwrap();
    drop(conn);
    fixture.inventory.run(vec![cancel(&first, Some(2)), reallocate(key, 10)], LockWait::Wait).await;
    assert_eq!(fixture.audited_stock(key).await, [0, 0, 4, 0, 0]);
    fixture.close().await;
}
