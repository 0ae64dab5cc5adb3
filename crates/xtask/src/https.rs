//! The settings of HTTPS for `make up`. They are stored, so that a restart without the variables does not turn HTTPS off.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use serde::{Deserialize, Serialize};

use crate::{
    checkout::Checkout,
    failure::{Failure, Result, ensure, sentence},
    files,
};

const CERTIFICATE: &str = "ROWLOCK_TLS_CERTIFICATE";
const KEY: &str = "ROWLOCK_TLS_KEY";
const PUBLIC_URL: &str = "ROWLOCK_PUBLIC_URL";
const REDIRECT_PORT: &str = "ROWLOCK_REDIRECT_PORT";
const ACME_FOLDER: &str = "ROWLOCK_ACME_FOLDER";
const HSTS_SECONDS: &str = "ROWLOCK_HSTS_SECONDS";

/// The settings by the names of their variables. Without a certificate, the gateway serves plain HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Https(BTreeMap<String, String>);

impl Https {
    /// The variables with these settings.
    pub(crate) const NAMES: [&str; 6] = [CERTIFICATE, KEY, PUBLIC_URL, REDIRECT_PORT, ACME_FOLDER, HSTS_SECONDS];

    /// Reads the settings that an earlier start has stored.
    pub(crate) fn load(file: &Path) -> Self {
        files::read_note(file).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Returns the settings in the environment if it has at least one of them, and these otherwise. An empty certificate turns HTTPS off.
    pub(crate) fn or_environment(self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let given: Vec<(&str, String)> = Self::NAMES.into_iter().filter_map(|name| Some((name, variable(name)?))).collect();
        if given.is_empty() {
            return self;
        }
        Self(given.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Makes the paths absolute and checks the settings, with the rules of the gateway. The gateway has this port.
    pub(crate) fn check(mut self, checkout: &Checkout, port: u16) -> Result<Self> {
        for name in [CERTIFICATE, KEY, ACME_FOLDER] {
            if let Some(path) = self.0.get_mut(name) {
                *path = std::path::absolute(&path).map_err(Failure::file(Path::new(path), "found"))?.to_string_lossy().into_owned();
            }
        }
        let redirect = self.redirect_port()?;
        ensure!(redirect != Some(port), "{REDIRECT_PORT} must be another port than that of the gateway, {port}.");
        let settings = checkout.root().join("deploy/gateway/settings.sh");
        let mut command = Command::new("sh");
        command.args(["-c", ". \"$1\"; rowlock_check_tls", "settings"]).arg(settings).env_clear().envs(self.gateway_settings(port)?);
        let output = command.output().map_err(|source| Failure::Program { program: "sh".to_owned(), source })?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(self)
    }

    pub(crate) fn save(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|source| Failure::Json { what: file.display().to_string(), source })?;
        files::write(file, text)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the file with the certificate, if the gateway serves HTTPS.
    pub(crate) fn certificate(&self) -> Option<PathBuf> {
        self.get(CERTIFICATE).map(PathBuf::from)
    }

    /// Returns the URL for visitors. The gateway has this port.
    pub(crate) fn public_url(&self, port: u16) -> String {
        let scheme = if self.get(CERTIFICATE).is_some() { "https" } else { "http" };
        self.get(PUBLIC_URL).map_or_else(|| format!("{scheme}://localhost:{port}"), |url| url.trim_end_matches('/').to_owned())
    }

    /// Returns the port on which plain HTTP is redirected.
    pub(crate) fn redirect_port(&self) -> Result<Option<u16>> {
        let Some(text) = self.get(REDIRECT_PORT) else { return Ok(None) };
        let port = text.parse().ok().filter(|port| *port > 0);
        port.map(Some).ok_or_else(|| sentence!("{REDIRECT_PORT} must be a number from 1 to 65535, and it is '{text}'."))
    }

    /// Returns these settings for `deploy/gateway/start.sh`. The gateway has this port.
    pub(crate) fn gateway_settings(&self, port: u16) -> Result<BTreeMap<String, String>> {
        let mut settings = self.0.clone();
        settings.remove(REDIRECT_PORT);
        settings.insert(PUBLIC_URL.to_owned(), self.public_url(port));
        settings.extend(self.redirect_port()?.map(|port| ("ROWLOCK_REDIRECT_LISTEN".to_owned(), format!("127.0.0.1:{port}"))));
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn https(settings: &[(&str, &str)]) -> Https {
        let settings: BTreeMap<&str, &str> = settings.iter().copied().collect();
        Https::default().or_environment(|name| settings.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn settings_are_kept_until_others_are_given() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("https.json");
        assert_eq!(Https::load(&file), Https::default());
        let given = https(&[(CERTIFICATE, "/a.pem"), (KEY, "/b.pem")]);
        given.save(&file).unwrap();
        assert_eq!(Https::load(&file).or_environment(|_| None), given);
        assert_eq!(given.clone().or_environment(|name| (name == CERTIFICATE).then(String::new)), Https::default());
        assert_eq!(given.certificate(), Some(PathBuf::from("/a.pem")));
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let checkout = Checkout::find().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "x").unwrap();
            path.to_string_lossy().into_owned()
        };
        let (certificate, key) = (file("a.pem"), file("b.pem"));
        let usable = [(CERTIFICATE, certificate.as_str()), (KEY, &key), (REDIRECT_PORT, "3080")];
        let checked = https(&usable).check(&checkout, 3443).unwrap();
        assert_eq!(checked.public_url(3443), "https://localhost:3443");
        assert_eq!(Https::default().public_url(3000), "http://localhost:3000");
        let settings = checked.gateway_settings(3443).unwrap();
        assert_eq!(settings.get("ROWLOCK_REDIRECT_LISTEN").map(String::as_str), Some("127.0.0.1:3080"));
        assert_eq!(https(&[]).check(&checkout, 3000).unwrap(), Https::default());

        let refusal = |changed: (&str, &str)| https(&[&usable[..], &[changed]].concat()).check(&checkout, 3443).unwrap_err().to_string();
        assert!(refusal((REDIRECT_PORT, "3443")).contains("another port"));
        assert!(refusal((REDIRECT_PORT, "many")).contains("must be a number"));
        assert!(refusal((KEY, "")).contains("needs ROWLOCK_TLS_KEY"));
        assert!(refusal((KEY, "/missing.pem")).contains("cannot read /missing.pem"));
        assert!(refusal((PUBLIC_URL, "http://tickets.example")).contains("https://tickets.example"));
    }
}
