//! `report.json`: every figure by name, every slice, the machine and the commit.

use serde_json::{Value, json};

use crate::Fallible;
use crate::figures::Figure;
use crate::plan::Slices;
use crate::stage::Stage;

/// Writes it.
pub async fn write(stage: &Stage, figures: &[Figure], slices: &Slices) -> Fallible<()> {
    let named: serde_json::Map<String, Value> =
        figures.iter().map(|figure| Ok((figure.name.clone(), serde_json::to_value(figure)?))).collect::<Fallible<_>>()?;
    let slices: Vec<Value> = slices
        .iter()
        .map(|(side, slice)| {
            json!({
                "side": side.name(), "perSecond": slice.rate, "p50Ms": slice.p50, "p99Ms": slice.p99, "serviceUs": slice.service_us,
                "postgresUs": slice.postgres_us, "backlog": slice.backlog, "drainSeconds": slice.drain, "stealCores": slice.used.steal,
                "foreignCores": slice.used.foreign, "noisy": slice.noisy,
            })
        })
        .collect();
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, model)| model.to_owned()));
    let document = json!({
        "commit": stage.options.commit,
        "quick": stage.options.quick,
        "machine": {
            "cpu": model,
            "cores": std::thread::available_parallelism()?.get(),
            "memory": read("/proc/meminfo").lines().next().map(|line| line.trim_start_matches("MemTotal:").trim().to_owned()),
            "kernel": read("/proc/sys/kernel/osrelease").trim(),
            "postgres": stage.database.text("SELECT version()").await?,
            "fsync": stage.database.text("SELECT current_setting('fsync')").await?,
            "synchronousCommit": stage.database.text("SELECT current_setting('synchronous_commit')").await?,
        },
        "figures": named,
        "slices": slices,
    });
    std::fs::write(stage.options.out.join("report.json"), serde_json::to_string_pretty(&document)? + "\n")?;
    Ok(())
}
