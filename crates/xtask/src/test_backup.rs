//! `make test` ends with this test of `make backup` and `make restore`: a backup of one temporary PostgreSQL cluster is restored to
//! another, the services run on it, and forbidden operations are refused.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    api::{Api, Login, Tokens},
    checkout::Checkout,
    failure::{Failure, Result, ensure, sentence},
    files, manifest,
    ports::{self, Ports},
    postgres::Postgres,
    private::{Durability, PrivateServers, Running, folder_of_run},
    server_url::ServerUrl,
    services::{self, AUTH, BOOKING, SERVICES, Service},
    shell::{self, output, wait_until},
    system::{System, given_programs},
    tools::{self, Server},
};

const LIMIT: Duration = Duration::from_secs(20);
const PASSWORD: &str = "correct horse battery";

/// A mail that has been sent.
const ADD_DELIVERY: &str = "INSERT INTO deliveries (message_id, recipient, channel, kind, data, urgent, status, attempts, settled_at)
    VALUES (gen_random_uuid(), gen_random_uuid(), 'email', 'booking.confirmed', '{}', false, 'sent', 1, now())";

/// A cluster, and the system whose services use it.
struct Cluster {
    system: System,
    postgres: Postgres,
}

struct Test {
    programs: PathBuf,
    backup: PathBuf,
    from: Cluster,
    to: Cluster,
}

pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    tools::need(checkout, &[Server::Postgres])?;
    let programs = given_programs()?.map_or_else(|| checkout.target().map(|target| target.join("debug")), Ok)?;
    let folder = folder_of_run(checkout)?;
    shell::clean_up_on_signals()?;
    println!("Testing backup and restore");
    let mut servers = PrivateServers::in_folder(checkout, folder, Durability::None);
    let names = [&services::port_names()[..], &[ports::GATEWAY, "FROM", "TO"]].concat();
    let count = u16::try_from(names.len()).unwrap_or(u16::MAX);
    let first = ports::free_block(20_000_u16.saturating_add(files::random_below(11_000)?), count)?;
    servers.system.ports = Ports::consecutive(first, &names);
    // There is no broker, so messages stay in the outbox.
    servers.system.amqp = Some("amqp://nobody@127.0.0.1:1/".to_owned());
    servers.system.make_secrets()?;
    files::make_private_folder(&checkout.state())?;
    let running = Running(servers);
    let from = Cluster::start(&running.0.system, "from", "FROM")?;
    let to = Cluster::start(&running.0.system, "to", "TO")?;
    let test = Test { programs, backup: running.0.system.folder().join("backup"), from, to };
    test.check()?;
    println!("The test of backup and restore passed.");
    Ok(())
}

impl Cluster {
    fn start(system: &System, name: &str, port: &str) -> Result<Self> {
        let mut system = system.clone();
        let port = system.ports.get(port)?;
        system.ports.set(ports::POSTGRES, port);
        let postgres = Postgres::place(&system.checkout, &system.processes, name)?;
        let password = system.secrets().join("postgres");
        postgres.init(&password, "md5", &["--no-sync"])?;
        postgres.launch(port, &["password_encryption=md5", "fsync=off", "max_wal_senders=0", "wal_level=minimal"])?;
        postgres.wait(port, &password)?;
        Ok(Self { system, postgres })
    }

    fn query(&self, database: &str, sql: &str) -> Result<String> {
        let port = self.system.ports.get(ports::POSTGRES)?;
        output(&mut crate::postgres::query(port, &self.system.secret("postgres")?, database, sql))
    }

    /// Returns all databases as text: rows, schema, owners and privileges. Parentheses are removed, because a CHECK constraint has
    /// fewer of them after its text has been parsed again.
    fn content(&self) -> Result<String> {
        let url = ServerUrl::parse(&self.system.admin_database_url()?)?;
        let mut content = String::new();
        for database in manifest::DATABASES {
            let mut command = url.client(self.postgres.programs().join("pg_dump"));
            let text = output(command.args(["-d", &url.database(database)]))?;
            let lines = text.lines().filter(|line| !line.starts_with("\\restrict ") && !line.starts_with("\\unrestrict "));
            lines.for_each(|line| content.extend(line.chars().filter(|c| !matches!(c, '(' | ')')).chain(['\n'])));
        }
        Ok(content)
    }

    fn api(&self, service: &Service) -> Result<Api> {
        let port = service.port.ok_or_else(|| sentence!("{} has no API.", service.name))?;
        Ok(Api::new(&self.system.local_url(port)?))
    }

    /// Starts a service on this cluster, and waits until it answers.
    fn serve(&self, programs: &Path, service: &Service, path: &str) -> Result<Api> {
        self.system.write_urls()?;
        let settings: &[_] = match service.name {
            // Without a broker, it would not become ready.
            "auth-service" => &[("ROWLOCK__OUTBOX__RELAY", "false"), ("ROWLOCK__PASSWORDS__BCRYPT_COST", "4")],
            _ => &[],
        };
        self.system.serve(programs, service, settings)?;
        let api = self.api(service)?;
        let answers = wait_until(LIMIT, || api.get(path, None).is_ok_and(|response| response.is_success()));
        ensure!(answers, "{}", Failure::logged(format!("{} does not answer", service.name), self.system.processes.log(service.name)));
        Ok(api)
    }

    fn stop(&self, service: &Service) -> Result<()> {
        self.system.processes.stop(service.name, Signal::TERM, LIMIT)
    }

    /// Returns a command of this program that uses this cluster.
    fn task(&self, arguments: &[&str], folder: &Path) -> Result<Command> {
        let this = std::env::current_exe().map_err(Failure::file("this program", "found"))?;
        let mut command = Command::new(this);
        command.args(arguments).arg(folder).env("ROWLOCK_DATABASE_URL", self.system.admin_database_url()?);
        for name in ["ROWLOCK_AMQP_URL", "OVERWRITE", "ROWLOCK_ROLE_PASSWORDS", "ROWLOCK_ENCRYPTION_KEY_FILE", "ROWLOCK_SEALING_KEY_FILE"] {
            command.env_remove(name);
        }
        Ok(command)
    }
}

/// Runs a command; returns whether it succeeds, and what it prints.
fn outcome(command: &mut Command) -> Result<(bool, String)> {
    let failure = |source| Failure::Program { program: "the command".to_owned(), source };
    let output = command.stdin(Stdio::null()).output().map_err(failure)?;
    Ok((output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()))
}

/// Fails unless the command succeeds and prints all the texts.
fn works(command: &mut Command, texts: &[&str]) -> Result<()> {
    let (succeeded, output) = outcome(command)?;
    ensure!(succeeded, "{command:?} has failed:\n{output}");
    texts.iter().try_for_each(|text| said(&output, text))
}

/// Fails unless the command fails and prints all the texts.
fn refused(command: &mut Command, texts: &[&str]) -> Result<()> {
    let (succeeded, output) = outcome(command)?;
    ensure!(!succeeded, "{command:?} has not been refused:\n{output}");
    texts.iter().try_for_each(|text| said(&output, text))
}

fn said(output: &str, text: &str) -> Result<()> {
    ensure!(output.contains(text), "It did not say '{text}' but:\n{output}");
    Ok(())
}

impl Test {
    fn backup(&self) -> Result<Command> {
        self.from.task(&["backup"], &self.backup)
    }

    fn restore(&self, folder: &Path) -> Result<Command> {
        let mut command = self.to.task(&["restore"], folder)?;
        command.env("ROWLOCK_BIN_DIR", &self.programs);
        Ok(command)
    }

    fn overwrite(&self, folder: &Path) -> Result<Command> {
        let mut command = self.restore(folder)?;
        command.env("OVERWRITE", "yes");
        Ok(command)
    }

    /// Returns the path of another backup beside the first.
    fn other(&self, end: &str) -> PathBuf {
        self.backup.with_extension(end)
    }

    fn check(&self) -> Result<()> {
        self.from.system.write_urls()?;
        self.from.system.create_databases()?;
        self.from.system.migrate(&self.programs, &SERVICES)?;
        let ada = self.create_history()?;
        let waiting = self.from.query("rowlock_booking", "SELECT count(*) FROM outbox")?;
        ensure!(waiting != "0", "no message waits in the outbox");
        self.check_backup()?;
        self.check_restore(&waiting)?;
        self.check_sessions(&ada)?;
        self.check_overwriting()?;
        self.check_earlier()?;
        self.check_damage()
    }

    /// Creates a booking with its tickets, a waiting-list entry, a returned ticket whose message has not been published yet, and a delivery.
    fn create_history(&self) -> Result<Tokens> {
        let login = |email: &str| Login { email: email.to_owned(), password: PASSWORD.to_owned() };
        let (root, ada) = (login("root@example.org"), login("ada@example.org"));
        self.from.system.create_admin(&self.programs, &root, "root", "Root")?;
        let auth = self.from.serve(&self.programs, &AUTH, "/.well-known/jwks.json")?;
        let booking = self.from.serve(&self.programs, &BOOKING, "/api/events")?;
        let root = auth.log_in_administrator(&root)?;
        auth.create_account("Ada", "ada", &ada)?;
        let ada = auth.log_in("Ada", &ada)?;
        let post = |status: u16, path: &str, token: &str, body: &Value| {
            booking.post(path, Some(token), body)?.expect(status, || format!("POST {path}"))
        };
        let event = post(201, "/admin/initialize", &root, &json!({"name": "Boat race", "totalTickets": 2}))?.text("/id")?;
        let held = post(201, "/api/book", &root, &json!({"eventId": event, "quantity": 2}))?.text("/booking/id")?;
        // The first ticket creates the key that signs the codes.
        let tickets = format!("/api/bookings/{held}/tickets");
        booking.get(&tickets, Some(&root))?.expect(200, || format!("GET {tickets}"))?;
        post(202, "/api/book", &ada.token, &json!({"eventId": event}))?;
        post(200, "/api/cancelbooking", &root, &json!({"eventId": event, "quantity": 1}))?;
        self.from.stop(&BOOKING)?;
        self.from.stop(&AUTH)?;
        self.from.query("rowlock_notifier", ADD_DELIVERY)?;
        Ok(ada)
    }

    /// A backup without the key says so; a backup with the key is readable only by its owner.
    fn check_backup(&self) -> Result<()> {
        let keyless = self.other("keyless");
        let missing = ["It does NOT hold auth-service's keys.encryption_key", "It does NOT hold sealing.key"];
        works(&mut self.from.task(&["backup"], &keyless)?, &missing)?;
        let mut command = self.backup()?;
        for (name, named_by) in manifest::KEYS {
            command.env(named_by, self.from.system.secrets().join(name));
        }
        works(&mut command, &[])?;
        for (name, _) in manifest::KEYS {
            let key = files::read(&self.from.system.secrets().join(name))?;
            ensure!(key == files::read(&self.backup.join(name))?, "{name} is not in the backup");
        }
        let readable = output(
            Command::new("find").arg(&self.backup).args(["!", "-perm", "600", "!", "-type", "d", "-o", "-type", "d", "!", "-perm", "700"]),
        )?;
        ensure!(readable.is_empty(), "others can read the backup: {readable}");
        let migrations = files::entries(&self.from.system.checkout.root().join("migrations/booking"));
        let versions = migrations.iter().filter(|path| path.is_dir()).filter_map(|path| files::name_of(path).ok()?.split_once('_'));
        let newest = versions.map(|(version, _)| version).max().unwrap_or_default();
        let manifest = manifest::Manifest::verify(&self.backup)?;
        let recorded = manifest.schemas.get("rowlock_booking").map(String::as_str);
        ensure!(recorded == Some(newest), "the manifest does not tell the version of the schema");
        refused(&mut self.backup()?, &["is there already"])
    }

    /// Restoring to an empty cluster fails without passwords for its roles. With them, everything is restored and consistent.
    fn check_restore(&self, waiting: &str) -> Result<()> {
        refused(&mut self.restore(&self.backup)?, &["the role rowlock_auth_owner does not exist"])?;
        let consistent = "ok     no ticket types whose counters do not add up";
        let secrets = self.to.system.secrets();
        works(self.restore(&self.backup)?.env("ROWLOCK_ROLE_PASSWORDS", secrets), &[consistent, "the audit found no violation"])?;
        ensure!(self.from.content()? == self.to.content()?, "the two clusters differ");
        let restored = self.to.query("rowlock_booking", "SELECT count(*) FROM outbox")?;
        ensure!(restored == waiting, "the outbox is not what it was");
        let keys = "SELECT kid || ' ' || sealed_key FROM ticket_keys";
        let key = self.from.query("rowlock_booking", keys)?;
        ensure!(!key.is_empty() && self.to.query("rowlock_booking", keys)? == key, "the ticket key was not restored");
        Ok(())
    }

    /// With the key from the backup, sessions stay valid.
    fn check_sessions(&self, ada: &Tokens) -> Result<()> {
        let auth = self.to.serve(&self.programs, &AUTH, "/.well-known/jwks.json")?;
        auth.get("/api/account", Some(&ada.token))?.expect(200, || "GET /api/account".to_owned())?;
        let refresh = json!({"refreshToken": ada.refresh_token});
        auth.post("/api/refreshtoken", None, &refresh)?.expect(200, || "POST /api/refreshtoken".to_owned())?;
        Ok(())
    }

    /// Databases with tables are overwritten only if requested, and not while they are in use; roles keep their passwords.
    fn check_overwriting(&self) -> Result<()> {
        refused(&mut self.restore(&self.backup)?, &["there are tables in rowlock_booking rowlock_auth rowlock_notifier"])?;
        refused(&mut self.overwrite(&self.backup)?, &["rowlock_auth could not be deleted"])?;
        self.to.stop(&AUTH)?;
        works(&mut self.overwrite(&self.backup)?, &[])?;
        ensure!(self.from.content()? == self.to.content()?, "the two clusters differ after the second time");
        self.to.system.migrate(&self.programs, &SERVICES)
    }

    /// A backup of an installation without a notifier leaves its database as it is, or an empty one, which migrations fill.
    fn check_earlier(&self) -> Result<()> {
        let earlier = self.other("earlier");
        self.from.query("postgres", "ALTER DATABASE rowlock_notifier RENAME TO away")?;
        works(&mut self.from.task(&["backup"], &earlier)?, &["There is no rowlock_notifier"])?;
        self.from.query("postgres", "ALTER DATABASE away RENAME TO rowlock_notifier")?;
        works(&mut self.overwrite(&earlier)?, &[])?;
        ensure!(self.from.content()? == self.to.content()?, "a backup without deliveries has changed something");

        self.to.query("postgres", "DROP DATABASE rowlock_notifier")?;
        works(&mut self.overwrite(&earlier)?, &[])?;
        self.to.system.migrate(&self.programs, &SERVICES)?;
        let deliveries = self.to.query("rowlock_notifier", "SELECT count(*) FROM deliveries")?;
        ensure!(deliveries == "0", "there are deliveries that no backup contains");
        works(&mut self.overwrite(&self.backup)?, &[])
    }

    /// A damaged or incomplete backup changes nothing, and a violation that the audit finds makes the restore fail.
    fn check_damage(&self) -> Result<()> {
        let damaged = self.other("damaged");
        shell::run(Command::new("cp").arg("-r").arg("--").arg(&self.backup).arg(&damaged))?;
        let dump = damaged.join("rowlock_auth.dump");
        files::write(&dump, "x")?;
        refused(&mut self.overwrite(&damaged)?, &["is damaged: rowlock_auth.dump"])?;
        files::delete(&dump)?;
        refused(&mut self.overwrite(&damaged)?, &["rowlock_auth.dump is missing"])?;
        ensure!(self.from.content()? == self.to.content()?, "a damaged backup has changed something");

        let wrong = self.other("wrong");
        self.from.query("rowlock_booking", "DELETE FROM bookings")?;
        works(&mut self.from.task(&["backup"], &wrong)?, &[])?;
        let violation = "WRONG  1 ticket types whose booked counter differs from the sum of their confirmed bookings";
        refused(&mut self.overwrite(&wrong)?, &["the audit failed or could not run", violation])
    }
}
