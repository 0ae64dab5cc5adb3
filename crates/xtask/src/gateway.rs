//! The gateway: nginx with the configuration in deploy/gateway, private files and private ports. It runs as the user who starts it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    api::Api,
    failure::{Failure, Result, ensure, sentence},
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

    /// Writes the configuration. The environment names the proxies in front of the gateway (ROWLOCK_TRUSTED_PROXIES) and the
    /// origins whose pages may read the gateway's own responses (ROWLOCK_ALLOWED_ORIGINS).
    fn render_gateway(&self, upstreams: &Upstreams, trusted_proxies: &str) -> Result<()> {
        let mut command = Command::new("bash");
        command.args(["-c", ". \"$1\"; shift; gateway_render \"$@\"", "gateway"]).arg(self.checkout.script("lib.sh"));
        command.arg(self.gateway_folder()).arg(self.ports.get(ports::GATEWAY)?.to_string());
        command.arg(&upstreams.auth).args(&upstreams.booking).env("ROWLOCK_TRUSTED_PROXIES", trusted_proxies);
        command.env("ROWLOCK_WEB_ADDRESS", upstreams.web.as_deref().unwrap_or_default());
        command.env("ROWLOCK_NOTIFIER_ADDRESS", upstreams.notifier.as_deref().unwrap_or_default());
        shell::run(&mut command)
    }

    /// Fails with nginx's message if the configuration is invalid.
    fn check_gateway(&self) -> Result<()> {
        let mut command = nginx("nginx", &self.gateway_folder(), "pid nginx.pid;");
        run_logged(command.args(["-t", "-q"]), &self.processes.log(NAME), "nginx refuses its configuration.")
    }

    fn launch_gateway(&self) -> Result<()> {
        let program = find_program("nginx").ok_or_else(|| sentence!("nginx is not installed."))?;
        let mut command = detached(program);
        add_arguments(&mut command, &self.gateway_folder(), "daemon off; pid nginx.pid;");
        self.processes.launch(NAME, &mut command)
    }

    /// Starts a gateway for a private system.
    pub(crate) fn start_private_gateway(&self, upstreams: &Upstreams) -> Result<()> {
        self.render_gateway(upstreams, &std::env::var("ROWLOCK_TRUSTED_PROXIES").unwrap_or_default())?;
        self.check_gateway()?;
        self.launch_gateway()
    }

    /// Starts the gateway, or restarts it if its program or its configuration has changed. Prints what it does.
    pub(crate) fn start_or_restart_gateway(&self, trusted_proxies: &str) -> Result<()> {
        self.render_gateway(&Upstreams::of(self)?, trusted_proxies)?;
        let folder = self.gateway_folder();
        let program = find_program("nginx").ok_or_else(|| sentence!("nginx is not installed."))?;
        let stamp = fingerprint(&[program, folder.join("nginx.conf"), folder.join("conf.d/rowlock.conf")], &[])?;
        if !self.processes.has_stamp(NAME, &stamp) {
            self.check_gateway()?;
            if self.processes.alive(NAME) {
                step!("Restarting the gateway, which has changed");
                self.stop_gateway()?;
            } else {
                step!("Starting the gateway");
            }
            self.launch_gateway()?;
            self.processes.set_stamp(NAME, &stamp)?;
        }
        self.wait_for_gateway()
    }

    /// Waits until requests reach booking-service through the gateway.
    pub(crate) fn wait_for_gateway(&self) -> Result<()> {
        let api = Api::new(&self.local_url(ports::GATEWAY)?).with_limit(Duration::from_secs(3));
        let answers = || api.get("/api/events?limit=1", None).is_ok_and(|response| response.is_success());
        let ended = wait_until(Duration::from_secs(30), || !self.processes.alive(NAME) || answers());
        shell::check_interrupt()?;
        let log = self.processes.log(NAME);
        if !self.processes.alive(NAME) {
            return Err(Failure::logged("The gateway has ended by itself.", log));
        }
        if ended { Ok(()) } else { Err(Failure::logged("The gateway does not answer after 30 seconds.", log)) }
    }

    pub(crate) fn stop_gateway(&self) -> Result<()> {
        self.processes.stop(NAME, Signal::QUIT, STOP_LIMIT)
    }
}

fn nginx(program: &str, folder: &Path, directives: &str) -> Command {
    let mut command = Command::new(program);
    add_arguments(&mut command, folder, directives);
    command
}

fn add_arguments(command: &mut Command, folder: &Path, directives: &str) {
    command.arg("-p").arg(format!("{}/", folder.display())).args(["-c", "nginx.conf", "-e", "stderr", "-g", directives]);
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
