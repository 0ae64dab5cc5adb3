//! Requests as somebody who is logged in: the access token is renewed when it is over, and nobody has to think of it.

use chrono::TimeDelta;
use rowlock_platform::clock::Clock;
use serde_json::json;
use ureq::Body;
use ureq::http::Response;

use crate::api::{Answer, Api, Call};
use crate::error::Failure;
use crate::logins::{Login, LoginFile};

/// How long before its end a token is not sent any more: a request takes its time, and clocks differ.
const MARGIN: TimeDelta = TimeDelta::seconds(15);

/// The login of a server and the way to it.
#[derive(Debug)]
pub(crate) struct Session {
    api: Api,
    file: LoginFile,
    clock: Clock,
    login: Login,
}

impl Session {
    /// With the login that is kept for the server.
    pub(crate) fn open(api: Api, file: LoginFile) -> Result<Self, Failure> {
        let login = file.read()?.of(&api.url).cloned().ok_or_else(|| Failure::NotLoggedIn(api.url.clone()))?;
        Ok(Self { api, file, clock: Clock::system(), login })
    }

    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    pub(crate) fn login(&self) -> &Login {
        &self.login
    }

    /// Sends a request and reads its answer whole.
    pub(crate) fn send(&mut self, call: &Call<'_>) -> Result<Answer, Failure> {
        self.with_token(|api, token| api.send(call, Some(token)))
    }

    /// Sends a request and leaves the body of its answer to be read.
    pub(crate) fn open_body(&mut self, call: &Call<'_>) -> Result<Response<Body>, Failure> {
        self.with_token(|api, token| api.open(call, Some(token)))
    }

    fn with_token<T>(&mut self, send: impl Fn(&Api, &str) -> Result<T, Failure>) -> Result<T, Failure> {
        let is_over = |login: &Login| login.expires_at - MARGIN <= self.clock.now();
        if is_over(&self.login) {
            self.refresh()?;
        }
        match send(&self.api, &self.login.token) {
            // Nothing was done: it is safe to send it again.
            Err(Failure::Refused(problem)) if problem.code == "unauthenticated" => {
                self.refresh()?;
                send(&self.api, &self.login.token)
            }
            Err(Failure::Refused(mut problem)) if problem.status == 403 => {
                problem.hint = Some(format!("You are logged in as {}.", self.login.account.email));
                Err(Failure::Refused(problem))
            }
            result => result,
        }
    }

    /// Exchanges the refresh token, or takes what another rowlockctl has got for it meanwhile.
    ///
    /// If this process dies between the exchange and the write, the old token gets the same successor for 30 seconds.
    fn refresh(&mut self) -> Result<(), Failure> {
        let url = self.api.url.clone();
        let used_up = &self.login.token;
        let login = self.file.update(|logins| {
            let Some(stored) = logins.of(&url) else { return (false, Err(Failure::NotLoggedIn(url.clone()))) };
            if stored.token != *used_up {
                return (false, Ok(stored.clone()));
            }
            match exchange(&self.api, stored) {
                Ok(login) => {
                    logins.set(&url, login.clone());
                    (true, Ok(login))
                }
                Err(failure) => match why_over(&failure) {
                    Some(reason) => {
                        logins.remove(&url);
                        (true, Err(Failure::LoginOver { url: url.clone(), reason }))
                    }
                    None => (false, Err(failure)),
                },
            }
        })?;
        self.login = login;
        Ok(())
    }
}

/// What ended a login for good, if it is that.
fn why_over(failure: &Failure) -> Option<&'static str> {
    let Failure::Refused(problem) = failure else { return None };
    match problem.code.as_str() {
        "invalid-refresh-token" => Some("it has expired, or it was ended elsewhere"),
        "account-disabled" => Some("the account is disabled"),
        _ => None,
    }
}

fn exchange(api: &Api, login: &Login) -> Result<Login, Failure> {
    let call = Call::post("/api/refreshtoken", json!({"refreshToken": login.refresh_token})).harmless();
    login_in(api, api.send(&call, None)?)
}

/// The login in the answer to a log-in or a refresh.
pub(crate) fn login_in(api: &Api, answer: Answer) -> Result<Login, Failure> {
    serde_json::from_value(answer.body).map_err(|_| api.not_rowlock("the answer holds no tokens".to_owned()))
}
