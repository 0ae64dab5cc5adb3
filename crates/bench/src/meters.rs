//! Reads CPU times, steal time and memory from `/proc`.

use std::fs;
use std::time::{Duration, Instant};

use crate::numbers::float;

/// Clock ticks of `/proc` per second.
const TICKS_PER_SECOND: f64 = 100.0;

/// The processes whose CPU time is measured.
#[derive(Debug, Clone, Default)]
pub struct MeteredProcesses {
    /// Process id of the postmaster; all other PostgreSQL processes are its children.
    pub postgres: u32,
    /// Process id of the benchmark's own backend, which is not counted.
    pub observer: u32,
    /// Process id of the service under load.
    pub service: u32,
    /// Process id of the broker.
    pub broker: u32,
    /// Process ids of the workers, except if one of them is the service under load.
    pub workers: Vec<u32>,
    /// Process ids of everything else that belongs to the benchmark: the other services and the gateway.
    pub others: Vec<u32>,
}

/// All meters at one moment, in seconds of CPU time.
#[derive(Debug, Clone, Copy)]
pub struct MeterReading {
    at: Instant,
    steal: f64,
    busy: f64,
    service: f64,
    postgres: f64,
    broker: f64,
    workers: f64,
    others: f64,
    clients: f64,
    own_processes: f64,
}

/// Resource usage between two readings.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResourceUsage {
    /// CPU time of the service, in seconds.
    pub service: f64,
    /// CPU time of PostgreSQL, in seconds.
    pub postgres: f64,
    /// CPU time of the broker, in seconds.
    pub broker: f64,
    /// CPU time of the workers, in seconds.
    pub workers: f64,
    /// CPU time of the other services and of the gateway, in seconds.
    pub others: f64,
    /// CPU time of the load generator, in seconds.
    pub clients: f64,
    /// Average number of cores that all processes of this benchmark used.
    pub cores: f64,
    /// Average number of cores taken away by the hypervisor.
    pub steal: f64,
    /// Average number of cores used by processes outside this benchmark.
    pub foreign: f64,
}

impl MeteredProcesses {
    /// Reads all meters.
    pub fn read(&self) -> MeterReading {
        let (busy, steal) = machine();
        let service = process(self.service).own;
        let postgres = process_tree(self.postgres) - process(self.observer).own;
        let me = process(std::process::id());
        let sum = |pids: &[u32]| pids.iter().map(|pid| process_tree(*pid)).sum::<f64>();
        let (broker, workers, others) = (process_tree(self.broker), sum(&self.workers), sum(&self.others));
        let own_processes = service + process_tree(self.postgres) + me.own + me.children + broker + workers + others;
        MeterReading { at: Instant::now(), steal, busy, service, postgres, broker, workers, others, clients: me.own, own_processes }
    }
}

impl MeterReading {
    /// Returns the usage between this reading and a later one.
    pub fn until(&self, later: &Self) -> ResourceUsage {
        let seconds = later.at.duration_since(self.at).max(Duration::from_millis(1)).as_secs_f64();
        ResourceUsage {
            service: later.service - self.service,
            postgres: later.postgres - self.postgres,
            broker: later.broker - self.broker,
            workers: later.workers - self.workers,
            others: later.others - self.others,
            clients: later.clients - self.clients,
            cores: (later.own_processes - self.own_processes) / seconds,
            steal: (later.steal - self.steal) / seconds,
            foreign: ((later.busy - self.busy) - (later.own_processes - self.own_processes)).max(0.0) / seconds,
        }
    }
}

impl ResourceUsage {
    /// Returns the CPU time of the whole system in seconds, without that of the load generator.
    pub fn system(&self) -> f64 {
        self.service + self.postgres + self.broker + self.workers + self.others
    }
}

/// Returns the CPU time of all processes (user, nice and system) and the steal time of the machine, in seconds.
fn machine() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<f64> =
        stat.lines().next().unwrap_or_default().split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let field = |index: usize| fields.get(index).copied().unwrap_or_default() / TICKS_PER_SECOND;
    (field(0) + field(1) + field(2), field(7))
}

#[derive(Debug, Clone, Copy, Default)]
struct Cpu {
    parent: u32,
    own: f64,
    children: f64,
}

fn process(pid: u32) -> Cpu {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The process name in parentheses may contain spaces. The parent (field 4) is the second field after it.
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = rest.split(' ').collect();
    let field = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
    let seconds = |index: usize| float(field(index)) / TICKS_PER_SECOND;
    Cpu { parent: u32::try_from(field(1)).unwrap_or_default(), own: seconds(11) + seconds(12), children: seconds(13) + seconds(14) }
}

/// Returns the CPU time of a process and its children, including children that have exited.
fn process_tree(pid: u32) -> f64 {
    let parent = process(pid);
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let children = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).map(process).filter(|child| child.parent == pid);
    parent.own + parent.children + children.map(|child| child.own).sum::<f64>()
}

/// Returns a value of `/proc/PID/status` in MiB: `VmHWM` is the peak memory, `VmRSS` the current memory.
pub fn mebibytes(pid: u32, line: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')?.trim().split(' ').next()?.parse::<u64>().ok());
    float(kilobytes.unwrap_or_default()) / 1024.0
}
