//! Files of a checkout: private ones, secrets, checksums, and the lock that tasks take.

use std::{
    fmt::Write as _,
    fs::{DirBuilder, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::failure::{Failure, Result, ensure, sentence};

pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(Failure::file(path, "read"))
}

/// Returns the content without surrounding white space, or `None` if the file is absent or empty.
pub(crate) fn read_note(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, content).map_err(Failure::file(path, "written"))
}

pub(crate) fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(Failure::file(path, "created"))
}

/// Creates a folder that only its owner can read, unless it exists.
pub(crate) fn make_private_folder(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Failure::file(path, "created"))
}

/// Deletes a file or folder; succeeds if there is none.
pub(crate) fn delete(path: &Path) -> Result<()> {
    let result = if path.is_dir() && !path.is_symlink() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::file(path, "deleted")(error)),
        _ => Ok(()),
    }
}

/// Atomically writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    delete(&new)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| file.write_all(content.as_ref()))
        .and_then(|()| std::fs::rename(&new, path))
        .map_err(Failure::file(path, "written"))
}

/// Creates a file with a random secret unless it exists.
pub(crate) fn make_secret(path: &Path) -> Result<()> {
    if read_note(path).is_some() { Ok(()) } else { write_private(path, random_secret()?) }
}

/// Returns 24 random bytes in hexadecimal.
pub(crate) fn random_secret() -> Result<String> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; 24];
    File::open(source).and_then(|mut file| file.read_exact(&mut bytes)).map_err(Failure::file(source, "read"))?;
    Ok(hexadecimal(&bytes))
}

/// Returns a random password of twenty characters.
pub(crate) fn random_password() -> Result<String> {
    Ok(random_secret()?.chars().take(20).collect())
}

/// Returns a random number below `limit`, or 0 if `limit` is 0.
pub(crate) fn random_below(limit: u16) -> Result<u16> {
    let digits: String = random_secret()?.chars().take(4).collect();
    Ok(u16::from_str_radix(&digits, 16).unwrap_or_default().checked_rem(limit).unwrap_or_default())
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the SHA-256 of a text in hexadecimal.
pub(crate) fn hash(text: &str) -> String {
    hexadecimal(&Sha256::digest(text))
}

/// Returns the SHA-256 of a file's content in hexadecimal.
pub(crate) fn checksum(path: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(Failure::file(path, "read"))?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = file.read(&mut buffer).map_err(Failure::file(path, "read"))?;
        let Some(read) = buffer.get(..length).filter(|read| !read.is_empty()) else { break };
        hasher.update(read);
    }
    Ok(hexadecimal(&hasher.finalize()))
}

/// Returns the paths in a folder in the order of their names; none if the folder does not exist.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Copies the logs of a run to a folder that outlives it; a log that cannot be copied is skipped.
pub(crate) fn keep_logs(from: &Path, to: &Path) -> Result<()> {
    make_folder(to)?;
    for log in entries(from) {
        if let Some(name) = log.file_name() {
            let _ = std::fs::copy(&log, to.join(name));
        }
    }
    Ok(())
}

/// A lock on a file, released when dropped or when the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or fails with `refusal` if another process has it.
    pub(crate) fn take(path: &Path, refusal: &str) -> Result<Self> {
        if let Some(parent) = path.parent() {
            make_private_folder(parent)?;
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(Failure::file(path, "locked"))?;
        ensure!(flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok(), "{refusal}");
        Ok(Self { _file: file })
    }
}

/// Returns the name at the end of a path, or fails if there is none.
pub(crate) fn name_of(path: &Path) -> Result<&str> {
    path.file_name().and_then(|name| name.to_str()).ok_or_else(|| sentence!("{} has no name in UTF-8.", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_private_file_replaces_an_old_one_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/secret");
        write_private(&path, "one").unwrap();
        write_private(&path, "two").unwrap();
        assert_eq!(read(&path).unwrap(), "two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(entries(path.parent().unwrap()), [path]);
    }

    #[test]
    fn a_secret_is_created_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        make_secret(&path).unwrap();
        let first = read(&path).unwrap();
        make_secret(&path).unwrap();
        assert_eq!((first.len(), read(&path).unwrap()), (48, first));
    }

    #[test]
    fn a_lock_is_exclusive_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::take(&path, "taken").unwrap();
        assert_eq!(Lock::take(&path, "taken").unwrap_err().to_string(), "taken");
        drop(lock);
        assert!(Lock::take(&path, "taken").is_ok());
    }

    #[test]
    fn the_checksum_is_the_one_that_sha256sum_prints() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, "abc").unwrap();
        assert_eq!(checksum(&path).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(checksum(&path).unwrap(), hash("abc"));
    }
}
