//! `make test-web` and `make screenshots`: Playwright drives the site in Debian's Chromium, on a private system.
//!
//! The stories are in crates/web/browser-tests. Traces and pictures of failed ones are in target/test-web.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    checkout::Checkout,
    failure::{Failure, Result, ensure, sentence},
    files, samples,
    services::{AUTH, WORKER},
    shell::{self, find_program, run_logged, step},
    test_system::{Settings, TestSystem},
    tools::{self, install},
};

const FOLDER: &str = "crates/web/browser-tests";
const OLDEST_NODE: u32 = 18;
/// Debian's package fonts-inter, which fonts.conf names as the font of the system.
const PICTURE_FONT: &str = "/usr/share/fonts/opentype/inter";
/// Maximum size of a picture of the documentation, in bytes.
const LARGEST_PICTURE: u64 = 200_000;

/// Returns the settings of a service for the stories. The web service renews an access token half a minute before it expires: with a
/// lifetime of 30 s, every page of a visitor who is signed in renews it, so that the stories test this as well. The worker looks for
/// ended reservations every second, because stories end them early.
fn story_settings(service: &str) -> Settings {
    if service == AUTH.name {
        &[("ROWLOCK__TOKENS__ACCESS_TTL_SECONDS", "30")]
    } else if service == WORKER.name {
        &[("ROWLOCK__WORKER__EXPIRY_INTERVAL_MS", "1000")]
    } else {
        &[]
    }
}

/// Runs the stories in a browser; `arguments` are options of Playwright, such as the names of files.
pub(crate) fn test(checkout: &Checkout, arguments: &[String]) -> Result<()> {
    let browser = Browser::find(checkout)?;
    let system = TestSystem::start_with(checkout, story_settings)?;
    let out = checkout.root().join("target/test-web");
    files::delete(&out)?;
    let mut command = browser.node(&system)?;
    command.arg("node_modules/@playwright/test/cli.js").arg("test").args(arguments);
    let result = shell::run(&mut command);
    if result.is_err() {
        files::make_folder(&out)?;
        files::keep_logs(&system.system().folder().join("log"), &out.join("log"))?;
    }
    match result {
        Err(Failure::Status { .. }) => Err(sentence!(
            "The site does not behave as it should in a browser. {} has a picture and a trace of each failure, and the services' logs.",
            out.display()
        )),
        result => result,
    }
}

/// Takes the pictures of the documentation, from the sample events of `make up`.
pub(crate) fn take_pictures(checkout: &Checkout) -> Result<()> {
    let browser = Browser::find(checkout)?;
    if find_program("pngquant").is_none() || !Path::new(PICTURE_FONT).exists() {
        install(checkout, &["pngquant", "fonts-inter"])?;
    }
    let system = TestSystem::start(checkout)?;
    let login = serde_json::json!({"email": system.admin.email, "password": system.admin.password});
    files::write_private(&system.system().folder().join("admin-login.json"), login.to_string())?;
    samples::create_on(system.system(), &system.api)?;
    let out = checkout.root().join("docs/screenshots");
    files::make_folder(&out)?;
    step!("Taking the pictures");
    shell::run(browser.node(&system)?.arg("screenshots.js").arg(&out).env("FONTCONFIG_FILE", browser.folder.join("fonts.conf")))?;
    for picture in files::entries(&out) {
        compress(&picture)?;
    }
    println!("The pictures are in {}. Look at them before you commit them.", out.display());
    Ok(())
}

/// Reduces a picture to a palette.
fn compress(picture: &Path) -> Result<()> {
    // 98 and 99: the picture has few colors already, or would become larger.
    let status = Command::new("pngquant").args(["--force", "--strip", "--skip-if-larger", "--ext", ".png", "--"]).arg(picture).status();
    let status = status.map_err(|source| Failure::Program { program: "pngquant".to_owned(), source })?;
    ensure!(status.success() || matches!(status.code(), Some(98 | 99)), "pngquant failed for {}.", picture.display());
    let size = std::fs::metadata(picture).map_err(Failure::file(picture, "read"))?.len();
    ensure!(size <= LARGEST_PICTURE, "{} has {size} bytes, and {LARGEST_PICTURE} are the most.", picture.display());
    Ok(())
}

/// The programs that drive the site.
struct Browser {
    node: PathBuf,
    chromium: PathBuf,
    folder: PathBuf,
}

impl Browser {
    /// Finds them, and installs what is missing.
    fn find(checkout: &Checkout) -> Result<Self> {
        tools::need(checkout, &[])?;
        let needed: [(&str, &[&str]); 3] = [("node", &["node"]), ("npm", &["npm"]), ("chromium", &CHROMIUM)];
        let missing = needed.iter().filter(|(_, programs)| find_first(programs).is_none());
        let packages: Vec<&str> = missing.map(|(name, _)| if *name == "node" { "nodejs" } else { name }).collect();
        if !packages.is_empty() {
            // The pages are tested with fonts that every machine can have.
            install(checkout, &[&packages[..], &["fonts-liberation"]].concat())?;
        }
        let found =
            |names: &[&str]| find_first(names).ok_or_else(|| sentence!("{} was not found after its installation.", names.join(" or ")));
        let browser = Self { node: found(&["node"])?, chromium: found(&CHROMIUM)?, folder: checkout.root().join(FOLDER) };
        let version = shell::output(Command::new(&browser.node).arg("--version"))?;
        ensure!(
            major_version(&version).is_some_and(|major| major >= OLDEST_NODE),
            "Node.js {OLDEST_NODE} or newer is needed, and {} is {version}.",
            browser.node.display()
        );
        browser.install_packages(checkout)?;
        Ok(browser)
    }

    /// Installs the packages of the lock file, once per content of that file. Playwright's own browsers are not downloaded.
    fn install_packages(&self, checkout: &Checkout) -> Result<()> {
        let checksum = files::checksum(&self.folder.join("package-lock.json"))?;
        let stamp = self.folder.join("node_modules/.rowlock-complete");
        if files::read_note(&stamp).is_some_and(|installed| installed == checksum) {
            return Ok(());
        }
        step!("Installing Playwright and axe (once)");
        let mut npm = Command::new("npm");
        npm.current_dir(&self.folder).args(["ci", "--no-audit", "--no-fund"]).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
        let log = checkout.state().join("log/browser-tests.log");
        run_logged(&mut npm, &log, "The packages of the browser tests could not be installed; this needs the network once.")?;
        files::write(&stamp, checksum)
    }

    /// Returns a call of Node.js that knows the system.
    fn node(&self, system: &TestSystem) -> Result<Command> {
        let mut command = Command::new(&self.node);
        command.current_dir(&self.folder).env("ROWLOCK_CHROMIUM", &self.chromium);
        command.env("ROWLOCK_URL", system.system().gateway_url()?);
        // With it, stories end reservations that would last for minutes.
        command.env("ROWLOCK_BOOKING_DATABASE_URL", system.system().database_url("rowlock_booking", "rowlock_booking")?);
        // With it, stories have mails that a mail server refused.
        command.env("ROWLOCK_NOTIFIER_DATABASE_URL", system.system().database_url("rowlock_notifier", "rowlock_notifier")?);
        command.env("ROWLOCK_ADMIN_EMAIL", &system.admin.email).env("ROWLOCK_ADMIN_PASSWORD", &system.admin.password);
        Ok(command)
    }
}

/// The names of Chromium on different distributions.
const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

fn find_first(names: &[&str]) -> Option<PathBuf> {
    names.iter().find_map(|name| find_program(name))
}

/// Returns the first number of a version such as `v20.1.0`.
fn major_version(version: &str) -> Option<u32> {
    version.trim_start_matches('v').split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_the_first_number() {
        assert_eq!(major_version("v20.20.2"), Some(20));
        assert_eq!(major_version("unknown"), None);
    }
}
