//! Starts auth-services for tests.

#![allow(clippy::expect_used, reason = "a test cannot continue without its system and reports the cause by panicking")]

use std::net::SocketAddr;

use rowlock_platform::clock::Clock;
use rowlock_platform::running::Running;
use secrecy::ExposeSecret;

use crate::broker::TestBroker;
use crate::database::TestDatabase;
use crate::system::{BOOTSTRAP_TOKEN, SEALING_KEY, environment};
use crate::wait::until_some;

/// Starts an auth-service on a database without waiting until it is ready.
pub fn start_auth(database: &TestDatabase, broker: &TestBroker, more: &[(String, String)]) -> Running {
    let settings = [
        ("http.listen", "127.0.0.1:0".to_owned()),
        ("management.listen", "127.0.0.1:0".to_owned()),
        ("database.url", database.service_url().expose_secret().to_owned()),
        ("keys.encryption_key", "0123456789abcdef0123456789abcdef".to_owned()),
        ("bootstrap.token", BOOTSTRAP_TOKEN.to_owned()),
        ("passwords.bcrypt_cost", "4".to_owned()),
        ("amqp.url", broker.settings().url.expose_secret().to_owned()),
        ("amqp.prefix", broker.settings().prefix),
        (
            "amqp.retry_delays_ms",
            broker.settings().retry_delays.iter().map(|delay| delay.as_millis().to_string()).collect::<Vec<_>>().join(","),
        ),
        ("limits.log_in_per_address", "0".to_owned()),
        ("limits.log_in_per_account", "0".to_owned()),
        ("limits.create_account_per_address", "0".to_owned()),
        ("limits.create_account_per_email", "0".to_owned()),
        ("limits.mail_per_address", "0".to_owned()),
        ("limits.mail_per_email", "0".to_owned()),
        ("sealing.key", SEALING_KEY.to_owned()),
    ];
    let settings = auth_service::AuthSettings::load(None, environment(&settings, more)).expect("the settings are valid");
    auth_service::start(settings, Clock::system()).expect("auth-service starts")
}

/// Waits until the readiness check on a management port succeeds.
pub async fn ready(management: SocketAddr) {
    let http = reqwest::Client::new();
    until_some(&format!("the service at {management} is ready"), async || {
        let response = http.get(format!("http://{management}/health/ready")).send().await.ok()?;
        response.status().is_success().then_some(())
    })
    .await;
}
