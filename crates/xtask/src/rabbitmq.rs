//! A private RabbitMQ node with its own home, cookie, epmd and ports on 127.0.0.1, independent of other servers on the machine.

use std::{path::PathBuf, process::Command, time::Duration};

use rustix::process::Signal;

use crate::{
    failure::{Failure, Result, sentence},
    files,
    ports::{self, Ports},
    process::{Processes, detached},
    shell::{self, wait_until},
    tools,
};

const NAME: &str = "rabbitmq";

#[derive(Debug)]
pub(crate) struct RabbitMq {
    processes: Processes,
    folder: PathBuf,
    port: u16,
    distribution_port: u16,
    epmd_port: u16,
    tools_port: u16,
}

impl RabbitMq {
    pub(crate) fn new(processes: &Processes, ports: &Ports) -> Result<Self> {
        Ok(Self {
            folder: processes.folder().join(NAME),
            processes: processes.clone(),
            port: ports.get(ports::AMQP)?,
            distribution_port: ports.get(ports::AMQP_DIST)?,
            epmd_port: ports.get(ports::EPMD)?,
            tools_port: ports.get(ports::AMQP_TOOLS)?,
        })
    }

    /// Returns the environment in which the node and its tools find each other.
    fn environment(&self) -> Vec<(String, String)> {
        let file = |name: &str| self.folder.join(name).to_string_lossy().into_owned();
        let settings = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", self.folder.to_string_lossy().into_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("ERL_EPMD_PORT", self.epmd_port.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_NODENAME", "rowlock@localhost".to_owned()),
            ("RABBITMQ_NODE_PORT", self.port.to_string()),
            ("RABBITMQ_DIST_PORT", self.distribution_port.to_string()),
            ("RABBITMQ_CTL_DIST_PORT_MIN", self.tools_port.to_string()),
            ("RABBITMQ_CTL_DIST_PORT_MAX", self.tools_port.saturating_add(ports::AMQP_TOOLS_PORTS - 1).to_string()),
            ("RABBITMQ_MNESIA_BASE", file("data")),
            ("RABBITMQ_LOG_BASE", file("log")),
            ("RABBITMQ_LOGS", "-".to_owned()),
            ("RABBITMQ_PID_FILE", file("node.pid")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins")),
            ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
            ("RABBITMQ_CONF_ENV_FILE", file("rabbitmq-env.conf")),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}".to_owned()),
            // Makes the start script exec the node instead of supervising it, so that the recorded pid is that of the node.
            ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
        ];
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Starts the node. The user is rowlock; its password is set when the data is created.
    pub(crate) fn launch(&self, password: &str) -> Result<()> {
        files::make_folder(&self.folder.join("data"))?;
        files::make_folder(&self.folder.join("log"))?;
        files::write(&self.folder.join("rabbitmq-env.conf"), "")?;
        files::write(&self.folder.join("enabled_plugins"), "[].\n")?;
        let port = self.port;
        let settings = format!(
            "listeners.tcp.default = 127.0.0.1:{port}\ndefault_user = rowlock\ndefault_pass = {password}\nlog.console.level = info\n"
        );
        files::write_private(&self.folder.join("rabbitmq.conf"), settings)?;
        let programs = tools::rabbitmq_programs().ok_or_else(|| sentence!("RabbitMQ is not installed."))?;
        let mut command = detached(programs.join("rabbitmq-server"));
        command.env_clear().envs(self.environment()).current_dir(&self.folder);
        self.processes.launch(NAME, &mut command)
    }

    /// Waits until the node accepts connections, which it does last.
    pub(crate) fn wait(&self) -> Result<()> {
        let log = self.processes.log(NAME);
        let ended = wait_until(Duration::from_secs(90), || !self.processes.alive(NAME) || ports::is_open(self.port));
        shell::check_interrupt()?;
        if !ended {
            return Err(Failure::logged("RabbitMQ does not answer after 90 seconds.", log));
        }
        if self.processes.alive(NAME) { Ok(()) } else { Err(Failure::logged("RabbitMQ could not be started.", log)) }
    }

    /// Stops the node and then its epmd, which would outlive it. epmd refuses to stop while another node is registered.
    pub(crate) fn stop(&self) -> Result<()> {
        self.processes.stop(NAME, Signal::TERM, Duration::from_secs(60))?;
        shell::succeeds(self.epmd().args(["-kill"]));
        Ok(())
    }

    /// Returns whether this node's epmd runs.
    pub(crate) fn has_epmd(&self) -> bool {
        shell::succeeds(self.epmd().args(["-names"]))
    }

    fn epmd(&self) -> Command {
        let mut command = Command::new("epmd");
        command.env_clear().envs(self.environment()).arg("-port").arg(self.epmd_port.to_string());
        command
    }
}
