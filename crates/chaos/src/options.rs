//! What the command line says: where the private servers are, and how long the storm goes on.

use std::path::PathBuf;

use clap::Parser;

/// Breaks a running Rowlock in every way that production does, and audits what it has promised meanwhile. Started by
/// `scripts/chaos.sh`, which starts the servers.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Options {
    /// How long faults are made, in minutes.
    #[arg(long, default_value_t = 2.0)]
    pub minutes: f64,
    /// What the schedule is drawn from; drawn itself unless given.
    #[arg(long)]
    pub seed: Option<u64>,
    /// No faults: the services were built without the row lock, and that has to be found.
    #[arg(long)]
    pub control: bool,
    /// The folder with the services.
    #[arg(long)]
    pub bin_dir: PathBuf,
    /// Called as `COMMAND server postgres|rabbitmq start`, starts a server that was killed and prints its pid.
    #[arg(long)]
    pub server_command: PathBuf,
    /// The private PostgreSQL's port on 127.0.0.1.
    #[arg(long)]
    pub pg_port: u16,
    /// The pid of its first process.
    #[arg(long)]
    pub pg_pid: i32,
    /// The pid of the private RabbitMQ.
    #[arg(long)]
    pub broker_pid: i32,
    /// The gateway's port.
    #[arg(long)]
    pub gateway_port: u16,
    /// The first of ten free ports: of auth-service, two booking-services and two workers.
    #[arg(long)]
    pub first_port: u16,
    /// The folder with a password per role and the broker's address.
    #[arg(long)]
    pub secrets: PathBuf,
    /// Where the report and the logs go.
    #[arg(long)]
    pub out: PathBuf,
    /// The commit that is tried.
    #[arg(long, default_value = "unknown")]
    pub commit: String,
}
