//! What the command line says: where the private servers are, and how long to measure.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures Rowlock against what its database can do. Started by `scripts/bench.sh`, which starts the servers.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub task: Task,
}

/// The two tasks of this program.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Runs the benchmark.
    Run(Box<RunOptions>),
    /// Serves one file from memory: what an HTTP answer costs by itself.
    Hello(HelloOptions),
}

/// Where everything is.
#[derive(Debug, Clone, clap::Args)]
pub struct RunOptions {
    /// The folder with the release binaries.
    #[arg(long)]
    pub bin_dir: PathBuf,
    /// The folder with PostgreSQL's programs.
    #[arg(long)]
    pub pg_bin: PathBuf,
    /// The private PostgreSQL's port on 127.0.0.1.
    #[arg(long)]
    pub pg_port: u16,
    /// The pid of its first process.
    #[arg(long)]
    pub pg_pid: u32,
    /// The pid of the private RabbitMQ.
    #[arg(long)]
    pub broker_pid: u32,
    /// The pid of the gateway.
    #[arg(long)]
    pub gateway_pid: u32,
    /// The gateway's port.
    #[arg(long)]
    pub gateway_port: u16,
    /// The first of sixteen free ports: booking-service, auth-service, and so on.
    #[arg(long)]
    pub first_port: u16,
    /// The folder with a password per role and the broker's address.
    #[arg(long)]
    pub secrets: PathBuf,
    /// Where the report goes.
    #[arg(long)]
    pub out: PathBuf,
    /// The commit that is measured.
    #[arg(long, default_value = "unknown")]
    pub commit: String,
    /// Two short rounds instead of six.
    #[arg(long)]
    pub quick: bool,
    /// Only groups whose name contains this.
    #[arg(long)]
    pub only: Option<String>,
}

/// What `hello` serves.
#[derive(Debug, Clone, clap::Args)]
pub struct HelloOptions {
    /// The port on 127.0.0.1.
    #[arg(long)]
    pub port: u16,
    /// The file with the body.
    #[arg(long)]
    pub body: PathBuf,
}
