//! Creates the accounts of the clients, and continuously registers new accounts that log in and refresh their token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::Fallible;
use crate::http::{ApiClient, ApiRequest, ApiResponse, SendError, SendResult};
use crate::sender::{StopSignal, TestAccount};

/// Password of all accounts.
pub const PASSWORD: &str = "correct horse battery";
/// Grace period in which the previous refresh token still returns the same successor.
const REFRESH_GRACE: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogIn {
    token: String,
    refresh_token: String,
    account: Account,
}

#[derive(Deserialize)]
struct Account {
    id: Uuid,
}

/// Creates the administrator with the bootstrap token and logs in.
pub async fn administrator(api: &ApiClient, bootstrap: &str) -> Fallible<TestAccount> {
    let email = "admin@example.org".to_owned();
    let body = json!({"name": "Admin", "username": "admin", "email": email, "password": PASSWORD});
    let request = ApiRequest { bootstrap: Some(bootstrap), ..ApiRequest::post("/admin/createaccount", &body) };
    expect(201, "creating the administrator", api.send(&request).await)?;
    log_in(api, "/admin/loginaccount", email).await
}

/// Creates an account and logs in, before any fault is injected.
pub async fn visitor(api: &ApiClient, name: &str) -> Fallible<TestAccount> {
    let email = format!("{name}@example.org");
    expect(201, "creating an account", api.send(&registration(name, &email)).await)?;
    log_in(api, "/api/loginaccount", email).await
}

fn registration(name: &str, email: &str) -> ApiRequest<'static> {
    ApiRequest::post("/api/createaccount", &json!({"name": name, "username": name, "email": email, "password": PASSWORD}))
}

async fn log_in(api: &ApiClient, path: &str, email: String) -> Fallible<TestAccount> {
    let body = json!({"email": email, "password": PASSWORD});
    let response = expect(200, "logging in", api.send(&ApiRequest::post(path, &body)).await)?;
    let log_in: LogIn = serde_json::from_str(&response.body)?;
    Ok(TestAccount { id: log_in.account.id, email, token: log_in.token })
}

fn expect(status: u16, what: &str, result: SendResult) -> Fallible<ApiResponse> {
    match result {
        Ok(response) if response.status == status => Ok(response),
        Ok(response) => Err(format!("{what} failed with status {}: {}", response.status, response.body).into()),
        Err(error) => Err(format!("{what} failed: {error:?}").into()),
    }
}

/// Log of the registrations.
#[derive(Debug, Default)]
pub struct RegistrationLog {
    /// Ids of the created accounts, by e-mail address.
    pub created: BTreeMap<String, Uuid>,
    /// Number of responses, by route and kind.
    pub answers: BTreeMap<String, u64>,
    /// Descriptions of invalid responses.
    pub violations: Vec<String>,
}

/// Registration log shared by the tasks.
pub type SharedRegistrationLog = Arc<Mutex<RegistrationLog>>;

/// Registers accounts one after another; each logs in, refreshes its token and reads its account.
#[derive(Debug)]
pub struct RegistrationTask {
    /// Client of the gateway.
    pub api: ApiClient,
    /// Stop signal of the clients.
    pub stop_signal: StopSignal,
    /// Log of all responses.
    pub registrations: SharedRegistrationLog,
    /// Prefix of the account names.
    pub name_prefix: String,
}

impl RegistrationTask {
    /// Runs until the clients are stopped.
    pub async fn run(self, seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut count = 0;
        while self.stop_signal.sleep_unless_stopped(Duration::from_millis(rng.random_range(100..400))).await {
            count += 1;
            // None if a request got no final response before the clients gave up, or if a violation was recorded.
            let _ = self.register_account(&format!("{}-{count}", self.name_prefix)).await;
        }
    }

    async fn register_account(&self, name: &str) -> Option<()> {
        let email = format!("{name}@example.org");
        let (response, attempts) = self.send_until_final(&registration(name, &email), "createaccount").await?;
        match (response.status, response.code.as_str()) {
            (201, _) => {
                let account: Account = serde_json::from_str(&response.body).ok()?;
                self.registrations().created.insert(email.clone(), account.id);
            }
            // The response to an earlier attempt was lost.
            (409, "email-taken" | "username-taken") if attempts > 1 => {}
            _ => return self.add_violation("createaccount", &email, &response),
        }
        let body = json!({"email": email, "password": PASSWORD});
        let (response, _) = self.send_until_final(&ApiRequest::post("/api/loginaccount", &body), "loginaccount").await?;
        let Some(session) = parse_login(&response) else { return self.add_violation("loginaccount", &email, &response) };
        let refreshed = Instant::now();
        let body = json!({"refreshToken": session.refresh_token});
        let (response, _) = self.send_until_final(&ApiRequest::post("/api/refreshtoken", &body), "refreshtoken").await?;
        let session = match parse_login(&response) {
            Some(session) => session,
            // A refresh retried after the grace period ends the session, which is correct.
            None if refreshed.elapsed() >= REFRESH_GRACE && response.code == "invalid-refresh-token" => return Some(()),
            None => return self.add_violation("refreshtoken", &email, &response),
        };
        let (response, _) = self.send_until_final(&ApiRequest::get("/api/account", &session.token), "account").await?;
        if response.json().get("email").and_then(serde_json::Value::as_str) != Some(&email) {
            return self.add_violation("account", &email, &response);
        }
        Some(())
    }

    fn add_violation(&self, route: &str, email: &str, response: &ApiResponse) -> Option<()> {
        self.registrations().violations.push(format!("{route} of {email} returned {} {}", response.status, response.body));
        None
    }

    async fn send_until_final(&self, request: &ApiRequest<'_>, route: &str) -> Option<(ApiResponse, u32)> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let result = self.api.send(request).await;
            let kind = match &result {
                Ok(response) => format!("{route}: {} {}", response.status, response.code).trim_end().to_owned(),
                Err(SendError::Timeout) => format!("{route}: timeout"),
                Err(SendError::ConnectionFailed(_)) => format!("{route}: connection failed"),
            };
            *self.registrations().answers.entry(kind).or_default() += 1;
            if result == Err(SendError::Timeout) {
                self.registrations().violations.push(format!("{route}: no response before the timeout"));
            }
            match result {
                Ok(response) if response.is_final() => return Some((response, attempts)),
                _ if self.stop_signal.give_up_at.borrow().is_some_and(|at| at <= Instant::now()) => return None,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    fn registrations(&self) -> MutexGuard<'_, RegistrationLog> {
        self.registrations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse_login(response: &ApiResponse) -> Option<LogIn> {
    (response.status == 200).then(|| serde_json::from_str(&response.body).ok()).flatten()
}
