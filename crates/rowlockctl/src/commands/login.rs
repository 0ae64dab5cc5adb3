//! `login`, `logout`, `whoami`.

use std::io::{self, BufRead, IsTerminal, Write};

use serde_json::{Value, json};

use super::{Context, read_file};
use crate::api::{Api, Call};
use crate::cli::LoginArguments;
use crate::error::Failure;
use crate::logins::LoginFile;
use crate::output::{note, time};
use crate::session::login_in;

pub(super) fn login(context: &Context, arguments: LoginArguments) -> Result<(), Failure> {
    let file = LoginFile::find()?;
    let url = context.url(&file)?;
    if url.is_open_to_readers() {
        note(&format!("warning: {url} is not encrypted, so the password and the login can be read in transit. Use https://."));
    }
    let LoginArguments { email, password_file } = arguments;
    let email = match email {
        Some(email) => email,
        None => ask_email()?,
    };
    let password = match password_file {
        Some(path) => read_file(&path)?.trim_end_matches(['\r', '\n']).to_owned(),
        None => ask_password(&email)?,
    };
    let api = Api::new(url.clone());
    let call = Call::post("/admin/loginaccount", json!({"email": email, "password": password})).harmless();
    let login = login_in(&api, api.send(&call, None)?)?;
    file.update(|logins| {
        logins.set(&url, login.clone());
        logins.make_current(&url);
        (true, Ok(()))
    })?;
    let account = &login.account;
    let document = json!({"url": url, "account": account});
    context.output.document(&document, || format!("{} <{}> is logged in at {url}.", account.name, account.email))
}

fn ask_email() -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "No e-mail address given and standard input is not a terminal. Pass --email or set ROWLOCK_ADMIN_EMAIL.".to_owned(),
        ));
    }
    let mut err = io::stderr();
    write!(err, "E-mail: ")?;
    err.flush()?;
    let mut email = String::new();
    io::stdin().lock().read_line(&mut email)?;
    Ok(email.trim().to_owned())
}

fn ask_password(email: &str) -> Result<String, Failure> {
    // The prompt opens the terminal itself, so standard input may be redirected.
    rpassword::prompt_password(format!("Password of {}: ", crate::output::clean(email))).map_err(|_| {
        Failure::Usage("There is no terminal to ask for the password. Give --password-file FILE, or - for standard input.".to_owned())
    })
}

pub(super) fn logout(context: &Context, forget: bool) -> Result<(), Failure> {
    let file = LoginFile::find()?;
    let url = context.url(&file)?;
    let api = Api::new(url.clone());
    file.update(|logins| {
        let Some(login) = logins.of(&url) else { return (false, Err(Failure::NotLoggedIn(url.clone()))) };
        if !forget {
            let call = Call::post("/api/logoutaccount", json!({"refreshToken": login.refresh_token})).harmless();
            match api.send(&call, None) {
                // The session had already ended, which is the desired state.
                Err(Failure::Refused(problem)) if problem.code == "invalid-refresh-token" => {}
                Err(failure) => return (false, Err(failure)),
                Ok(_) => {}
            }
        }
        logins.remove(&url);
        (true, Ok(()))
    })?;
    context.output.document(&json!({"url": url}), || format!("Nobody is logged in at {url} any more."))
}

pub(super) fn whoami(context: &Context) -> Result<(), Failure> {
    let mut session = context.session()?;
    let account = session.send(&Call::get("/api/account"))?.body;
    let (url, until) = (&session.api().url, session.login().expires_at);
    let text = |name: &str| account.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let document = json!({"url": url, "account": account, "tokenExpiresAt": until});
    context.output.document(&document, || {
        let (name, email, role) = (text("name"), text("email"), text("role"));
        format!("{name} <{email}>, {role}, at {url}. The access token is good until {} and renews itself.", time(until))
    })
}
