//! The manifest of a backup: what it contains, with checksums, so that a damaged backup is detected before anything is changed.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    failure::{Failure, Result, ensure, sentence},
    files,
};

const FORMAT: &str = "rowlock-backup/1";
const FILE: &str = "manifest.json";

/// Bookings are dumped first, so that every account with a booking in the backup is part of the later dump of accounts. Deliveries
/// are dumped last, so that messages which are published again after a restore are not told again if they had been told by then.
pub(crate) const DATABASES: [&str; 3] = ["rowlock_booking", "rowlock_auth", OPTIONAL];

/// A database that backups of earlier versions, and of installations without e-mail, do not contain.
pub(crate) const OPTIONAL: &str = "rowlock_notifier";

/// Keys without which parts of the databases cannot be read: the name of the file in a backup, and the variable that names the
/// file to copy.
pub(crate) const KEYS: [(&str, &str); 2] = [("encryption-key", "ROWLOCK_ENCRYPTION_KEY_FILE"), ("sealing-key", "ROWLOCK_SEALING_KEY_FILE")];

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Manifest {
    format: String,
    pub(crate) time: String,
    /// The version of the server.
    postgresql: String,
    /// The latest migration of each database.
    pub(crate) schemas: BTreeMap<String, String>,
    /// The checksum of each file.
    sha256: BTreeMap<String, String>,
}

impl Manifest {
    /// Describes the files in a folder.
    pub(crate) fn describe(folder: &Path, time: &str, postgresql: &str, schemas: BTreeMap<String, String>) -> Result<Self> {
        let mut sha256 = BTreeMap::new();
        for path in files::entries(folder) {
            sha256.insert(files::name_of(&path)?.to_owned(), files::checksum(&path)?);
        }
        Ok(Self { format: FORMAT.to_owned(), time: time.to_owned(), postgresql: postgresql.to_owned(), schemas, sha256 })
    }

    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|source| Failure::Json { what: "the manifest".to_owned(), source })?;
        files::write_private(&folder.join(FILE), text + "\n")
    }

    /// Returns the databases in the backup, in the order in which they were dumped.
    pub(crate) fn databases(&self) -> Vec<&'static str> {
        DATABASES.into_iter().filter(|database| self.contains(database)).collect()
    }

    fn contains(&self, database: &str) -> bool {
        self.sha256.contains_key(&format!("{database}.dump"))
    }

    /// Reads the manifest of a backup, and verifies that the backup is complete and undamaged.
    pub(crate) fn verify(folder: &Path) -> Result<Self> {
        let place = folder.display();
        let text = std::fs::read_to_string(folder.join(FILE))
            .map_err(|_| sentence!("{place} is no backup: it has no manifest.json that can be read."))?;
        let manifest = serde_json::from_str::<Self>(&text).ok().filter(|manifest| manifest.format == FORMAT);
        let manifest = manifest.ok_or_else(|| sentence!("{place}/manifest.json is not of the format {FORMAT}."))?;
        for database in DATABASES {
            let contained = database == OPTIONAL || manifest.contains(database);
            ensure!(contained, "The manifest of {place} names no {database}.dump.");
        }
        for (name, sum) in &manifest.sha256 {
            ensure!(!name.contains('/'), "The manifest of {place} names a file outside it: {name}.");
            let file = folder.join(name);
            ensure!(file.is_file(), "{place} is not whole: {name} is missing.");
            ensure!(&files::checksum(&file)? == sum, "{place} is damaged: {name} is not what the manifest says. Nothing was changed.");
        }
        Ok(manifest)
    }
}

/// Returns the version of a migration in a row of diesel's table of migrations, as in a dump.
pub(crate) fn migration(line: &str) -> Option<&str> {
    let (version, _) = line.split_once('\t')?;
    (version.len() == 14 && version.chars().all(|c| c.is_ascii_digit())).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for database in DATABASES {
            files::write(&folder.path().join(format!("{database}.dump")), database).unwrap();
        }
        let schemas = BTreeMap::from([("rowlock_auth".to_owned(), "20260101000000".to_owned())]);
        Manifest::describe(folder.path(), "2026-01-02T03:04:05Z", "17.2", schemas).unwrap().save(folder.path()).unwrap();
        folder
    }

    fn refusal(folder: &Path) -> String {
        Manifest::verify(folder).unwrap_err().to_string()
    }

    #[test]
    fn a_backup_is_what_its_manifest_says() {
        let folder = backup();
        let manifest = Manifest::verify(folder.path()).unwrap();
        assert_eq!((manifest.time.as_str(), manifest.postgresql.as_str()), ("2026-01-02T03:04:05Z", "17.2"));
        assert_eq!(manifest.databases(), DATABASES);
    }

    #[test]
    fn a_backup_from_before_the_notifier_is_whole() {
        let folder = backup();
        files::delete(&folder.path().join("rowlock_notifier.dump")).unwrap();
        files::delete(&folder.path().join(FILE)).unwrap();
        Manifest::describe(folder.path(), "2026-01-02T03:04:05Z", "17.2", BTreeMap::new()).unwrap().save(folder.path()).unwrap();
        assert_eq!(Manifest::verify(folder.path()).unwrap().databases(), ["rowlock_booking", "rowlock_auth"]);
    }

    #[test]
    fn a_damaged_or_incomplete_backup_is_refused() {
        let folder = backup();
        let dump = folder.path().join("rowlock_auth.dump");
        files::write(&dump, "other").unwrap();
        assert!(refusal(folder.path()).contains("is damaged: rowlock_auth.dump"));
        files::delete(&dump).unwrap();
        assert!(refusal(folder.path()).contains("rowlock_auth.dump is missing"));
    }

    #[test]
    fn what_is_no_backup_is_refused() {
        let folder = backup();
        let file = folder.path().join(FILE);
        let text = files::read(&file).unwrap();
        files::write(&file, text.replace("rowlock-backup/1", "rowlock-backup/2")).unwrap();
        assert!(refusal(folder.path()).contains("is not of the format rowlock-backup/1"));
        files::write(&file, text.replace("rowlock_auth.dump", "x")).unwrap();
        assert!(refusal(folder.path()).contains("names no rowlock_auth.dump"));
        files::write(&file, text.replace("\"rowlock_auth.dump\"", "\"rowlock_auth.dump\": \"\", \"../x\"")).unwrap();
        assert!(Manifest::verify(folder.path()).is_err());
        files::delete(&file).unwrap();
        assert!(refusal(folder.path()).contains("is no backup"));
    }

    #[test]
    fn only_rows_of_migrations_have_a_version() {
        assert_eq!(migration("20260101000000\t2026-01-01 00:00:00"), Some("20260101000000"));
        assert_eq!(migration("COPY public.__diesel_schema_migrations (version, run_on) FROM stdin;"), None);
        assert_eq!(migration("2026\tx"), None);
    }
}
