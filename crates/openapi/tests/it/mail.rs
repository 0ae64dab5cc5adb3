//! Requests about e-mail, for the other tests.

use diesel_async::SimpleAsyncConnection;
use rowlock_platform::clock::Clock;
use rowlock_sealing::{MailingList, SealingKeys, UNSUBSCRIBE, UnsubscribeToken};
use rowlock_test_support::client::Client;
use rowlock_test_support::system::{PASSWORD, SEALING_KEY, System};
use serde_json::Value;

/// Returns a client for an example of a request about e-mail, after inserting the token or the password that it needs.
pub(crate) async fn prepare_mail(system: &System, id: &str, body: &mut Value) -> Client {
    let auth = Client::new(system.auth_url());
    match id {
        "forgotPassword" => return auth.at(system.mail_auth_url().await),
        "changeEmail" => {
            body["password"] = PASSWORD.into();
            return system.user(id).await.client.at(system.mail_auth_url().await);
        }
        "unsubscribe" => {
            let token = UnsubscribeToken { account_id: system.user(&unique(id)).await.id.parse().unwrap(), list: MailingList::Reminders };
            body["token"] = SealingKeys::new(&SEALING_KEY.into(), &[]).unwrap().seal(UNSUBSCRIBE, &token).unwrap().into();
        }
        _ => {
            let kind = if id == "resetPassword" { "reset-password" } else { "confirm-email" };
            body["token"] = link_token(system, &system.user(&unique(id)).await.id, kind).await.into();
        }
    }
    auth
}

/// Returns a name that no other account has.
fn unique(id: &str) -> String {
    format!("{}-{}", id.to_lowercase(), Clock::system().uuid().simple())
}

/// Creates a link to an account, as if it had been sent by e-mail, and returns its token.
async fn link_token(system: &System, account: &str, kind: &str) -> String {
    let token = unique("token");
    let insert = format!(
        "INSERT INTO account_links (token_hash, kind, account_id, email, address_hash, expires_at)
         SELECT sha256('{token}'), '{kind}', id, email, sha256('{token}'), now() + interval '1 hour' FROM accounts WHERE id = '{account}'"
    );
    system.auth_database.admin().await.batch_execute(&insert).await.unwrap();
    token
}
