//! `make bench`: Rowlock against what its database can do by itself, in one run on one machine.

pub mod chart;
pub mod database;
pub mod extras;
pub mod figures;
pub mod fixtures;
pub mod handing_on;
pub mod hello;
pub mod http;
pub mod load;
pub mod lookups;
pub mod meters;
pub mod numbers;
pub mod options;
pub mod overload;
pub mod people;
pub mod pgbench;
pub mod plan;
pub mod report;
pub mod sales;
pub mod service;
pub mod side;
pub mod slice;
pub mod stage;

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::options::{Options, RunOptions, Task};
use crate::slice::Scale;
use crate::stage::Stage;

/// What went wrong, in words.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Does what the command line says.
pub async fn start() -> ExitCode {
    let done = match Options::parse().task {
        Task::Hello(options) => {
            let local = tokio::task::LocalSet::new();
            local.run_until(hello::serve(&options)).await.map_err(Into::into)
        }
        // On a signal the services are ended with the values that hold them.
        Task::Run(options) => tokio::select! {
            done = run(*options) => done,
            () = stopped() => Err("interrupted".into()),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn stopped() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

async fn run(options: RunOptions) -> Fallible<()> {
    std::fs::create_dir_all(&options.out)?;
    let scale = Scale::new(options.quick);
    let mut stage = Stage::set_up(options).await?;
    let mut figures = Vec::new();
    let mut slices = Vec::new();
    let only = stage.options.only.clone();
    let wanted = |name: &str| only.as_deref().is_none_or(|only| name.contains(only));
    for group in plan::groups(stage.options.quick) {
        if wanted(group.name) {
            eprintln!("{}", group.name);
            figures.extend(plan::run(&mut stage, &scale, &group, &mut slices).await?);
        }
    }
    if wanted("delay") {
        figures.extend(extras::delay(&mut stage, &scale).await?);
    }
    if wanted("drain") {
        figures.extend(extras::drain(&stage, &scale).await?);
    }
    figures.extend(extras::of_slices(&slices));
    figures.extend(extras::memory(&stage).await?);
    figures.extend(extras::footprint(&stage)?);
    // A minute long, so in a quick run only if it is asked for.
    if wanted("overload") && (!stage.options.quick || only.is_some()) {
        eprintln!("overload");
        figures.extend(overload::run(&mut stage, &scale).await?);
    }
    print!("{}", figures::table(&figures));
    report::write(&stage, &figures, &slices).await?;
    std::fs::write(stage.options.out.join("clients.svg"), chart::draw(&slices))?;
    stage.tear_down().await
}
