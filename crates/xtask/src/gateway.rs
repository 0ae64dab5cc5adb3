//! The gateway: nginx with the configuration in deploy/gateway, private files and private ports. It runs as the user who starts it.

use std::{path::PathBuf, process::Command, time::Duration};

use rustix::process::Signal;

use crate::{
    api::Api,
    failure::{Failure, Result, ensure, sentence},
    https::Https,
    ports,
    process::detached,
    shell::{self, find_program, run_logged, step, wait_until},
    system::{System, fingerprint},
};

const NAME: &str = "gateway";
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The addresses behind the gateway. Requests are balanced over the booking-services.
#[derive(Clone, Debug)]
pub(crate) struct Upstreams {
    pub(crate) auth: String,
    pub(crate) booking: Vec<String>,
    /// The notifier. Without one, there are no webhooks.
    pub(crate) notifier: Option<String>,
    /// The web service. Without one, the gateway serves only the API.
    pub(crate) web: Option<String>,
}

impl Upstreams {
    pub(crate) fn of(system: &System) -> Result<Self> {
        Ok(Self {
            auth: system.listen_address("AUTH")?,
            booking: vec![system.listen_address("BOOKING")?],
            notifier: Some(system.listen_address("NOTIFIER")?),
            web: Some(system.listen_address("WEB")?),
        })
    }
}

impl System {
    fn gateway_folder(&self) -> PathBuf {
        self.folder().join(NAME)
    }

    /// Returns the script that writes the configuration and runs nginx, with its settings. The environment names the origins whose
    /// pages may read the gateway's own responses (ROWLOCK_ALLOWED_ORIGINS).
    fn gateway_command(&self, mut command: Command, upstreams: &Upstreams, trusted_proxies: &str) -> Result<Command> {
        command.arg(self.checkout.root().join("deploy/gateway/start.sh"));
        command.env("ROWLOCK_GATEWAY_DIR", self.gateway_folder()).env("ROWLOCK_GATEWAY_LISTEN", self.listen_address(ports::GATEWAY)?);
        command.env("ROWLOCK_AUTH_UPSTREAM", &upstreams.auth).env("ROWLOCK_BOOKING_UPSTREAM", upstreams.booking.join(","));
        command.env("ROWLOCK_NOTIFIER_UPSTREAM", upstreams.notifier.as_deref().unwrap_or_default());
        command.env("ROWLOCK_WEB_UPSTREAM", upstreams.web.as_deref().unwrap_or_default());
        command.env("ROWLOCK_TRUSTED_PROXIES", trusted_proxies);
        for name in Https::NAMES {
            command.env_remove(name);
        }
        command.envs(self.https.gateway_settings(self.ports.get(ports::GATEWAY)?)?);
        Ok(command)
    }

    /// Writes the configuration. Fails with nginx's message if it is invalid.
    fn write_gateway(&self, upstreams: &Upstreams, trusted_proxies: &str) -> Result<()> {
        let log = self.processes.log(NAME);
        let mut render = self.gateway_command(Command::new("sh"), upstreams, trusted_proxies)?;
        run_logged(render.arg("render"), &log, "The gateway refuses its settings.")?;
        let mut check = Command::new("nginx");
        check.arg("-p").arg(format!("{}/", self.gateway_folder().display()));
        check.args(["-c", "nginx.conf", "-e", "stderr", "-g", "pid nginx.pid;", "-t", "-q"]);
        run_logged(&mut check, &log, "nginx refuses its configuration.")
    }

    fn launch_gateway(&self, upstreams: &Upstreams, trusted_proxies: &str) -> Result<()> {
        ensure!(find_program("nginx").is_some(), "nginx is not installed.");
        self.processes.launch(NAME, &mut self.gateway_command(detached("sh"), upstreams, trusted_proxies)?)
    }

    /// Starts a gateway for a private system.
    pub(crate) fn start_private_gateway(&self, upstreams: &Upstreams) -> Result<()> {
        let trusted_proxies = std::env::var("ROWLOCK_TRUSTED_PROXIES").unwrap_or_default();
        self.write_gateway(upstreams, &trusted_proxies)?;
        self.launch_gateway(upstreams, &trusted_proxies)
    }

    /// Starts the gateway, or restarts it if its program or its configuration has changed. Prints what it does.
    pub(crate) fn start_or_restart_gateway(&self, trusted_proxies: &str) -> Result<()> {
        let upstreams = Upstreams::of(self)?;
        self.write_gateway(&upstreams, trusted_proxies)?;
        let folder = self.gateway_folder();
        let program = find_program("nginx").ok_or_else(|| sentence!("nginx is not installed."))?;
        let script = self.checkout.root().join("deploy/gateway/start.sh");
        let files = [program, script, folder.join("nginx.conf"), folder.join("conf.d/rowlock.conf")];
        let settings: Vec<_> = self.https.gateway_settings(self.ports.get(ports::GATEWAY)?)?.into_iter().collect();
        let stamp = fingerprint(&files, &settings)?;
        if !self.processes.has_stamp(NAME, &stamp) {
            if self.processes.alive(NAME) {
                step!("Restarting the gateway, which has changed");
                self.stop_gateway()?;
            } else {
                step!("Starting the gateway");
            }
            self.launch_gateway(&upstreams, trusted_proxies)?;
            self.processes.set_stamp(NAME, &stamp)?;
        }
        self.wait_for_gateway()
    }

    /// Waits until requests reach booking-service through the gateway.
    pub(crate) fn wait_for_gateway(&self) -> Result<()> {
        let api = Api::of(self)?.with_limit(Duration::from_secs(3));
        let answers = || api.get("/api/events?limit=1", None).is_ok_and(|response| response.is_success());
        let ended = wait_until(Duration::from_secs(30), || !self.processes.alive(NAME) || answers());
        shell::check_interrupt()?;
        let log = self.processes.log(NAME);
        if !self.processes.alive(NAME) {
            return Err(Failure::logged("The gateway has ended by itself.", log));
        }
        ensure!(ended || !api.distrusts_certificate(), "The certificate of the gateway is not valid for {}, or it has expired.", api.url());
        if ended { Ok(()) } else { Err(Failure::logged("The gateway does not answer after 30 seconds.", log)) }
    }

    pub(crate) fn stop_gateway(&self) -> Result<()> {
        self.processes.stop(NAME, Signal::QUIT, STOP_LIMIT)
    }
}

/// Checks a list of proxies and networks, and fails with a sentence that names the wrong one.
pub(crate) fn check_trusted_proxies(system: &System, list: &str) -> Result<()> {
    let settings = system.checkout.root().join("deploy/gateway/settings.sh");
    let mut command = Command::new("bash");
    command.args(["-c", ". \"$1\"; rowlock_networks \"$2\"", "settings"]).arg(settings).arg(list);
    let output = command.output().map_err(|source| Failure::Program { program: "bash".to_owned(), source })?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
