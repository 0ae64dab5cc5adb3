//! `login`, `logout`, `whoami`.

use std::io::{self, BufRead, IsTerminal, Write};

use serde_json::{Value, json};

use super::{Context, read_file};
use crate::api::{Api, ApiRequest};
use crate::cli::LoginArguments;
use crate::error::Failure;
use crate::logins::LoginFile;
use crate::output::{print_note, time};
use crate::session::parse_login;

pub(super) fn login(context: &Context, arguments: LoginArguments) -> Result<(), Failure> {
    let file = LoginFile::find()?;
    let url = context.url(&file)?;
    if url.is_unencrypted_remote() {
        print_note(&format!(
            "warning: the connection to {url} is not encrypted, so the password and the tokens can be read in transit. Use https://."
        ));
    }
    let LoginArguments { email, password_file, totp } = arguments;
    let email = match email {
        Some(email) => email,
        None => ask_email()?,
    };
    let password = match password_file {
        Some(path) => read_file(&path)?.trim_end_matches(['\r', '\n']).to_owned(),
        None => ask_password(&email)?,
    };
    let api = Api::new(url.clone());
    let send = |totp: Option<String>| {
        let mut body = json!({"email": email, "password": password});
        if let (Some(code), Some(fields)) = (totp, body.as_object_mut()) {
            fields.insert("totp".to_owned(), code.into());
        }
        api.send(&ApiRequest::post("/admin/loginaccount", body).idempotent(), None)
    };
    let response = match send(totp) {
        Err(Failure::Rejected(problem)) if problem.code == "totp-required" => send(Some(ask_code()?))?,
        response => response?,
    };
    let login = parse_login(&api, response)?;
    file.update(|logins| {
        logins.set(&url, login.clone());
        logins.make_current(&url);
        (true, Ok(()))
    })?;
    let account = &login.account;
    let document = json!({"url": url, "account": account});
    context.output.result(&document, || format!("Logged in at {url} as {} <{}>.", account.name, account.email))
}

fn ask_email() -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "There is no e-mail address, and standard input is not a terminal. Pass --email or set ROWLOCK_ADMIN_EMAIL.".to_owned(),
        ));
    }
    let mut err = io::stderr();
    write!(err, "E-mail: ")?;
    err.flush()?;
    let mut email = String::new();
    io::stdin().lock().read_line(&mut email)?;
    Ok(email.trim().to_owned())
}

/// Asks for a code of the second factor and reads it from standard input.
pub(super) fn ask_code() -> Result<String, Failure> {
    let mut err = io::stderr();
    write!(err, "Code of your authenticator app, or a recovery code: ")?;
    err.flush()?;
    let mut code = String::new();
    io::stdin().lock().read_line(&mut code)?;
    if code.trim().is_empty() {
        return Err(Failure::Usage("A code of the second factor is needed. Pass --totp CODE, or type it at the terminal.".to_owned()));
    }
    Ok(code.trim().to_owned())
}

pub(super) fn ask_password(email: &str) -> Result<String, Failure> {
    // The prompt opens the terminal itself, so standard input may be redirected.
    rpassword::prompt_password(format!("Password of {}: ", crate::output::sanitize(email))).map_err(|_| {
        Failure::Usage(
            "There is no terminal, so rowlockctl cannot ask for the password. Pass --password-file FILE, or - for standard input."
                .to_owned(),
        )
    })
}

pub(super) fn logout(context: &Context, forget: bool) -> Result<(), Failure> {
    let file = LoginFile::find()?;
    let url = context.url(&file)?;
    let api = Api::new(url.clone());
    file.update(|logins| {
        let Some(login) = logins.get(&url) else { return (false, Err(Failure::NotLoggedIn(url.clone()))) };
        if !forget {
            let request = ApiRequest::post("/api/logoutaccount", json!({"refreshToken": login.refresh_token})).idempotent();
            match api.send(&request, None) {
                // The session had already ended, which is the desired state.
                Err(Failure::Rejected(problem)) if problem.code == "invalid-refresh-token" => {}
                Err(failure) => return (false, Err(failure)),
                Ok(_) => {}
            }
        }
        logins.remove(&url);
        (true, Ok(()))
    })?;
    context.output.result(&json!({"url": url}), || format!("Logged out of {url}."))
}

pub(super) fn whoami(context: &Context) -> Result<(), Failure> {
    let mut session = context.session()?;
    let account = session.send(&ApiRequest::get("/api/account"))?.body;
    let (url, until) = (&session.api().url, session.login().expires_at);
    let text = |name: &str| account.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let document = json!({"url": url, "account": account, "tokenExpiresAt": until});
    context.output.result(&document, || {
        let (name, email, role) = (text("name"), text("email"), text("role"));
        format!("{name} <{email}>, {role}, at {url}. The access token expires at {} and is refreshed automatically.", time(until))
    })
}
