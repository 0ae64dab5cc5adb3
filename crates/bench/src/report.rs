//! Writes `report.json` with all figures, all samples, the machine and the commit.

use serde_json::{Value, json};

use crate::Fallible;
use crate::environment::BenchEnvironment;
use crate::figures::Figure;
use crate::plan::BenchSamples;

/// Writes the report to the output directory.
pub async fn write(environment: &BenchEnvironment, figures: &[Figure], samples: &BenchSamples) -> Fallible<()> {
    let named: serde_json::Map<String, Value> =
        figures.iter().map(|figure| Ok((figure.name.clone(), serde_json::to_value(figure)?))).collect::<Fallible<_>>()?;
    let samples: Vec<Value> = samples
        .iter()
        .map(|(workload, sample)| {
            json!({
                "workload": workload.name(), "perSecond": sample.rate, "p50Ms": sample.p50, "p99Ms": sample.p99, "serviceUs": sample.service_us,
                "postgresUs": sample.postgres_us, "brokerUs": sample.broker_us, "workersUs": sample.workers_us,
                "systemUs": sample.system_us, "clientsUs": sample.clients_us, "busyCores": sample.used.cores, "backlog": sample.backlog, "drainSeconds": sample.drain, "stealCores": sample.used.steal,
                "foreignCores": sample.used.foreign, "noisy": sample.noisy,
            })
        })
        .collect();
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, model)| model.to_owned()));
    let document = json!({
        "commit": environment.options.commit,
        "quick": environment.options.quick,
        "machine": {
            "cpu": model,
            "cores": std::thread::available_parallelism()?.get(),
            "memory": read("/proc/meminfo").lines().next().map(|line| line.trim_start_matches("MemTotal:").trim().to_owned()),
            "kernel": read("/proc/sys/kernel/osrelease").trim(),
            "postgres": environment.database.text("SELECT version()").await?,
            "fsync": environment.database.text("SELECT current_setting('fsync')").await?,
            "synchronousCommit": environment.database.text("SELECT current_setting('synchronous_commit')").await?,
        },
        "figures": named,
        "samples": samples,
    });
    std::fs::write(environment.options.out.join("report.json"), serde_json::to_string_pretty(&document)? + "\n")?;
    Ok(())
}
