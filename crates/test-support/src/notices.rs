//! Reads the notices that auth-service publishes for the service that sends e-mail.

#![allow(clippy::expect_used, clippy::panic, reason = "a test reports what is wrong by panicking")]

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use rowlock_domain::accounts::AccountMessage;
use rowlock_sealing::{ACCOUNT_NOTICE, AccountNotice, SealingKeys};

use crate::database::TestDatabase;
use crate::system::SEALING_KEY;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    payload: String,
}

/// Takes all notices out of the outbox of auth-service, oldest first. Its setting `outbox.relay` must be off, so that no relay takes
/// them.
///
/// # Panics
///
/// Panics if a message is not a notice that was sealed with [`SEALING_KEY`].
pub async fn take_notices(database: &TestDatabase) -> Vec<AccountNotice> {
    let take = "WITH taken AS (DELETE FROM outbox WHERE routing_key = 'account.notice' RETURNING id, payload)
                SELECT payload FROM taken ORDER BY id";
    let rows: Vec<Row> = diesel::sql_query(take).load(&mut database.admin().await).await.expect("the outbox can be read");
    let keys = SealingKeys::new(&SEALING_KEY.into(), &[]).expect("the key is long enough");
    let open = |row: Row| match AccountMessage::parse(row.payload.as_bytes()) {
        Ok(AccountMessage::Notice { sealed, .. }) => keys.open(ACCOUNT_NOTICE, &sealed).expect("the notice was sealed with the key"),
        other => panic!("{other:?} is not a notice"),
    };
    rows.into_iter().map(open).collect()
}
