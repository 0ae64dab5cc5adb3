//! Tests of accounts that are disabled and enabled again while their tickets are being returned.

use diesel_async::RunQueryDsl;
use rowlock_domain::accounts::AccountChange;
use rowlock_domain::ids::AccountId;
use rowlock_inventory::accounts::{ERASED_ACCOUNT, PendingAccountClosure, pending_closures, record_account_change, record_account_open};
use rowlock_inventory::{Command, LockWait};
use rowlock_postgres::checkout;

use crate::batches::summarize;
use crate::fixture::InventoryFixture;

const TOKEN_LIFE: i64 = 3600;

async fn book(fixture: &InventoryFixture, account: AccountId, quantity: u32) {
    let key = fixture.event(10).await;
    let recorder = fixture.inventory.run(vec![Command::Book(fixture.book(key, account, quantity))], LockWait::Wait).await;
    assert_eq!(recorder.iter().map(summarize).collect::<Vec<_>>(), [format!("booked {quantity}")]);
}

/// Joins the waiting list of an event that is sold out.
async fn wait(fixture: &InventoryFixture, account: AccountId) {
    let key = fixture.event(1).await;
    let commands = [fixture.account(), account].map(|account| Command::Book(fixture.book(key, account, 1)));
    let recorder = fixture.inventory.run(commands.into(), LockWait::Wait).await;
    assert_eq!(recorder.iter().map(summarize).collect::<Vec<_>>(), ["booked 1", "waits 1 1 Some(1)"]);
}

async fn record_change(fixture: &InventoryFixture, account: AccountId, version: i64, change: AccountChange) {
    record_account_change(&mut checkout(&fixture.pool).await.unwrap(), account, version, change).await.unwrap();
}

async fn to_be_closed(fixture: &InventoryFixture) -> Vec<PendingAccountClosure> {
    pending_closures(&mut checkout(&fixture.pool).await.unwrap(), TOKEN_LIFE, ERASED_ACCOUNT, 10).await.unwrap()
}

/// Returns the quantities of the account's confirmed bookings and the number of its waiting entries.
async fn has(fixture: &InventoryFixture, account: AccountId) -> String {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        value: String,
    }
    let sql = format!(
        "SELECT coalesce((SELECT string_agg(quantity::text, ' ' ORDER BY quantity) FROM bookings WHERE account_id = '{account}' AND status = 'confirmed'), '-')
             || ' / ' || (SELECT count(*) FROM waitlist_entries WHERE account_id = '{account}' AND status = 'waiting') AS value"
    );
    let row: Row = diesel::sql_query(sql).get_result(&mut fixture.database.admin().await).await.unwrap();
    row.value
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closing_pass_keeps_bookings_made_after_reenabling() {
    let fixture = InventoryFixture::new().await;
    let ada = fixture.account();
    record_change(&fixture, ada, 2, AccountChange::Disabled).await;
    book(&fixture, ada, 1).await;
    let pass = to_be_closed(&fixture).await.remove(0);
    fixture.inventory.close_account(pass).await.unwrap();
    assert_eq!(has(&fixture, ada).await, "- / 0", "a booking of a token that had not expired is returned");

    // The message has not arrived yet, but a token proves that the account is open.
    record_account_open(&mut checkout(&fixture.pool).await.unwrap(), ada, 3).await.unwrap();
    book(&fixture, ada, 2).await;
    wait(&fixture, ada).await;
    fixture.inventory.close_account(pass).await.unwrap();
    assert_eq!(has(&fixture, ada).await, "2 / 1");
    assert_eq!(to_be_closed(&fixture).await, []);
    // The messages that arrive now contain nothing new.
    record_change(&fixture, ada, 2, AccountChange::Disabled).await;
    record_change(&fixture, ada, 3, AccountChange::Enabled).await;
    assert_eq!(to_be_closed(&fixture).await, []);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_looks_at_the_state_after_it_has_read_what_to_return() {
    let fixture = InventoryFixture::new().await;
    let ada = fixture.account();
    record_change(&fixture, ada, 2, AccountChange::Disabled).await;
    book(&fixture, ada, 1).await;
    wait(&fixture, ada).await;
    let pass = to_be_closed(&fixture).await.remove(0);
    // The pass reads the queue and then blocks when it reads the state, which changes in the meantime.
    let mut other = fixture.database.admin().await;
    for sql in ["BEGIN", "LOCK TABLE account_states IN ACCESS EXCLUSIVE MODE"] {
        diesel::sql_query(sql).execute(&mut other).await.unwrap();
    }
    let inventory = fixture.inventory.clone();
    let closing = tokio::spawn(async move { inventory.close_account(pass).await });
    let mut watcher = fixture.database.admin().await;
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    rowlock_test_support::wait::until("the pass is held up", async || diesel::sql_query(waiting).execute(&mut watcher).await.unwrap() == 1)
        .await;
    record_account_change(&mut other, ada, 3, AccountChange::Enabled).await.unwrap();
    diesel::sql_query("COMMIT").execute(&mut other).await.unwrap();
    closing.await.unwrap().unwrap();
    assert_eq!(has(&fixture, ada).await, "1 / 1");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_from_before_does_not_open_an_account_that_was_disabled_or_erased_since() {
    let fixture = InventoryFixture::new().await;
    let [ada, ben] = [fixture.account(), fixture.account()];
    let mut both = vec![ada, ben];
    both.sort();
    for (account, change) in [(ada, AccountChange::Disabled), (ben, AccountChange::Erased)] {
        record_change(&fixture, account, 4, change).await;
        for version in [2, 3, 4] {
            record_account_open(&mut checkout(&fixture.pool).await.unwrap(), account, version).await.unwrap();
        }
        book(&fixture, account, 1).await;
    }
    let passes = to_be_closed(&fixture).await;
    assert_eq!(passes.iter().map(PendingAccountClosure::account).collect::<Vec<_>>(), both, "in the order of their ids");
    for pass in passes {
        fixture.inventory.close_account(pass).await.unwrap();
    }
    assert_eq!([has(&fixture, ada).await, has(&fixture, ben).await], ["- / 0", "- / 0"]);
    fixture.close().await;
}
