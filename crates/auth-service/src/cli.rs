//! The command line: `serve`, `migrate`, `create-admin`, `reset-totp`, `rotate-keys`, `failed-messages`, `healthcheck`.

mod reset_totp;
mod rotate_keys;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use rowlock_domain::auditlog::{Actor, ActorRole};
use rowlock_domain::states::{AdminRole, Language, Role};
use rowlock_domain::text::{Email, Password, PersonName, Username};
use rowlock_messaging::cli::{FailedMessages, run_failed_messages_command};
use rowlock_platform::cli::{BAD_SETTINGS, ConfigArgument, environment, fail, healthcheck, run_migrations, run_until_stopped};
use rowlock_platform::clock::Clock;
use rowlock_postgres::build_pool;

use crate::passwords::Passwords;
use crate::registration::{Registration, RegistrationError, register};
use crate::store::{RoleGrant, Store};
use crate::{AuthSettings, MIGRATIONS, MaintenanceSettings, start};

/// Accounts, login and tokens of the Rowlock ticketing system.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    source: ConfigArgument,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves requests until it receives SIGTERM or SIGINT. This is the default.
    Serve,
    /// Applies all pending database migrations.
    Migrate,
    /// Creates an administrator account with the role `owner`, whether or not there are other administrators.
    CreateAdmin(CreateAdmin),
    /// Removes the second factor of an administrator who has lost it.
    ResetTotp {
        /// The e-mail address of the account.
        #[arg(long)]
        email: Email,
    },
    /// Replaces the signing key with a new one, without ending any session.
    RotateKeys,
    /// Lists and manages outbox messages that the broker rejected several times.
    FailedMessages {
        #[command(subcommand)]
        action: FailedMessages,
    },
    /// Checks whether the service that runs with the same settings is ready.
    Healthcheck,
}

#[derive(Debug, Args)]
struct CreateAdmin {
    /// The e-mail address to log in with.
    #[arg(long)]
    email: Email,
    /// The handle of the account.
    #[arg(long)]
    username: Username,
    /// The name of the administrator.
    #[arg(long)]
    name: PersonName,
    /// File that contains the password. Newlines at its end are ignored.
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    /// Prints the login to standard output if the password is that of the account. Meant for containers, whose log is all that
    /// an operator can read.
    #[arg(long)]
    show_login: bool,
}

/// Runs the command given on the command line. Returns exit code 0 on success, 2 if the settings or arguments are invalid, and 1
/// for any other failure.
pub async fn run() -> ExitCode {
    let Arguments { source: ConfigArgument { config }, command } = Arguments::parse();
    if let None | Some(Command::Serve) = command {
        return match AuthSettings::load(config.as_deref(), environment()) {
            Ok(settings) => serve(settings).await,
            Err(error) => fail(BAD_SETTINGS, error),
        };
    }
    if let Some(Command::RotateKeys) = command {
        return match AuthSettings::load(config.as_deref(), environment()) {
            Ok(settings) => rotate_keys::rotate_keys(settings).await,
            Err(error) => fail(BAD_SETTINGS, error),
        };
    }
    let settings = match MaintenanceSettings::load(config.as_deref(), environment()) {
        Ok(settings) => settings,
        Err(error) => return fail(BAD_SETTINGS, error),
    };
    match command {
        None | Some(Command::Serve | Command::RotateKeys) => ExitCode::SUCCESS,
        Some(Command::Migrate) => {
            settings.log.start();
            run_migrations(&settings.database, MIGRATIONS).await
        }
        Some(Command::CreateAdmin(arguments)) => create_admin(settings, arguments).await,
        Some(Command::ResetTotp { email }) => reset_totp::reset_totp(settings, email).await,
        Some(Command::FailedMessages { action }) => run_failed_messages_command(&settings.database, action).await,
        Some(Command::Healthcheck) => healthcheck(settings.management.listen),
    }
}

async fn serve(settings: AuthSettings) -> ExitCode {
    settings.log.start();
    let leave = settings.shutdown.total();
    let running = match start(settings, Clock::system()) {
        Ok(running) => running,
        Err(error) => return fail(1, error),
    };
    run_until_stopped(running, leave).await
}

async fn create_admin(settings: MaintenanceSettings, arguments: CreateAdmin) -> ExitCode {
    settings.log.start();
    let arguments = match settings.email_domains.admit(arguments.email.clone()) {
        Ok(email) => CreateAdmin { email, ..arguments },
        Err(error) => return fail(BAD_SETTINGS, format!("the e-mail address {} {error}", arguments.email)),
    };
    let password: Password = match std::fs::read_to_string(&arguments.password_file) {
        Ok(text) => match text.trim_end_matches(['\r', '\n']).parse() {
            Ok(password) => password,
            Err(error) => return fail(BAD_SETTINGS, format!("the password in {} {error}", arguments.password_file.display())),
        },
        Err(error) => return fail(BAD_SETTINGS, format!("{} cannot be read: {error}", arguments.password_file.display())),
    };
    let store = match build_pool(&settings.database.url, 1, settings.database.limits, "auth-service create-admin") {
        Ok(pool) => Store::new(pool),
        Err(error) => return fail(1, error),
    };
    let passwords = Passwords::new(settings.passwords);
    let CreateAdmin { email, username, name, password_file, show_login } = arguments;
    let operator = Actor { account_id: None, role: ActorRole::Operator, request_id: None };
    let registration =
        Registration { name, username, email: email.clone(), password: password.clone(), language: Language::English, confirmation: None };
    match register(&store, &passwords, &Clock::system(), registration, RoleGrant::Admin(AdminRole::Owner), Some(operator), None).await {
        Ok(account) => println!("Created the administrator {email} with the id {}.", account.id),
        Err(RegistrationError::EmailTaken) => match existing(&store, &email).await {
            // The file may contain another password than the one with which the account was created.
            Ok(hash) if show_login => match passwords.check(&password.expose().into(), Some(&hash)).await {
                Ok(true) => {}
                Ok(false) => {
                    println!("Its password is not the one in {}.", password_file.display());
                    return ExitCode::SUCCESS;
                }
                Err(error) => return fail(1, error),
            },
            Ok(_) => {}
            Err(refused) => return refused,
        },
        Err(error) => return fail(1, error),
    }
    if show_login {
        println!("Administrator: {email}   password: {}", password.expose());
    }
    ExitCode::SUCCESS
}

/// Returns the password hash of an existing administrator, which makes `create-admin` a no-op. Fails if there is an account with
/// this e-mail address that is not an administrator's, because a user must not be promoted unnoticed.
async fn existing(store: &Store, email: &Email) -> Result<String, ExitCode> {
    match store.account_with_hash(&email.lookup_keys()).await {
        Ok(Some((account, hash))) if account.role == Role::Admin => {
            println!("The administrator {email} already exists. Nothing was changed, including the password.");
            Ok(hash)
        }
        Ok(_) => Err(fail(1, format!("the account {email} exists and is not an administrator's"))),
        Err(error) => Err(fail(1, error)),
    }
}
