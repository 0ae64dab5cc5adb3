//! Stored logins of the user: one per server, in a file in the configuration folder that only its owner can read.
//!
//! Refresh tokens rotate, so concurrent commands must not interleave: every change is made under a file lock and starts from the
//! current content. The file is replaced atomically; a command that is killed leaves the old one.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use etcetera::BaseStrategy;
use rowlock_domain::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::error::Failure;
use crate::resources::Account;
use crate::server_url::ServerUrl;

/// Maximum time to wait for the lock. Longer than a command can hold it, which is for one request.
const LOCK_TIMEOUT: Duration = Duration::from_secs(90);

/// The tokens and the account that a login or refresh returned.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Login {
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) account: Account,
}

impl fmt::Debug for Login {
    /// Prints the login without its tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("expires_at", &self.expires_at).field("account", &self.account).finish_non_exhaustive()
    }
}

/// Content of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Logins {
    /// The server to use if none is given: that of the last login.
    current: Option<ServerUrl>,
    logins: BTreeMap<ServerUrl, Login>,
}

impl Logins {
    pub(crate) fn get(&self, url: &ServerUrl) -> Option<&Login> {
        self.logins.get(url)
    }

    pub(crate) fn set(&mut self, url: &ServerUrl, login: Login) {
        self.logins.insert(url.clone(), login);
    }

    pub(crate) fn make_current(&mut self, url: &ServerUrl) {
        self.current = Some(url.clone());
    }

    /// Deletes a login. The server stays the current one, so that the next login needs no URL.
    pub(crate) fn remove(&mut self, url: &ServerUrl) {
        self.logins.remove(url);
    }
}

/// The file with the logins.
#[derive(Debug, Clone)]
pub(crate) struct LoginFile {
    folder: PathBuf,
}

impl LoginFile {
    /// Returns the file in the user's configuration folder: `$XDG_CONFIG_HOME/rowlockctl`, or `~/.config/rowlockctl`.
    pub(crate) fn find() -> Result<Self, Failure> {
        let base = etcetera::choose_base_strategy().map_err(|_| {
            Failure::Usage(
                "Cannot determine where to store logins, because there is no home directory. Set HOME or XDG_CONFIG_HOME.".to_owned(),
            )
        })?;
        Ok(Self::in_folder(&base.config_dir()))
    }

    fn in_folder(config: &Path) -> Self {
        Self { folder: config.join("rowlockctl") }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("logins.json")
    }

    /// Returns the server to use if none is given.
    pub(crate) fn current(&self) -> Result<Option<ServerUrl>, Failure> {
        Ok(self.read()?.current)
    }

    /// Reads the current content of the file.
    pub(crate) fn read(&self) -> Result<Logins, Failure> {
        let path = self.path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Logins::default()),
            Err(error) => return Err(Failure::Usage(format!("Cannot read {}: {error}", path.display()))),
        };
        // The parser's message is omitted, because it could quote a token.
        serde_json::from_slice(&bytes)
            .map_err(|_| Failure::Usage(format!("{} is not a valid file of logins. Delete it and log in again.", path.display())))
    }

    /// Changes the logins under the lock, and stores them if the closure returns true.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Logins) -> (bool, Result<T, Failure>)) -> Result<T, Failure> {
        let unusable = |path: &Path, error: &dyn fmt::Display| Failure::Usage(format!("Cannot use {}: {error}", path.display()));
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(|error| unusable(&self.folder, &error))?;
        let _lock = self.lock(|error| unusable(&self.folder, &error))?;
        let mut logins = self.read()?;
        let (changed, result) = change(&mut logins);
        if changed {
            self.write(&logins).map_err(|error| unusable(&self.path(), &error))?;
        }
        result
    }

    /// Acquires the lock, which is released when the file is closed, even if the process is killed.
    fn lock(&self, unusable: impl Fn(std::io::Error) -> Failure) -> Result<File, Failure> {
        let path = self.folder.join("logins.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(&unusable)?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => sleep(Duration::from_millis(20)),
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(Failure::Other(format!(
                        "Another rowlockctl has locked the stored logins for more than {} seconds. Stop it and try again.",
                        LOCK_TIMEOUT.as_secs()
                    )));
                }
                Err(error) => return Err(unusable(error.into())),
            }
        }
    }

    fn write(&self, logins: &Logins) -> std::io::Result<()> {
        // The file must be readable only by its owner from the moment it is created.
        let mut file = tempfile::Builder::new().prefix(".logins-").tempfile_in(&self.folder)?;
        file.write_all(&serde_json::to_vec_pretty(logins)?)?;
        file.as_file().sync_all()?;
        file.persist(self.path())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;

    fn login(token: &str) -> Login {
        let account = json!({"id": "01920000-0000-7000-8000-000000000000", "name": "Ada", "username": "ada", "email": "a@example.org",
            "role": "admin", "createdAt": "2026-01-01T00:00:00Z"});
        serde_json::from_value(json!({"token": token, "refreshToken": "r", "expiresAt": "2026-01-01T00:00:00Z", "account": account}))
            .unwrap()
    }

    fn store(file: &LoginFile, url: &str, token: &str) {
        let url = url.parse().unwrap();
        file.update(|logins| {
            logins.set(&url, login(token));
            (true, Ok(()))
        })
        .unwrap();
    }

    #[test]
    fn only_the_owner_can_read_the_file() {
        let config = tempfile::tempdir().unwrap();
        let file = LoginFile::in_folder(&config.path().join("new"));
        store(&file, "https://x", "secret");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file.path()), 0o600);
        assert_eq!(mode(&file.folder), 0o700);
        assert!(!format!("{:?}", file.read().unwrap()).contains("secret"));
    }

    #[test]
    fn each_server_has_its_own_login() {
        let config = tempfile::tempdir().unwrap();
        let file = LoginFile::in_folder(config.path());
        store(&file, "https://x", "of x");
        store(&file, "https://y", "of y");
        let logins = file.read().unwrap();
        assert_eq!(logins.get(&"https://x/".parse().unwrap()).unwrap().token, "of x");
        assert!(logins.get(&"http://x".parse().unwrap()).is_none(), "a login over HTTPS is never sent to the same host over HTTP");
    }

    #[test]
    fn concurrent_changes_are_all_stored() {
        let config = tempfile::tempdir().unwrap();
        let file = LoginFile::in_folder(config.path());
        std::thread::scope(|scope| {
            for number in 0..16 {
                let file = &file;
                scope.spawn(move || store(file, &format!("https://x{number}"), "t"));
            }
        });
        assert_eq!(file.read().unwrap().logins.len(), 16);
        let names: Vec<_> = fs::read_dir(&file.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "no temporary file is left: {names:?}");
    }

    #[test]
    fn errors_name_an_invalid_file_and_do_not_quote_it() {
        let config = tempfile::tempdir().unwrap();
        let file = LoginFile::in_folder(config.path());
        fs::create_dir(&file.folder).unwrap();
        fs::write(file.path(), "secret").unwrap();
        let error = file.read().unwrap_err();
        assert!(error.to_string().contains("logins.json") && !error.to_string().contains("secret"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
