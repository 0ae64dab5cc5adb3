//! Command line of the chaos test.

use std::path::PathBuf;

use clap::Parser;

/// Injects production faults into a running Rowlock and audits its responses afterwards. Run it with `scripts/chaos.sh`,
/// which starts the servers.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Options {
    /// Duration of the fault injection, in minutes.
    #[arg(long, default_value_t = 2.0)]
    pub minutes: f64,
    /// Seed of the fault schedule and the clients. Random by default.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Inject no faults, and expect violations: the services were built without the row lock, and the audit must detect that.
    #[arg(long)]
    pub control: bool,
    /// Directory with the service binaries.
    #[arg(long)]
    pub bin_dir: PathBuf,
    /// EventCatalog that restarts a crashed server: `COMMAND server postgres|rabbitmq start` prints the new process id.
    #[arg(long)]
    pub server_command: PathBuf,
    /// Port of the PostgreSQL server under test on 127.0.0.1.
    #[arg(long)]
    pub pg_port: u16,
    /// Process id of the PostgreSQL postmaster.
    #[arg(long)]
    pub pg_pid: i32,
    /// Process id of the RabbitMQ server under test.
    #[arg(long)]
    pub broker_pid: i32,
    /// Port of the gateway.
    #[arg(long)]
    pub gateway_port: u16,
    /// First of fourteen consecutive free ports for auth-service, two booking-services, two workers and two notifiers.
    #[arg(long)]
    pub first_port: u16,
    /// Directory with a password file for each role and the broker's URL.
    #[arg(long)]
    pub secrets: PathBuf,
    /// Directory for the report and the logs.
    #[arg(long)]
    pub out: PathBuf,
    /// Commit under test, for the report.
    #[arg(long, default_value = "unknown")]
    pub commit: String,
}
