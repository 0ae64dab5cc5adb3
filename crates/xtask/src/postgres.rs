//! A private PostgreSQL that listens on 127.0.0.1 only, without a Unix socket, and requires passwords.
//!
//! PostgreSQL refuses to run as root; for root it runs as `postgres`, with its data where that user has access even if the
//! checkout is in root's home.

use std::{
    ffi::OsStr,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    checkout::Checkout,
    failure::{Failure, Result, sentence},
    files,
    process::{Processes, detached},
    shell::{self, is_root, output, run, run_logged, wait_until},
    tools,
};

/// Memory and WAL settings for a sale; durability stays at its default. The pages that a night's bookings change should fit into
/// shared_buffers; otherwise a booking has to evict a dirty page before it can load its own. After a checkpoint, the first change
/// of each page writes the whole page to the WAL, so checkpoints should be minutes apart. Recycling a WAL file costs nothing, but
/// creating a new one stalls commits for some 50 ms, so more files are kept than a quiet hour needs. docker-compose.yml has the
/// same settings.
pub(crate) const SIZED: [&str; 3] = ["shared_buffers=512MB", "max_wal_size=4GB", "min_wal_size=2GB"];

/// A server's data folder, the user who runs it, and its programs.
#[derive(Debug)]
pub(crate) struct Postgres {
    name: String,
    processes: Processes,
    data: PathBuf,
    /// The user who runs the server, if that is not the user who runs this program.
    user: Option<String>,
    programs: PathBuf,
}

impl Postgres {
    /// Chooses the data folder of the server and the user who runs it.
    pub(crate) fn place(checkout: &Checkout, processes: &Processes, name: &str) -> Result<Self> {
        let data = match files::read_note(&processes.folder().join(format!("{name}-data"))) {
            Some(path) => PathBuf::from(path),
            None if is_root() => {
                let state = checkout.state();
                checkout.data_of_root().join(processes.folder().strip_prefix(&state).unwrap_or(Path::new(""))).join(name)
            }
            None => processes.folder().join(name),
        };
        let user = if is_root() { Some(owner_of(&data)?.unwrap_or_else(|| "postgres".to_owned())) } else { None };
        let major = files::read_note(&data.join("PG_VERSION"));
        let programs = tools::postgres_programs(major.as_deref()).ok_or_else(|| {
            sentence!(
                "The data in {} are of PostgreSQL {}, which is not installed any more. Install it again, or run 'make reset'.",
                data.display(),
                major.unwrap_or_default()
            )
        })?;
        Ok(Self { name: name.to_owned(), processes: processes.clone(), data, user: user.filter(|user| user != "root"), programs })
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Returns who runs the server.
    pub(crate) fn user(&self) -> Result<String> {
        self.user.clone().map_or_else(|| output(Command::new("id").arg("-un")), Ok)
    }

    pub(crate) fn programs(&self) -> &Path {
        &self.programs
    }

    /// Returns the words that run a program as the server's user; empty if no other user is needed.
    fn as_user(&self) -> Result<Vec<String>> {
        let Some(user) = &self.user else { return Ok(Vec::new()) };
        let group = output(Command::new("id").args(["-gn", user]))?;
        let words = ["setpriv", &format!("--reuid={user}"), &format!("--regid={group}"), "--init-groups", "--", "env", "HOME=/"];
        Ok(words.into_iter().map(str::to_owned).collect())
    }

    /// Creates the data folder unless it exists. `authentication` is scram-sha-256 or md5.
    pub(crate) fn init(&self, password_file: &Path, authentication: &str, options: &[&str]) -> Result<()> {
        if self.data.join("PG_VERSION").exists() {
            return Ok(());
        }
        if let Some(user) = &self.user
            && !shell::succeeds(Command::new("id").arg(user))
        {
            let home = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"];
            run(Command::new("useradd").args(home).arg(user))?;
        }
        // The user who runs the server needs access to the parent folders; the data folder itself stays private. It is created
        // under a temporary name and renamed, so that an interrupted start leaves nothing half done.
        let new = self.data.with_extension("new");
        let password = self.data.with_extension("new.password");
        files::delete(&new)?;
        if let Some(parent) = self.data.parent() {
            make_readable_folders(parent, self.user.is_some())?;
        }
        files::make_private_folder(&new)?;
        files::write_private(&password, files::read(password_file)?)?;
        if let Some(user) = &self.user {
            run(Command::new("chown").arg("--").arg(user).args([&new, &password]))?;
        }
        let mut words = self.as_user()?;
        words.push(self.programs.join("initdb").to_string_lossy().into_owned());
        let mut command = command_of(&words)?;
        command.current_dir("/").arg("-D").arg(&new).arg("--username=postgres");
        command.arg(format!("--pwfile={}", password.display())).arg(format!("--auth={authentication}"));
        command.args(["--encoding=UTF8", "--locale=C.UTF-8"]).args(options);
        run_logged(&mut command, &self.processes.log(&self.name), "PostgreSQL's data folder could not be created.")?;
        files::delete(&password)?;
        std::fs::rename(&new, &self.data).map_err(Failure::file(&self.data, "created"))?;
        run(Command::new("sync").arg("-f").arg(&self.data))?;
        files::write_private(&self.processes.folder().join(format!("{}-data", self.name)), format!("{}\n", self.data.display()))
    }

    /// Starts the server; [`Postgres::wait`] waits until it accepts connections.
    pub(crate) fn launch(&self, port: u16, settings: &[impl AsRef<OsStr>]) -> Result<()> {
        let mut words = self.as_user()?;
        words.push(self.programs.join("postgres").to_string_lossy().into_owned());
        let (first, rest) = words.split_first().ok_or_else(|| sentence!("There is no program to start."))?;
        let mut command = detached(first);
        command.args(rest).current_dir(&self.data).arg("-D").arg(&self.data).arg("-c").arg(format!("port={port}"));
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "lc_messages=C", "logging_collector=off"] {
            command.args(["-c", setting]);
        }
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        self.processes.launch(&self.name, &mut command)
    }

    /// Waits until the server accepts connections.
    pub(crate) fn wait(&self, port: u16, password_file: &Path) -> Result<()> {
        let log = self.processes.log(&self.name);
        let password = files::read(password_file)?;
        let answers = || shell::succeeds(query(port, &password, "postgres", "SELECT 1").env("PGCONNECT_TIMEOUT", "2"));
        let ended = wait_until(Duration::from_secs(60), || !self.processes.alive(&self.name) || answers());
        shell::check_interrupt()?;
        if !ended {
            return Err(Failure::logged("PostgreSQL does not answer after 60 seconds.", log));
        }
        if self.processes.alive(&self.name) { Ok(()) } else { Err(Failure::logged("PostgreSQL could not be started.", log)) }
    }

    /// Waits until the child processes of a killed server have exited, which prevent a new one from starting on the same data. The
    /// stale lock file may name a pid that belongs to another process by now, or to none.
    pub(crate) fn clear_after_kill(&self) -> Result<()> {
        if wait_until(Duration::from_secs(15), || !is_working_folder(&self.data)) {
            files::delete(&self.data.join("postmaster.pid"))?;
        }
        Ok(())
    }
}

/// Returns a psql command that sends one statement to a private server as its superuser.
pub(crate) fn query(port: u16, password: &str, database: &str, sql: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &port.to_string()]);
    command.args(["-U", "postgres", "-d", database, "-c", sql]).env("PGPASSWORD", password.trim());
    command
}

/// Deletes the data folder of a server that has been stopped, if it belongs to this checkout.
pub(crate) fn delete_data(checkout: &Checkout, processes: &Processes, name: &str) -> Result<()> {
    if let Some(data) = files::read_note(&processes.folder().join(format!("{name}-data"))).map(PathBuf::from)
        && checkout.owns(&data)
    {
        files::delete(&data)?;
        files::delete(&data.with_extension("new"))?;
    }
    if is_root() {
        // An interrupted initdb leaves only a folder with a temporary name.
        if let Ok(inner) = processes.folder().strip_prefix(checkout.state()) {
            let folder = checkout.data_of_root().join(inner);
            if inner != Path::new("") {
                files::delete(&folder)?;
            }
            for parent in folder.ancestors().take_while(|parent| parent.starts_with(checkout.data_of_root())) {
                // Folders of other servers stay.
                let _ = std::fs::remove_dir(parent);
            }
        }
    }
    Ok(())
}

fn command_of(words: &[String]) -> Result<Command> {
    let (first, rest) = words.split_first().ok_or_else(|| sentence!("There is no program to run."))?;
    let mut command = Command::new(first);
    command.args(rest);
    Ok(command)
}

fn owner_of(path: &Path) -> Result<Option<String>> {
    if path.exists() { output(Command::new("stat").args(["-c", "%U", "--"]).arg(path)).map(Some) } else { Ok(None) }
}

/// Creates folders; another user can enter them if `shared`, whatever the umask is.
fn make_readable_folders(folder: &Path, shared: bool) -> Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|parent| !parent.exists()).collect();
    files::make_folder(folder)?;
    for path in missing.into_iter().filter(|_| shared) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).map_err(Failure::file(path, "created"))?;
    }
    Ok(())
}

/// Returns whether a process works in this folder.
fn is_working_folder(folder: &Path) -> bool {
    let Ok(wanted) = folder.metadata() else { return false };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let folders = entries.filter_map(|process| std::fs::metadata(process.path().join("cwd")).ok());
    folders.into_iter().any(|found| found.dev() == wanted.dev() && found.ino() == wanted.ino())
}
