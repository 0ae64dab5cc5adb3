//! Command line of the benchmark.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Benchmarks Rowlock and compares it with the limits of its database. Run it with `scripts/bench.sh`, which starts the
/// servers.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Options {
    /// Command to run.
    #[command(subcommand)]
    pub task: Task,
}

/// Commands of the benchmark.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Run the benchmark.
    Run(Box<RunOptions>),
    /// Serve one file from memory, as the baseline for the cost of HTTP.
    Hello(HelloOptions),
}

/// Options of `run`.
#[derive(Debug, Clone, clap::Args)]
pub struct RunOptions {
    /// Directory with the release binaries.
    #[arg(long)]
    pub bin_dir: PathBuf,
    /// Directory with PostgreSQL's programs.
    #[arg(long)]
    pub pg_bin: PathBuf,
    /// Port of the benchmark's PostgreSQL server on 127.0.0.1.
    #[arg(long)]
    pub pg_port: u16,
    /// Process id of the PostgreSQL postmaster.
    #[arg(long)]
    pub pg_pid: u32,
    /// Process id of the benchmark's RabbitMQ server.
    #[arg(long)]
    pub broker_pid: u32,
    /// Process id of the gateway.
    #[arg(long)]
    pub gateway_pid: u32,
    /// Port of the gateway.
    #[arg(long)]
    pub gateway_port: u16,
    /// First of sixteen consecutive free ports for the services.
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
    /// Run two short rounds instead of six.
    #[arg(long)]
    pub quick: bool,
    /// Number of live streams that are open at the same time. Each takes a file descriptor here and one in the service.
    #[arg(long, default_value_t = 5_000)]
    pub streams: usize,
    /// Directory with booking-service and reallocation-worker of another release. Measure only them and those of this run, in turn,
    /// and print the ratios.
    #[arg(long)]
    pub baseline: Option<PathBuf>,
    /// Run only the groups whose name contains this text; with a baseline, only the workloads.
    #[arg(long)]
    pub only: Option<String>,
}

/// Options of `hello`.
#[derive(Debug, Clone, clap::Args)]
pub struct HelloOptions {
    /// Port on 127.0.0.1.
    #[arg(long)]
    pub port: u16,
    /// File with the response body.
    #[arg(long)]
    pub body: PathBuf,
}
