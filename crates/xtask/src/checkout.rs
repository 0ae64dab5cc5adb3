//! The checkout that a task works on, and where it keeps its files.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    failure::{Failure, Result, sentence},
    files, shell,
};

/// The data of servers that root starts: PostgreSQL then runs as another user, who may not have access to the checkout.
const DATA_OF_ROOT: &str = "/var/lib/rowlock";

#[derive(Clone, Debug)]
pub(crate) struct Checkout {
    root: PathBuf,
    /// Names the data that this checkout keeps elsewhere, so that two clones never share any.
    id: String,
}

impl Checkout {
    /// Finds the checkout that this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let root = Path::new(&package).join("../..");
        let root = root.canonicalize().map_err(Failure::file(root, "found"))?;
        Ok(Self { id: files::hash(&root.to_string_lossy()).chars().take(12).collect(), root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of everything that a running system leaves behind, which Git ignores.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.join(".local")
    }

    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.root.join("scripts").join(name)
    }

    /// Returns the folder for the data of servers that root starts.
    pub(crate) fn data_of_root(&self) -> PathBuf {
        Path::new(DATA_OF_ROOT).join(&self.id)
    }

    /// Returns whether a data folder belongs to this checkout, so that a task may delete it.
    pub(crate) fn owns(&self, data: &Path) -> bool {
        let inside = |folder: &Path| data != folder && data.starts_with(folder);
        !data.components().any(|part| part == std::path::Component::ParentDir) && (inside(&self.state()) || inside(&self.data_of_root()))
    }

    /// Returns the folder that cargo builds to.
    pub(crate) fn target(&self) -> Result<PathBuf> {
        let mut command = shell::cargo(&self.root);
        command.args(["metadata", "--format-version", "1", "--no-deps", "--locked"]);
        let metadata: serde_json::Value = serde_json::from_str(&shell::output(&mut command)?)
            .map_err(|source| Failure::Json { what: "the output of cargo metadata".to_owned(), source })?;
        let target = metadata.get("target_directory").and_then(serde_json::Value::as_str);
        target.map(PathBuf::from).ok_or_else(|| sentence!("cargo metadata does not name the target directory."))
    }

    /// Returns the commit that is checked out, and whether there are changes.
    pub(crate) fn commit(&self) -> String {
        let git = |arguments: &[&str]| {
            let output = Command::new("git").current_dir(&self.root).args(arguments).output().ok().filter(|output| output.status.success());
            output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let changed = git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
        let commit = git(&["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
        if changed { format!("{commit} with changes") } else { commit }
    }

    /// Takes the lock under which tasks change what runs in this checkout.
    pub(crate) fn lock(&self) -> Result<files::Lock> {
        let state = self.state();
        files::make_private_folder(&state)?;
        if rustix::fs::access(&state, rustix::fs::Access::WRITE_OK).is_err() {
            return Err(sentence!("{} belongs to another user. Run this as that user.", state.display()));
        }
        files::Lock::take(
            &state.join("lock"),
            "Another 'make up', 'make down' or 'make reset' is running in this checkout. Wait until it has ended.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_data_of_this_checkout_may_be_deleted() {
        let checkout = Checkout { root: PathBuf::from("/src/rowlock"), id: "abc".to_owned() };
        for own in ["/src/rowlock/.local/postgres", "/var/lib/rowlock/abc/test/x"] {
            assert!(checkout.owns(Path::new(own)), "{own}");
        }
        for other in ["/src/rowlock/.local", "/src/rowlock", "/var/lib/rowlock/abd/x", "/src/rowlock/.local/../x", "/", ""] {
            assert!(!checkout.owns(Path::new(other)), "{other}");
        }
    }
}
