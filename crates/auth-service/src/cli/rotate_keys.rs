//! `rotate-keys`: adds a signing key that replaces the current one.

use std::process::ExitCode;

use chrono::SecondsFormat;
use rowlock_domain::Timestamp;
use rowlock_platform::cli::fail;
use rowlock_postgres::build_pool;

use crate::keys::Keys;
use crate::secrets::Secrets;
use crate::store::{KeyRotation, RetiringKey, Store};
use crate::{AuthSettings, StartError};

/// Adds a key and prints when it starts to sign and how long the older keys stay published. If the latest key does not sign yet,
/// nothing is changed and the exit code is 1.
pub(super) async fn rotate_keys(settings: AuthSettings) -> ExitCode {
    settings.log.start();
    let Ok(secrets) = Secrets::derive(&settings.keys.encryption_key) else { return fail(1, StartError::Keys) };
    let store = match build_pool(&settings.database.url, 1, settings.database.limits, "auth-service rotate-keys") {
        Ok(pool) => Store::new(pool),
        Err(error) => return fail(1, error),
    };
    let publish_ahead = settings.keys.publish_ahead;
    match Keys::new(store, secrets, publish_ahead).rotate(publish_ahead, settings.tokens.access_ttl).await {
        Ok(KeyRotation::Added { kid, signs_from, before }) => {
            println!("Created the key {kid}. It is published now and signs from {} on.", to_the_second(signs_from));
            for RetiringKey { kid, until } in before {
                println!("The key {kid} is published until {}, when every token that it signed has expired.", to_the_second(until));
            }
            ExitCode::SUCCESS
        }
        Ok(KeyRotation::Pending { kid, signs_from }) => {
            let from = to_the_second(signs_from);
            fail(
                1,
                format!(
                    "nothing was changed: the key {kid} is pending and signs from {from} on; run this command again after that to replace it"
                ),
            )
        }
        Err(error) => fail(1, error),
    }
}

fn to_the_second(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
