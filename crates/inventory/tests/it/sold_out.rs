//! An event of which all types are sold out, for tests of wishes.

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowlock_domain::allocation::Stock;
use rowlock_domain::ids::TypeKey;
use rowlock_inventory::audit::check;
use rowlock_inventory::command::{Book, BookWish};
use rowlock_inventory::{Command, LockWait, queries};
use rowlock_test_support::wait::until;

use crate::batches::summarize;
use crate::fixture::{InventoryFixture, cancel, reallocate};

pub(crate) fn wished(wish: &BookWish) -> Command {
    Command::BookWish(Box::new(wish.clone()))
}

/// An event of which all types are sold out.
pub(crate) struct SoldOut {
    pub(crate) fixture: InventoryFixture,
    pub(crate) keys: Vec<TypeKey>,
    /// The booking of all tickets of each type.
    sold: Vec<Book>,
}

impl SoldOut {
    pub(crate) async fn new(capacities: &[u32], offer: Option<i64>) -> Self {
        let fixture = InventoryFixture::new().await;
        let keys = fixture.event_of(capacities, None, offer).await;
        let sold: Vec<_> = keys.iter().zip(capacities).map(|(key, capacity)| fixture.book(*key, fixture.account(), *capacity)).collect();
        let sold_out = Self { fixture, keys, sold };
        for book in &sold_out.sold {
            sold_out.run(vec![Command::Book(book.clone())]).await;
        }
        sold_out
    }

    pub(crate) async fn run(&self, commands: Vec<Command>) -> Vec<String> {
        self.fixture.inventory.run(commands, LockWait::Wait).await.iter().map(summarize).collect()
    }

    /// Joins the waiting lists of these types.
    pub(crate) async fn wait(&self, types: &[usize], quantity: u32) -> BookWish {
        let keys: Vec<_> = types.iter().map(|index| self.keys[*index]).collect();
        let wish = self.fixture.wish(&keys, self.fixture.account(), quantity);
        let told = self.run(vec![wished(&wish)]).await;
        assert!(told[0].starts_with("wish waits "), "{told:?}");
        wish
    }

    pub(crate) fn give_back(&self, index: usize, quantity: u32) -> Command {
        cancel(&self.sold[index], Some(quantity))
    }

    pub(crate) fn pass(&self, index: usize) -> Command {
        reallocate(self.keys[index], 10)
    }

    /// Asserts that the audit finds nothing and returns the counters of each type: available, reserved, booked, held and waiting.
    pub(crate) async fn stocks(&self) -> Vec<[u32; 5]> {
        let mut conn = self.fixture.database.admin().await;
        let findings = check(&mut conn).await.unwrap();
        assert!(findings.iter().all(|finding| finding.count == 0), "{findings:?}");
        let types = queries::event(&mut conn, self.keys[0].event).await.unwrap().unwrap().types;
        let stock = |key: &TypeKey| types.iter().find(|known| known.key == *key).unwrap().stock.clone();
        let counters = |stock: Stock| [stock.available, stock.reserved, stock.booked, stock.held, stock.waiting];
        self.keys.iter().map(|key| counters(stock(key))).collect()
    }

    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            text: String,
        }
        let rows: Vec<Row> = diesel::sql_query(sql).load(&mut self.fixture.database.admin().await).await.unwrap();
        rows.into_iter().map(|row| row.text).collect()
    }

    /// Returns the statuses of the entries of a wish, in the order of preference.
    pub(crate) async fn statuses(&self, wish: &BookWish) -> Vec<String> {
        let sql = format!("SELECT status AS text FROM waitlist_entries WHERE wish_id = '{}' ORDER BY preference", wish.wish);
        self.texts(&sql).await
    }

    pub(crate) async fn sql(&self, text: &str) {
        self.fixture.database.admin().await.batch_execute(text).await.unwrap();
    }

    /// Waits until a session of the database waits for a lock.
    pub(crate) async fn until_a_session_waits(&self) {
        let mut watcher = self.fixture.database.admin().await;
        let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("a session waits for a lock", async || diesel::sql_query(waiting).execute(&mut watcher).await.unwrap() == 1).await;
    }

    pub(crate) async fn close(self) {
        self.fixture.close().await;
    }
}
