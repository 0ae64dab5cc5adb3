//! Implementation of the commands, one file each.

mod accounts;
mod auditlog;
mod dead_letters;
mod doors;
mod events;
mod export;
mod login;
mod mails;
mod on_behalf;
mod pictures;
mod queue;
mod sales;
mod show;
mod totp;
mod transfers;
mod waitlist;
mod webhooks;

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use clap::CommandFactory;
use serde_json::{Value, json};

use self::on_behalf::LinkOf;
use crate::api::Api;
use crate::cli::{Arguments, Bookings, Checkins, Command, Events, Queue, Waitlist};
use crate::error::Failure;
use crate::logins::LoginFile;
use crate::output::Output;
use crate::server_url::ServerUrl;
use crate::session::Session;

/// State shared by all commands.
#[derive(Debug)]
struct Context {
    output: Output,
    url: Option<ServerUrl>,
}

impl Context {
    /// Returns the URL of the server: the option, the server of the last login, or the local one.
    fn url(&self, file: &LoginFile) -> Result<ServerUrl, Failure> {
        match &self.url {
            Some(url) => Ok(url.clone()),
            None => Ok(file.current()?.unwrap_or_else(ServerUrl::local)),
        }
    }

    /// Returns a client for the API without a login.
    fn api(&self) -> Result<Api, Failure> {
        Ok(Api::new(match &self.url {
            Some(url) => url.clone(),
            None => self.url(&LoginFile::find()?)?,
        }))
    }

    /// Returns a client for the API with the stored login of the server.
    fn session(&self) -> Result<Session, Failure> {
        let file = LoginFile::find()?;
        Session::open(Api::new(self.url(&file)?), file)
    }
}

/// Executes a command.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { url, json, command } = arguments;
    let context = Context { output: Output { json }, url };
    match command {
        Command::Login(arguments) => login::login(&context, arguments),
        Command::Logout { forget } => login::logout(&context, forget),
        Command::Whoami => login::whoami(&context),
        Command::Events(Events::List(list)) => events::list(&context, *list),
        Command::Events(Events::Create(event)) => events::create(&context, *event),
        Command::Events(Events::Show { event, watch, once, interval }) => show::show(&context, event, watch, once, interval),
        Command::Events(Events::Change(change)) => events::change(&context, *change),
        Command::Events(Events::Picture { event, file, .. }) => pictures::set_or_remove(&context, event, file.as_deref()),
        Command::Events(Events::Unpublish { event }) => events::unpublish(&context, event),
        Command::Events(Events::Delete { event, yes }) => events::delete(&context, event, yes),
        Command::Events(Events::Cancel { event, yes }) => events::cancel(&context, event, yes),
        Command::Bookings(Bookings::Export { event, output, force }) => export::export(&context, event, output, force),
        Command::Bookings(Bookings::Cancel { booking, quantity, reason, yes }) => {
            on_behalf::cancel(&context, booking, quantity, reason, yes)
        }
        Command::Bookings(Bookings::SendLink { booking, replace, reason }) => {
            on_behalf::send_link(&context, LinkOf::Booking(booking), replace, reason)
        }
        Command::Bookings(Bookings::Create { event, name, email, account, ticket_type, quantity, min_quantity, no_waitlist, reason }) => {
            let guest = json!({"quantity": quantity, "joinWaitlist": !no_waitlist});
            let optional = [
                ("name", name.map(Value::from)),
                ("email", email.map(Value::from)),
                ("accountId", account.map(|account| account.to_string().into())),
                ("ticketTypeId", ticket_type.map(Value::from)),
                ("minQuantity", min_quantity.map(Value::from)),
                ("reason", reason.map(Value::from)),
            ];
            on_behalf::create(&context, event, guest, optional)
        }
        Command::Waitlist { action: Some(Waitlist::Remove { entry, reason, yes }), .. } => on_behalf::remove(&context, entry, reason, yes),
        Command::Waitlist { action: Some(Waitlist::SendLink { entry, replace, reason }), .. } => {
            on_behalf::send_link(&context, LinkOf::Entry(entry), replace, reason)
        }
        Command::Waitlist { action: None, event, ticket_type, limit } => {
            let event = event.ok_or_else(|| Failure::Usage("No event given. See: rowlockctl waitlist --help".to_owned()))?;
            waitlist::waitlist(&context, event, ticket_type.as_deref(), limit)
        }
        Command::Queue(Queue::Verify { event, ticket_type, known, since }) => {
            queue::verify(&context, event, ticket_type.as_deref(), &known, since.as_deref())
        }
        Command::Transfers { event, limit } => transfers::transfers(&context, event, limit),
        Command::Checkins(Checkins::Summary { event }) => doors::summary(&context, event),
        Command::Doorlist { event, search, csv, limit } => doors::door_list(&context, event, search, csv, limit),
        Command::Accounts(action) => accounts::run(&context, action),
        Command::Webhooks(action) => webhooks::run(&context, action),
        Command::Mails(action) => mails::run(&context, action),
        Command::Totp(action) => totp::run(&context, action),
        Command::Auditlog { limit } => auditlog::auditlog(&context, limit),
        Command::DeadLetters(arguments) => dead_letters::run(context.output, arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "rowlockctl", &mut script);
            crate::output::print_line(String::from_utf8_lossy(&script).trim_end())
        }
    }
}

/// Reads a file, or standard input for `-`.
fn read_file(path: &Path) -> Result<String, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    text.map_err(|error| Failure::Usage(format!("Cannot read {}: {error}", path.display())))
}
