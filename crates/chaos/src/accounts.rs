//! Accounts: those of the clients, and newcomers who register, log in and refresh their token throughout the storm.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::Fallible;
use crate::desk::{Closing, Person};
use crate::http::{Answer, Api, NoAnswer, Question, Reply};

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";
/// Within this time the refresh token before the present one still gets the same successor.
const GRACE: Duration = Duration::from_secs(30);

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

/// Makes the administrator with the bootstrap token and logs them in.
pub async fn administrator(api: &Api, bootstrap: &str) -> Fallible<Person> {
    let email = "admin@example.org".to_owned();
    let body = json!({"name": "Admin", "username": "admin", "email": email, "password": PASSWORD});
    let question = Question { bootstrap: Some(bootstrap), ..Question::post("/admin/createaccount", &body) };
    expect(201, "the administrator's account", api.ask(&question).await)?;
    log_in(api, "/admin/loginaccount", email).await
}

/// Makes an account and logs it in, before the storm.
pub async fn visitor(api: &Api, name: &str) -> Fallible<Person> {
    let email = format!("{name}@example.org");
    expect(201, "an account", api.ask(&registration(name, &email)).await)?;
    log_in(api, "/api/loginaccount", email).await
}

fn registration(name: &str, email: &str) -> Question<'static> {
    Question::post("/api/createaccount", &json!({"name": name, "username": name, "email": email, "password": PASSWORD}))
}

async fn log_in(api: &Api, path: &str, email: String) -> Fallible<Person> {
    let body = json!({"email": email, "password": PASSWORD});
    let reply = expect(200, "a log-in", api.ask(&Question::post(path, &body)).await)?;
    let log_in: LogIn = serde_json::from_str(&reply.body)?;
    Ok(Person { account: log_in.account.id, email, token: log_in.token })
}

fn expect(status: u16, what: &str, answer: Answer) -> Fallible<Reply> {
    match answer {
        Ok(reply) if reply.status == status => Ok(reply),
        Ok(reply) => Err(format!("{what} was answered with {} {}", reply.status, reply.body).into()),
        Err(error) => Err(format!("{what}: {error:?}").into()),
    }
}

/// What the newcomers were promised, and what they were told wrongly.
#[derive(Debug, Default)]
pub struct Register {
    /// Accounts that were made, by e-mail.
    pub created: BTreeMap<String, Uuid>,
    /// Answers by route and kind.
    pub answers: BTreeMap<String, u64>,
    /// Answers that must not be, a sentence each.
    pub wrong: Vec<String>,
}

/// The newcomers' ledger.
pub type SharedRegister = Arc<Mutex<Register>>;

/// One after the other registers, logs in, refreshes the token and looks at the own account.
#[derive(Debug)]
pub struct Newcomers {
    /// The gateway.
    pub api: Api,
    /// When it ends.
    pub closing: Closing,
    /// Where all is written down.
    pub register: SharedRegister,
    /// Begins their names.
    pub name: String,
}

impl Newcomers {
    /// Goes on until nothing new is begun.
    pub async fn run(self, seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut count = 0;
        while self.closing.goes_on_after(Duration::from_millis(rng.random_range(100..400))).await {
            count += 1;
            // Without an answer until everything was given up; the audit of the other requests says so.
            let _ = self.welcome(&format!("{}-{count}", self.name)).await;
        }
    }

    async fn welcome(&self, name: &str) -> Option<()> {
        let email = format!("{name}@example.org");
        let (reply, attempts) = self.decide(&registration(name, &email), "createaccount").await?;
        match (reply.status, reply.code.as_str()) {
            (201, _) => {
                let account: Account = serde_json::from_str(&reply.body).ok()?;
                self.register().created.insert(email.clone(), account.id);
            }
            // The answer to an earlier sending was lost.
            (409, "email-taken" | "username-taken") if attempts > 1 => {}
            _ => return self.complain("createaccount", &email, &reply),
        }
        let body = json!({"email": email, "password": PASSWORD});
        let (reply, _) = self.decide(&Question::post("/api/loginaccount", &body), "loginaccount").await?;
        let Some(session) = log_in_of(&reply) else { return self.complain("loginaccount", &email, &reply) };
        let begun = Instant::now();
        let body = json!({"refreshToken": session.refresh_token});
        let (reply, _) = self.decide(&Question::post("/api/refreshtoken", &body), "refreshtoken").await?;
        let session = match log_in_of(&reply) {
            Some(session) => session,
            // A lost answer asked for again too late ends the session, as it must.
            None if begun.elapsed() >= GRACE && reply.code == "invalid-refresh-token" => return Some(()),
            None => return self.complain("refreshtoken", &email, &reply),
        };
        let (reply, _) = self.decide(&Question::get("/api/account", &session.token), "account").await?;
        if reply.json().get("email").and_then(serde_json::Value::as_str) != Some(&email) {
            return self.complain("account", &email, &reply);
        }
        Some(())
    }

    fn complain(&self, route: &str, email: &str, reply: &Reply) -> Option<()> {
        self.register().wrong.push(format!("{route} of {email} was answered with {} {}", reply.status, reply.body));
        None
    }

    async fn decide(&self, question: &Question<'_>, route: &str) -> Option<(Reply, u32)> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let answer = self.api.ask(question).await;
            let kind = match &answer {
                Ok(reply) => format!("{route}: {} {}", reply.status, reply.code).trim_end().to_owned(),
                Err(NoAnswer::Late) => format!("{route}: no answer in time"),
                Err(NoAnswer::Broken(_)) => format!("{route}: connection broken"),
            };
            *self.register().answers.entry(kind).or_default() += 1;
            if answer == Err(NoAnswer::Late) {
                self.register().wrong.push(format!("{route}: no answer within the deadline"));
            }
            match answer {
                Ok(reply) if reply.is_definite() => return Some((reply, attempts)),
                _ if self.closing.give_up.borrow().is_some_and(|at| at <= Instant::now()) => return None,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_in_of(reply: &Reply) -> Option<LogIn> {
    (reply.status == 200).then(|| serde_json::from_str(&reply.body).ok()).flatten()
}
