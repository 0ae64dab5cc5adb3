//! Tests of positions in a long queue.

use rowlock_inventory::command::Book;
use rowlock_inventory::{Command, LockWait, queries};
use rowlock_postgres::checkout;

use crate::fixture::{InventoryFixture, leave};

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_consecutive_after_entries_leave() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(1).await;
    fixture.inventory.run_one(Command::Book(fixture.book(key, fixture.account(), 1))).await.unwrap();
    let books: Vec<Book> = (0..300).map(|_| fixture.book(key, fixture.account(), 1)).collect();
    for batch in books.chunks(77) {
        fixture.inventory.run(batch.iter().cloned().map(Command::Book).collect(), LockWait::Wait).await;
    }
    // Some entries leave: contiguous ranges, single ones, and across bucket boundaries.
    let gone = |index: usize| index < 70 || index.is_multiple_of(7) || (120..=130).contains(&index);
    let leaving = books.iter().enumerate().filter(|(index, _)| gone(*index)).map(|(_, book)| leave(book)).collect();
    fixture.inventory.run(leaving, LockWait::Wait).await;

    let mut conn = checkout(&fixture.pool).await.unwrap();
    let mut before = 0;
    for (index, book) in books.iter().enumerate() {
        let own = queries::entries_of_account(&mut conn, book.holder.account, None, 10).await.unwrap();
        assert_eq!(own.len(), 1);
        if gone(index) {
            assert_eq!(own[0].position, None);
        } else {
            before += 1;
            assert_eq!(own[0].position, Some(before), "the one with number {}", own[0].entry.number);
        }
    }
    drop(conn);
    fixture.close().await;
}
