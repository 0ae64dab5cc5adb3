//! Authenticated requests: the access token is refreshed automatically when it expires.

use chrono::TimeDelta;
use rowlock_platform::clock::Clock;
use serde_json::json;
use ureq::Body;
use ureq::http::Response;

use crate::api::{Api, ApiRequest, ApiResponse};
use crate::error::Failure;
use crate::logins::{Login, LoginFile};

/// How long before its expiry a token is no longer sent, to allow for the duration of a request and for clock skew.
const EXPIRY_MARGIN: TimeDelta = TimeDelta::seconds(15);

/// The login of a server, with a client for it.
#[derive(Debug)]
pub(crate) struct Session {
    api: Api,
    file: LoginFile,
    clock: Clock,
    login: Login,
}

impl Session {
    /// Opens the stored login of the server. Fails if there is none.
    pub(crate) fn open(api: Api, file: LoginFile) -> Result<Self, Failure> {
        let login = file.read()?.get(&api.url).cloned().ok_or_else(|| Failure::NotLoggedIn(api.url.clone()))?;
        Ok(Self { api, file, clock: Clock::system(), login })
    }

    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    pub(crate) fn login(&self) -> &Login {
        &self.login
    }

    /// Sends a request and reads the complete response.
    pub(crate) fn send(&mut self, request: &ApiRequest<'_>) -> Result<ApiResponse, Failure> {
        self.with_token(|api, token| api.send(request, Some(token)))
    }

    /// Sends a request and returns the response without reading its body.
    pub(crate) fn open_body(&mut self, request: &ApiRequest<'_>) -> Result<Response<Body>, Failure> {
        self.with_token(|api, token| api.open(request, Some(token)))
    }

    fn with_token<T>(&mut self, send: impl Fn(&Api, &str) -> Result<T, Failure>) -> Result<T, Failure> {
        let is_expired = |login: &Login| login.expires_at - EXPIRY_MARGIN <= self.clock.now();
        if is_expired(&self.login) {
            self.refresh()?;
        }
        match send(&self.api, &self.login.token) {
            // A 401 means that nothing was done, so the request can be sent again.
            Err(Failure::Rejected(problem)) if problem.code == "unauthenticated" => {
                self.refresh()?;
                send(&self.api, &self.login.token)
            }
            Err(Failure::Rejected(mut problem)) if problem.status == 403 => {
                problem.advice = Some(format!("You are logged in as {}.", self.login.account.email));
                Err(Failure::Rejected(problem))
            }
            result => result,
        }
    }

    /// Exchanges the refresh token, or takes the one that another rowlockctl has obtained meanwhile.
    ///
    /// If this process dies between the exchange and the write, the old token still gets the same successor during the server's
    /// grace period (60 seconds by default).
    fn refresh(&mut self) -> Result<(), Failure> {
        let url = self.api.url.clone();
        let rejected_token = &self.login.token;
        let login = self.file.update(|logins| {
            let Some(stored) = logins.get(&url) else { return (false, Err(Failure::NotLoggedIn(url.clone()))) };
            if stored.token != *rejected_token {
                return (false, Ok(stored.clone()));
            }
            match refresh_tokens(&self.api, stored) {
                Ok(login) => {
                    logins.set(&url, login.clone());
                    (true, Ok(login))
                }
                Err(failure) => match session_end_reason(&failure) {
                    Some(reason) => {
                        logins.remove(&url);
                        (true, Err(Failure::SessionEnded { url: url.clone(), reason }))
                    }
                    None => (false, Err(failure)),
                },
            }
        })?;
        self.login = login;
        Ok(())
    }
}

/// Returns the reason if a failure means that the session has ended for good.
fn session_end_reason(failure: &Failure) -> Option<&'static str> {
    let Failure::Rejected(problem) = failure else { return None };
    match problem.code.as_str() {
        "invalid-refresh-token" => Some("it expired or was ended elsewhere"),
        "account-disabled" => Some("the account is disabled"),
        _ => None,
    }
}

fn refresh_tokens(api: &Api, login: &Login) -> Result<Login, Failure> {
    let request = ApiRequest::post("/api/refreshtoken", json!({"refreshToken": login.refresh_token})).idempotent();
    parse_login(api, api.send(&request, None)?)
}

/// Parses the login in the response to a login or refresh.
pub(crate) fn parse_login(api: &Api, response: ApiResponse) -> Result<Login, Failure> {
    serde_json::from_value(response.body).map_err(|_| api.unexpected_response("the response contains no tokens".to_owned()))
}
