//! Benchmark of Rowlock (`make bench`): compares its throughput with the limits of its database, in one run on one machine.

pub mod baselines;
pub mod chart;
pub mod checkins;
pub mod comparison;
pub mod database;
pub mod environment;
pub mod expiries;
pub mod extras;
pub mod figures;
pub mod fixtures;
pub mod hello;
pub mod http;
pub mod live;
pub mod load;
pub mod mails;
pub mod meters;
pub mod numbers;
pub mod options;
pub mod overload;
pub mod pgbench;
pub mod plan;
pub mod ports;
pub mod reallocation;
pub mod redis;
pub mod report;
pub mod sales;
pub mod sample;
pub mod service;
pub mod tokens;
pub mod workload;

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::environment::BenchEnvironment;
use crate::figures::Figure;
use crate::options::{Options, RunOptions, Task};
use crate::plan::BenchSamples;
use crate::sample::Scale;

/// Result of an operation of the benchmark, with any error.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Runs the command that the command line names.
pub async fn start() -> ExitCode {
    let result = match Options::parse().task {
        Task::Hello(options) => {
            let local = tokio::task::LocalSet::new();
            local.run_until(hello::serve(&options)).await.map_err(Into::into)
        }
        // Dropping the future on a signal also kills the services, because their handles kill them on drop.
        Task::Run(options) => tokio::select! {
            result = run(*options) => result,
            () = wait_for_signal() => Err("interrupted".into()),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn wait_for_signal() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

async fn run(options: RunOptions) -> Fallible<()> {
    std::fs::create_dir_all(&options.out)?;
    let scale = Scale::new(options.quick);
    let mut environment = BenchEnvironment::set_up(options).await?;
    let mut figures = Vec::new();
    let mut samples = Vec::new();
    if let Some(baseline) = environment.options.baseline.clone() {
        eprintln!("comparison with {}", baseline.display());
        figures = comparison::run(&mut environment, &scale, &baseline, &mut samples).await?;
        return finish(environment, figures, &samples).await;
    }
    let only = environment.options.only.clone();
    let selected = |name: &str| only.as_deref().is_none_or(|only| name.contains(only));
    for group in plan::groups(environment.options.quick) {
        if selected(group.name) {
            eprintln!("{}", group.name);
            figures.extend(plan::run(&mut environment, &scale, &group, &mut samples).await?);
        }
    }
    if selected("delay") {
        figures.extend(extras::delay(&mut environment, &scale).await?);
    }
    if selected("drain") {
        figures.extend(extras::drain(&environment, &scale).await?);
    }
    if selected("live") {
        eprintln!("live");
        figures.extend(live::run(&mut environment, &scale).await?);
    }
    // Mails pile up while they are measured, so a quick run includes that only on request.
    if selected("mails") && (!environment.options.quick || only.is_some()) {
        eprintln!("mails");
        figures.extend(mails::run(&mut environment, &scale).await?);
    }
    // The doors need almost a minute, so a quick run includes them only on request.
    if selected("checkins") && (!environment.options.quick || only.is_some()) {
        eprintln!("checkins");
        figures.extend(checkins::run(&mut environment).await?);
    }
    // The reservations end after most of a minute, so a quick run includes them only on request.
    if selected("expiries") && (!environment.options.quick || only.is_some()) {
        eprintln!("expiries");
        figures.extend(expiries::run(&mut environment).await?);
    }
    figures.extend(extras::of_samples(&samples));
    figures.extend(extras::memory(&environment).await?);
    figures.extend(extras::footprint(&environment)?);
    // The overload takes a minute, so a quick run includes it only on request.
    if selected("overload") && (!environment.options.quick || only.is_some()) {
        eprintln!("overload");
        figures.extend(overload::run(&mut environment, &scale).await?);
    }
    std::fs::write(environment.options.out.join("clients.svg"), chart::draw(&samples))?;
    finish(environment, figures, &samples).await
}

/// Prints the figures, writes the report and stops the services.
async fn finish(environment: BenchEnvironment, figures: Vec<Figure>, samples: &BenchSamples) -> Fallible<()> {
    print!("{}", figures::table(&figures));
    report::write(&environment, &figures, samples).await?;
    environment.tear_down().await
}
