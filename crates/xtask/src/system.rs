//! A system on this machine: its ports, secrets and URLs, and how its services are started and checked.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    api::Api,
    checkout::Checkout,
    failure::{Failure, Result, sentence},
    files,
    https::Https,
    ports::{self, Ports},
    process::{Processes, detached},
    server_url::ServerUrl,
    services::{Environment, Service},
    shell::{self, is_executable, run_logged, step, wait_until},
};

/// The names of the files with secrets; six of them are the passwords of roles.
const SECRETS: [&str; 12] = [
    "postgres",
    "rabbitmq",
    "rowlock_auth_owner",
    "rowlock_auth",
    "rowlock_booking_owner",
    "rowlock_booking",
    "rowlock_notifier_owner",
    "rowlock_notifier",
    "encryption-key",
    "bootstrap-token",
    "web-session-key",
    "sealing-key",
];

/// How long a service may take until it is ready.
const START_LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub(crate) struct System {
    pub(crate) checkout: Checkout,
    pub(crate) processes: Processes,
    pub(crate) ports: Ports,
    pub(crate) https: Https,
    /// The URL of a PostgreSQL server to use instead of a private one.
    pub(crate) database: Option<String>,
    /// The URL of a RabbitMQ server to use instead of a private one.
    pub(crate) amqp: Option<String>,
}

impl System {
    /// The file with the settings of HTTPS.
    pub(crate) const HTTPS_NOTE: &str = "https.json";

    /// Returns the system that `make up` runs in this checkout, with the ports that an earlier start has chosen.
    pub(crate) fn of_checkout(checkout: &Checkout) -> Self {
        let state = checkout.state();
        Self {
            ports: Ports::load(&state.join("ports.env")).unwrap_or_default(),
            https: Https::load(&state.join(Self::HTTPS_NOTE)),
            processes: Processes::new(state),
            checkout: checkout.clone(),
            database: shell::variable("ROWLOCK_DATABASE_URL"),
            amqp: shell::variable("ROWLOCK_AMQP_URL"),
        }
    }

    /// Returns a system with private servers whose files are in a folder of their own.
    pub(crate) fn private(checkout: &Checkout, folder: PathBuf, ports: Ports) -> Self {
        let processes = Processes::new(folder);
        Self { checkout: checkout.clone(), processes, ports, https: Https::default(), database: None, amqp: None }
    }

    /// Returns whether `make up` has set up a system here.
    pub(crate) fn is_set_up(&self) -> bool {
        self.ports.find(ports::GATEWAY).is_some()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.processes.folder()
    }

    pub(crate) fn secrets(&self) -> PathBuf {
        self.folder().join("secrets")
    }

    pub(crate) fn secret_path(&self, name: &str) -> String {
        self.secrets().join(name).to_string_lossy().into_owned()
    }

    /// Returns the folder with the mails, which nothing sends.
    pub(crate) fn mail_folder(&self) -> String {
        self.folder().join("mail").to_string_lossy().into_owned()
    }

    pub(crate) fn secret(&self, name: &str) -> Result<String> {
        files::read(&self.secrets().join(name)).map(|secret| secret.trim().to_owned())
    }

    pub(crate) fn make_secrets(&self) -> Result<()> {
        SECRETS.iter().try_for_each(|name| files::make_secret(&self.secrets().join(name)))
    }

    pub(crate) fn listen_address(&self, port: &str) -> Result<String> {
        Ok(format!("127.0.0.1:{}", self.ports.get(port)?))
    }

    /// Returns the URL of one of this system's own ports.
    pub(crate) fn local_url(&self, port: &str) -> Result<String> {
        Ok(format!("http://{}", self.listen_address(port)?))
    }

    /// Returns the URL to show to people.
    pub(crate) fn gateway_url(&self) -> Result<String> {
        Ok(self.https.public_url(self.ports.get(ports::GATEWAY)?))
    }

    pub(crate) fn database_url(&self, role: &str, database: &str) -> Result<String> {
        let password = self.secret(role)?;
        match &self.database {
            Some(url) => Ok(ServerUrl::parse(url)?.database_as(role, &password, database)),
            None => Ok(format!("postgres://{role}:{password}@{}/{database}", self.listen_address(ports::POSTGRES)?)),
        }
    }

    pub(crate) fn admin_database_url(&self) -> Result<String> {
        match &self.database {
            Some(url) => Ok(url.clone()),
            None => Ok(format!("postgres://postgres:{}@{}/postgres", self.secret("postgres")?, self.listen_address(ports::POSTGRES)?)),
        }
    }

    pub(crate) fn amqp_url(&self) -> Result<String> {
        match &self.amqp {
            Some(url) => Ok(url.clone()),
            None => Ok(format!("amqp://rowlock:{}@{}/%2f", self.secret("rabbitmq")?, self.listen_address(ports::AMQP)?)),
        }
    }

    /// Writes the URLs with their passwords to files for the services.
    pub(crate) fn write_urls(&self) -> Result<()> {
        for service in ["auth", "booking", "notifier"] {
            let name = format!("rowlock_{service}");
            files::write_private(&self.secrets().join(format!("{service}-database-url")), self.database_url(&name, &name)?)?;
            let owner = self.database_url(&format!("{name}_owner"), &name)?;
            files::write_private(&self.secrets().join(format!("{service}-migration-url")), owner)?;
        }
        files::write_private(&self.secrets().join("amqp-url"), self.amqp_url()?)
    }

    /// Creates the databases and their roles.
    pub(crate) fn create_databases(&self) -> Result<()> {
        let mut command = Command::new(self.checkout.script("databases.sh"));
        command.arg(self.secrets()).env("ROWLOCK_DATABASE_URL", self.admin_database_url()?);
        run_logged(&mut command, &self.processes.log("databases"), "The databases and their roles could not be created.")
    }

    /// Runs the migrations of services.
    pub(crate) fn migrate(&self, programs: &Path, services: &[Service]) -> Result<()> {
        for service in services.iter().filter(|service| service.migrates) {
            let url = service.migration_url_file().map(|file| ("ROWLOCK__DATABASE__MIGRATION_URL_FILE", self.secret_path(&file)));
            self.run_service(programs, service, url.as_slice(), &["migrate"])?;
        }
        Ok(())
    }

    /// Runs another subcommand of a service with its settings and the given ones.
    pub(crate) fn run_service(&self, programs: &Path, service: &Service, settings: &[(&str, String)], arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(programs.join(service.name));
        command.env_clear().envs(service.environment(self)?).envs(settings.iter().map(|(name, value)| (*name, value))).args(arguments);
        let failure = format!("'{} {}' failed.", service.name, arguments.first().unwrap_or(&""));
        run_logged(&mut command, &self.processes.log(service.name), &failure)
    }

    /// Creates the first administrator.
    pub(crate) fn create_admin(&self, programs: &Path, login: &crate::api::Login, username: &str, name: &str) -> Result<()> {
        let file = self.secrets().join("admin-password");
        files::write_private(&file, &login.password)?;
        let path = file.to_string_lossy();
        let arguments = ["create-admin", "--email", &login.email, "--username", username, "--name", name, "--password-file", &path];
        self.run_service(programs, &crate::services::AUTH, &[], &arguments)?;
        files::delete(&file)
    }

    /// Starts a service with its usual settings and the given ones.
    pub(crate) fn serve(&self, programs: &Path, service: &Service, settings: &[(&str, &str)]) -> Result<()> {
        let mut environment = service.environment(self)?;
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.launch(programs, service, environment)
    }

    fn launch(&self, programs: &Path, service: &Service, environment: Environment) -> Result<()> {
        let mut command = detached(programs.join(service.name));
        command.env_clear().envs(environment).arg("serve");
        self.processes.launch(service.name, &mut command)
    }

    /// Starts a service, or restarts it if its program or its settings have changed. Prints what it does.
    pub(crate) fn start_or_restart(&self, programs: &Path, service: &Service) -> Result<()> {
        let name = service.name;
        let environment = service.environment(self)?;
        let secrets = environment.iter().filter(|(name, _)| name.ends_with("_FILE")).map(|(_, path)| PathBuf::from(path));
        let contents: Vec<PathBuf> = [programs.join(name)].into_iter().chain(secrets).collect();
        let stamp = fingerprint(&contents, &environment)?;
        if self.processes.has_stamp(name, &stamp) {
            return Ok(());
        }
        if self.processes.alive(name) {
            step!("Restarting {name}, which has changed");
            self.processes.stop(name, Signal::TERM, Duration::from_secs(40))?;
        } else {
            step!("Starting {name}");
        }
        self.launch(programs, service, environment)?;
        self.processes.set_stamp(name, &stamp)
    }

    fn management(&self, service: &Service) -> Result<Api> {
        Ok(Api::new(&self.local_url(service.management_port)?).with_limit(Duration::from_secs(3)))
    }

    pub(crate) fn is_ready(&self, service: &Service) -> bool {
        self.management(service).and_then(|api| api.get("/health/ready", None)).is_ok_and(|response| response.is_success())
    }

    /// Returns what a service answers about its health.
    pub(crate) fn health(&self, service: &Service) -> String {
        let response = self.management(service).and_then(|api| api.get("/health/ready", None));
        response.ok().filter(|response| response.status != 0).map_or_else(|| "no answer".to_owned(), |response| response.body)
    }

    /// Waits until a service is ready; on failure, says which check fails.
    pub(crate) fn wait_for(&self, service: &Service) -> Result<()> {
        let name = service.name;
        let ended = wait_until(START_LIMIT, || !self.processes.alive(name) || self.is_ready(service));
        shell::check_interrupt()?;
        let log = self.processes.log(name);
        if !self.processes.alive(name) {
            return Err(Failure::logged(format!("{name} has ended by itself."), log));
        }
        if ended {
            return Ok(());
        }
        let limit = START_LIMIT.as_secs();
        Err(Failure::logged(format!("{name} is not ready after {limit} seconds. It says: {}", self.health(service)), log))
    }
}

/// Returns a hash of the content of the files and of the environment, which identifies a program with its settings.
pub(crate) fn fingerprint(contents: &[PathBuf], environment: &[(String, String)]) -> Result<String> {
    let mut text = String::new();
    for path in contents {
        text.push_str(&files::checksum(path)?);
        text.push('\n');
    }
    for (name, value) in environment {
        text.push_str(name);
        text.push('=');
        text.push_str(value);
        text.push('\0');
    }
    Ok(files::hash(&text).chars().take(32).collect())
}

/// Returns the folder that ROWLOCK_BIN_DIR names.
pub(crate) fn given_programs() -> Result<Option<PathBuf>> {
    let Some(given) = shell::variable("ROWLOCK_BIN_DIR") else { return Ok(None) };
    Path::new(&given).canonicalize().map(Some).map_err(|_| sentence!("ROWLOCK_BIN_DIR names no folder."))
}

/// Returns the folder of the services, which are built unless ROWLOCK_BIN_DIR names one.
pub(crate) fn build_services(checkout: &Checkout) -> Result<PathBuf> {
    let programs = if let Some(folder) = given_programs()? {
        folder
    } else {
        step!("Building the services (the first time takes some minutes)");
        shell::build(&mut shell::cargo_build(checkout.root(), &["--bins"], &crate::services::packages()))?;
        checkout.target()?.join("debug")
    };
    for service in crate::services::packages() {
        if !is_executable(&programs.join(service)) {
            return Err(sentence!("There is no program {service} in {}.", programs.display()));
        }
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_changes_with_the_files_and_with_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("program");
        files::write(&file, "one").unwrap();
        let contents = [file.clone()];
        let environment = [("A".to_owned(), "1".to_owned())];
        let before = fingerprint(&contents, &environment).unwrap();
        assert_eq!(fingerprint(&contents, &environment).unwrap(), before);
        assert_ne!(fingerprint(&contents, &[("A".to_owned(), "2".to_owned())]).unwrap(), before);
        files::write(&file, "two").unwrap();
        assert_ne!(fingerprint(&contents, &environment).unwrap(), before);
    }

    #[test]
    fn urls_name_the_private_servers_or_the_given_ones() {
        let folder = tempfile::tempdir().unwrap();
        let checkout = Checkout::find().unwrap();
        let names = [&ports::SERVERS[..], &crate::services::port_names()].concat();
        let mut system = System::private(&checkout, folder.path().to_path_buf(), Ports::consecutive(100, &names));
        files::write_private(&system.secrets().join("rowlock_auth"), "pw").unwrap();
        files::write_private(&system.secrets().join("rabbitmq"), "mq").unwrap();
        assert_eq!(system.database_url("rowlock_auth", "db").unwrap(), "postgres://rowlock_auth:pw@127.0.0.1:100/db");
        assert_eq!(system.amqp_url().unwrap(), "amqp://rowlock:mq@127.0.0.1:101/%2f");
        system.database = Some("postgres://admin:x@h:5/postgres?sslmode=require".to_owned());
        system.amqp = Some("amqp://other".to_owned());
        assert_eq!(system.database_url("rowlock_auth", "db").unwrap(), "postgres://rowlock_auth:pw@h:5/db?sslmode=require");
        assert_eq!(system.amqp_url().unwrap(), "amqp://other");
    }
}
