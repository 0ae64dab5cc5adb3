//! The sales timeline below HTTP: a random history, its messages in any order, and losses.

use std::collections::BTreeMap;

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use futures_util::future::join_all;
use rowlock_domain::ids::TypeKey;
use rowlock_domain::messages::{SalesMessage, parse_sales_message};
use rowlock_inventory::timeline::{CatchUp, PeriodRequest, Timeline, catch_up, count_messages, delete_leftovers, read, types_behind};
use rowlock_inventory::{Command, LockWait};
use rowlock_postgres::checkout;

use crate::fixture::{InventoryFixture, cancel, change, change_entry, leave, reallocate};

/// A small generator of reproducible random numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

#[derive(QueryableByName)]
struct Payload {
    #[diesel(sql_type = Text)]
    payload: String,
}

/// Returns the messages about ticket types that are in the outbox.
async fn messages(fixture: &InventoryFixture) -> Vec<SalesMessage> {
    let rows: Vec<Payload> =
        diesel::sql_query("SELECT payload::text AS payload FROM outbox_messages WHERE routing_key NOT LIKE 'event.%' ORDER BY id, n")
            .load(&mut fixture.database.admin().await)
            .await
            .unwrap();
    rows.iter().map(|row| parse_sales_message(row.payload.as_bytes()).unwrap()).collect()
}

/// Runs random commands on a small event.
async fn random_history(fixture: &InventoryFixture, key: TypeKey, random: &mut Random) {
    let mut books = Vec::new();
    for _ in 0..80 {
        let mut commands = Vec::new();
        for _ in 0..=random.below(3) {
            let quantity = u32::try_from(1 + random.below(4)).unwrap();
            let known = (!books.is_empty()).then(|| random.below(books.len()));
            commands.push(match (random.below(7), known) {
                (0, Some(index)) => cancel(&books[index], None),
                (1, Some(index)) => cancel(&books[index], Some(1)),
                (2, Some(index)) => leave(&books[index]),
                (3, Some(index)) => change_entry(&books[index], quantity, None),
                (4, _) => reallocate(key, 3),
                (5, _) => change(key, |change| change.capacity = rowlock_domain::values::Capacity::new(10 + i64::from(quantity)).ok()),
                _ => {
                    let book = fixture.book(key, fixture.account(), quantity);
                    books.push(book.clone());
                    Command::Book(book)
                }
            });
        }
        fixture.inventory.run(commands, LockWait::Wait).await;
    }
}

async fn timeline(fixture: &InventoryFixture, key: TypeKey) -> Timeline {
    let mut conn = checkout(&fixture.pool).await.unwrap();
    read(&mut conn, key.event, PeriodRequest::default(), fixture.clock.now()).await.unwrap().unwrap().unwrap()
}

/// Checks that the timeline is complete and equals the counters.
async fn agrees(fixture: &InventoryFixture, key: TypeKey) -> Timeline {
    let timeline = timeline(fixture, key).await;
    assert!(timeline.up_to_date);
    let (stock, last) = (&timeline.event.types[0].stock, timeline.buckets.last().unwrap());
    assert_eq!((last.sold, last.waiting, last.capacity), (stock.booked.into(), stock.waiting.into(), stock.capacity.into()));
    let findings = rowlock_inventory::audit::check(&mut fixture.database.admin().await).await.unwrap();
    let wrong: Vec<_> = findings.iter().filter(|finding| finding.count > 0 && finding.violation.contains("timeline")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    timeline
}

/// Repairs all types that are behind.
async fn repair(fixture: &InventoryFixture) -> Vec<CatchUp> {
    let behind = {
        let mut conn = checkout(&fixture.pool).await.unwrap();
        types_behind(&mut conn, None, 100).await.unwrap()
    };
    let mut done = Vec::new();
    for one in behind {
        done.push(catch_up(&fixture.pool, one).await.unwrap());
    }
    delete_leftovers(&mut checkout(&fixture.pool).await.unwrap()).await.unwrap();
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_in_any_order_with_duplicates_give_the_counters_of_the_event() {
    for seed in 0..4 {
        let mut random = Random(seed);
        let fixture = InventoryFixture::new().await;
        let key = fixture.event(8).await;
        random_history(&fixture, key, &mut random).await;
        let mut all = messages(&fixture).await;
        let sequences: Vec<i64> = all.iter().map(|message| message.sequence).collect();
        assert_eq!(sequences, (1..=i64::try_from(all.len()).unwrap()).collect::<Vec<_>>(), "no change is without a message");
        let again: Vec<SalesMessage> = (0..20).map(|_| all[random.below(all.len())]).collect();
        all.extend(again);
        random.shuffle(&mut all);
        // Four consumers at once, as after a network partition.
        let parts = all.chunks(all.len().div_ceil(4)).map(|part| {
            let (pool, part) = (fixture.pool.clone(), part.to_vec());
            tokio::spawn(async move {
                for batch in part.chunks(7) {
                    while count_messages(&pool, batch).await.is_err() {}
                }
            })
        });
        for part in join_all(parts).await {
            part.unwrap();
        }
        // Concurrent consumers may leave messages behind that only wait to be counted, but nothing to be counted anew.
        assert!(repair(&fixture).await.iter().all(|done| *done == CatchUp::Counted), "seed {seed}");
        let timeline = agrees(&fixture, key).await;

        // One consumer that gets them in order counts the same.
        let mut conn = fixture.database.admin().await;
        diesel::sql_query("DELETE FROM sales_progress").execute(&mut conn).await.unwrap();
        count_messages(&fixture.pool, &messages(&fixture).await).await.unwrap();
        assert_eq!(agrees(&fixture, key).await.buckets.last(), timeline.buckets.last(), "seed {seed}");
        drop(conn);
        fixture.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_lost_the_totals_are_those_of_the_event() {
    for seed in 10..16 {
        let mut random = Random(seed);
        let fixture = InventoryFixture::new().await;
        let key = fixture.event(8).await;
        random_history(&fixture, key, &mut random).await;
        // The first messages arrive, then every tenth is lost.
        let all = messages(&fixture).await;
        let first = random.below(all.len());
        let arrived: Vec<SalesMessage> =
            all.iter().enumerate().filter(|(index, _)| *index < first || random.below(10) > 0).map(|(_, message)| *message).collect();
        for batch in arrived.chunks(9) {
            count_messages(&fixture.pool, batch).await.unwrap();
        }
        if !timeline(&fixture, key).await.up_to_date {
            assert_eq!(repair(&fixture).await, [CatchUp::Recounted], "seed {seed}");
        }
        agrees(&fixture, key).await;
        let mut conn = fixture.database.admin().await;
        let pending: Vec<Payload> = diesel::sql_query("SELECT sequence::text AS payload FROM sales_pending").load(&mut conn).await.unwrap();
        assert!(pending.is_empty(), "what is counted does not wait");

        // The lost messages arrive after all, and sales go on.
        count_messages(&fixture.pool, &all).await.unwrap();
        agrees(&fixture, key).await;
        random_history(&fixture, key, &mut random).await;
        let more: BTreeMap<i64, SalesMessage> = messages(&fixture).await.into_iter().map(|message| (message.sequence, message)).collect();
        count_messages(&fixture.pool, &more.into_values().collect::<Vec<_>>()).await.unwrap();
        assert_eq!(repair(&fixture).await, []);
        agrees(&fixture, key).await;
        drop(conn);
        fixture.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_repairs_count_once() {
    let fixture = InventoryFixture::new().await;
    let keys = join_all((0..5).map(|_| fixture.event(8))).await;
    for key in &keys {
        random_history(&fixture, *key, &mut Random(99)).await;
    }
    let repairs = (0..4).map(|_| repair(&fixture));
    join_all(repairs).await;
    for key in keys {
        agrees(&fixture, key).await;
    }
    fixture.close().await;
}
