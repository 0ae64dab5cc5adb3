//! `reset-totp`: removes the second factor of an administrator who has lost it.

use std::process::ExitCode;

use rowlock_domain::auditlog::{Action, Actor, ActorRole};
use rowlock_domain::text::Email;
use rowlock_platform::cli::fail;
use rowlock_platform::clock::Clock;
use rowlock_postgres::build_pool;
use serde_json::Map;

use crate::MaintenanceSettings;
use crate::account_changes::audit_message;
use crate::store::{Messages, Store};

/// Removes the second factor, so that the password alone suffices to log in. Succeeds if the account has none. The audit log
/// records it.
pub(super) async fn reset_totp(settings: MaintenanceSettings, email: Email) -> ExitCode {
    settings.log.start();
    let store = match build_pool(&settings.database.url, 1, settings.database.limits, "auth-service reset-totp") {
        Ok(pool) => Store::new(pool),
        Err(error) => return fail(1, error),
    };
    let account = match store.account_with_hash(&email.lookup_keys()).await {
        Ok(Some((account, _))) => account,
        Ok(None) => return fail(1, format!("there is no account with the e-mail address {email}")),
        Err(error) => return fail(1, error),
    };
    let Some(enabled_at) = account.totp_enabled_at else {
        println!("The account {email} has no second factor. Nothing was changed.");
        return ExitCode::SUCCESS;
    };
    let (clock, operator) = (Clock::system(), Actor { account_id: None, role: ActorRole::Operator, request_id: None });
    let message = audit_message(&clock, operator, Action::ResetSecondFactor, account.id.as_uuid(), Map::new());
    let messages = match Messages::of(&[message], &clock, clock.now()) {
        Ok(messages) => messages,
        Err(error) => return fail(1, error),
    };
    match store.remove_totp(account.id, enabled_at, None, messages).await {
        Ok(true) => println!("Removed the second factor of {email}. The password alone suffices to log in; enable a new one soon."),
        Ok(false) => println!("The second factor of {email} was removed or replaced meanwhile. Nothing was changed."),
        Err(error) => return fail(1, error),
    }
    ExitCode::SUCCESS
}
