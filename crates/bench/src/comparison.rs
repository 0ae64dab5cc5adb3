//! Compares this build with the binaries of another release, slice by slice: both serve the same database, in turn, so that the ratios
//! do not depend on the machine or on what else it does at the time.

use std::path::Path;

use crate::Fallible;
use crate::environment::BenchEnvironment;
use crate::figures::Figure;
use crate::plan::BenchSamples;
use crate::sample::{BenchSample, Scale, measure};
use crate::workload::Workload;

/// The workloads that are compared, with the names of their figures.
const WORKLOADS: [(&str, Workload); 7] = [
    ("hot_c1", Workload::Hot(1)),
    ("hot_c64", Workload::Hot(64)),
    ("hot_c256", Workload::Hot(256)),
    ("spread_c64", Workload::Spread(64)),
    ("spread_c256", Workload::Spread(256)),
    ("join_c64", Workload::Join(64)),
    ("cancel_c64", Workload::Cancel(64)),
];

/// The samples of one workload in one round.
struct Pair {
    name: &'static str,
    baseline: BenchSample,
    current: BenchSample,
}

/// Measures both releases and returns the ratios of this build to the baseline: bookings per second and CPU time per booking of all
/// processes except the load generator. The baseline must be able to use the schema of this build.
pub async fn run(environment: &mut BenchEnvironment, scale: &Scale, baseline: &Path, samples: &mut BenchSamples) -> Fallible<Vec<Figure>> {
    let only = environment.options.only.clone();
    let selected: Vec<(&str, Workload)> =
        WORKLOADS.into_iter().filter(|(name, _)| only.as_deref().is_none_or(|only| name.contains(only))).collect();
    if selected.is_empty() {
        let names: Vec<&str> = WORKLOADS.iter().map(|(name, _)| *name).collect();
        return Err(format!("no workload has this name; the comparison has {}", names.join(", ")).into());
    }
    let mut pairs = Vec::new();
    for round in 0..scale.rounds {
        let (mut baselines, mut currents) = (Vec::new(), Vec::new());
        // The order changes with each round, so that neither release always runs on the younger tables.
        for is_current in [round % 2 == 1, round % 2 == 0] {
            eprintln!("{}", if is_current { "this build" } else { "baseline" });
            environment.use_programs((!is_current).then_some(baseline)).await?;
            let slices = if is_current { &mut currents } else { &mut baselines };
            for (_, workload) in &selected {
                let sample = measure(environment, scale, *workload).await?;
                slices.push(sample.clone());
                samples.push((*workload, sample));
            }
        }
        let both = selected.iter().zip(baselines.into_iter().zip(currents));
        pairs.extend(both.map(|((name, _), (baseline, current))| Pair { name, baseline, current }));
    }
    let ratios = |name: &str, metric: fn(&BenchSample) -> f64| -> Vec<f64> {
        pairs.iter().filter(|pair| pair.name == name).map(|pair| metric(&pair.current) / metric(&pair.baseline)).collect()
    };
    let noisy = |name: &str| pairs.iter().any(|pair| pair.name == name && (pair.baseline.noisy || pair.current.noisy));
    let figures = selected.iter().flat_map(|(name, _)| {
        let rate = Figure::new(format!("{name}_rate_vs_baseline"), &ratios(name, |sample| sample.rate), "", None);
        let cost = Figure::new(format!("{name}_cpu_vs_baseline"), &ratios(name, |sample| sample.system_us), "", None);
        [rate, cost].into_iter().flatten().map(|figure| Figure { noisy: noisy(name), ..figure })
    });
    Ok(figures.collect())
}
