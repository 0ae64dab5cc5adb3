//! Tests of accounts that are disabled and enabled again while their tickets are being returned.

use diesel_async::RunQueryDsl;
use rowlock_domain::accounts::AccountChange;
use rowlock_domain::ids::AccountId;
use rowlock_inventory::accounts::{NOBODY, Unfinished, note, reopen, unfinished};
use rowlock_inventory::{Command, LockWait};
use rowlock_postgres::checkout;

use crate::batches::essence;
use crate::desk::Desk;

const TOKEN_LIFE: i64 = 3600;

async fn book(desk: &Desk, account: AccountId, quantity: u32) {
    let key = desk.event(10).await;
    let told = desk.inventory.run(vec![Command::Book(desk.book(key, account, quantity))], LockWait::Wait).await;
    assert_eq!(told.iter().map(essence).collect::<Vec<_>>(), [format!("booked {quantity}")]);
}

/// Joins the waiting list of an event that is sold out.
async fn wait(desk: &Desk, account: AccountId) {
    let key = desk.event(1).await;
    let commands = [desk.account(), account].map(|account| Command::Book(desk.book(key, account, 1)));
    let told = desk.inventory.run(commands.into(), LockWait::Wait).await;
    assert_eq!(told.iter().map(essence).collect::<Vec<_>>(), ["booked 1", "waits 1 1 Some(1)"]);
}

async fn changed(desk: &Desk, account: AccountId, version: i64, change: AccountChange) {
    note(&mut checkout(&desk.pool).await.unwrap(), account, version, change).await.unwrap();
}

async fn to_be_closed(desk: &Desk) -> Vec<Unfinished> {
    unfinished(&mut checkout(&desk.pool).await.unwrap(), TOKEN_LIFE, NOBODY, 10).await.unwrap()
}

/// Returns the quantities of the account's confirmed bookings and the number of its waiting entries.
async fn has(desk: &Desk, account: AccountId) -> String {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        value: String,
    }
    let sql = format!(
        "SELECT coalesce((SELECT string_agg(quantity::text, ' ' ORDER BY quantity) FROM bookings WHERE account_id = '{account}' AND status = 'confirmed'), '-')
             || ' / ' || (SELECT count(*) FROM waitlist_entries WHERE account_id = '{account}' AND status = 'waiting') AS value"
    );
    let row: Row = diesel::sql_query(sql).get_result(&mut desk.database.admin().await).await.unwrap();
    row.value
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_has_after_it_was_enabled_again_is_not_returned_by_a_pass_that_began_before() {
    let desk = Desk::new().await;
    let ada = desk.account();
    changed(&desk, ada, 2, AccountChange::Disabled).await;
    book(&desk, ada, 1).await;
    let pass = to_be_closed(&desk).await.remove(0);
    desk.inventory.close_account(pass).await.unwrap();
    assert_eq!(has(&desk, ada).await, "- / 0", "a booking of a token that had not expired is returned");

    // The message has not arrived yet, but a token proves that the account is open.
    reopen(&mut checkout(&desk.pool).await.unwrap(), ada, 3).await.unwrap();
    book(&desk, ada, 2).await;
    wait(&desk, ada).await;
    desk.inventory.close_account(pass).await.unwrap();
    assert_eq!(has(&desk, ada).await, "2 / 1");
    assert_eq!(to_be_closed(&desk).await, []);
    // The messages that arrive now contain nothing new.
    changed(&desk, ada, 2, AccountChange::Disabled).await;
    changed(&desk, ada, 3, AccountChange::Enabled).await;
    assert_eq!(to_be_closed(&desk).await, []);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_looks_at_the_state_after_it_has_read_what_to_return() {
    let desk = Desk::new().await;
    let ada = desk.account();
    changed(&desk, ada, 2, AccountChange::Disabled).await;
    book(&desk, ada, 1).await;
    wait(&desk, ada).await;
    let pass = to_be_closed(&desk).await.remove(0);
    // The pass reads the queue and then blocks when it reads the state, which changes in the meantime.
    let mut other = desk.database.admin().await;
    for sql in ["BEGIN", "LOCK TABLE account_states IN ACCESS EXCLUSIVE MODE"] {
        diesel::sql_query(sql).execute(&mut other).await.unwrap();
    }
    let inventory = desk.inventory.clone();
    let closing = tokio::spawn(async move { inventory.close_account(pass).await });
    let mut watcher = desk.database.admin().await;
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    rowlock_test_support::wait::until("the pass is held up", async || diesel::sql_query(waiting).execute(&mut watcher).await.unwrap() == 1)
        .await;
    note(&mut other, ada, 3, AccountChange::Enabled).await.unwrap();
    diesel::sql_query("COMMIT").execute(&mut other).await.unwrap();
    closing.await.unwrap().unwrap();
    assert_eq!(has(&desk, ada).await, "1 / 1");
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_from_before_does_not_open_an_account_that_was_disabled_or_erased_since() {
    let desk = Desk::new().await;
    let [ada, ben] = [desk.account(), desk.account()];
    let mut both = vec![ada, ben];
    both.sort();
    for (account, change) in [(ada, AccountChange::Disabled), (ben, AccountChange::Erased)] {
        changed(&desk, account, 4, change).await;
        for version in [2, 3, 4] {
            reopen(&mut checkout(&desk.pool).await.unwrap(), account, version).await.unwrap();
        }
        book(&desk, account, 1).await;
    }
    let passes = to_be_closed(&desk).await;
    assert_eq!(passes.iter().map(Unfinished::account).collect::<Vec<_>>(), both, "in the order of their ids");
    for pass in passes {
        desk.inventory.close_account(pass).await.unwrap();
    }
    assert_eq!([has(&desk, ada).await, has(&desk, ben).await], ["- / 0", "- / 0"]);
    desk.close().await;
}
