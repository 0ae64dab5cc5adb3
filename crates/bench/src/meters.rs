//! What `/proc` tells: processor time of processes, time stolen by other machines, memory.

use std::fs;
use std::time::{Duration, Instant};

use crate::numbers::float;

/// The kernel counts in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// Whose processor time is measured.
#[derive(Debug, Clone, Default)]
pub struct Processes {
    /// PostgreSQL's first process; the others are its children.
    pub postgres: u32,
    /// A backend that only looks and does not count.
    pub observer: u32,
    /// The service under load.
    pub service: u32,
    /// All else that belongs to this run: the other services, broker, gateway.
    pub others: Vec<u32>,
}

/// All meters at one moment, in seconds of processor time.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    at: Instant,
    steal: f64,
    busy: f64,
    service: f64,
    postgres: f64,
    ours: f64,
}

/// What was used between two readings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// Seconds of the service.
    pub service: f64,
    /// Seconds of PostgreSQL.
    pub postgres: f64,
    /// Cores taken away by the host.
    pub steal: f64,
    /// Cores used by processes that are not of this run.
    pub foreign: f64,
}

impl Processes {
    /// Reads all meters.
    pub fn read(&self) -> Reading {
        let (busy, steal) = machine();
        let service = process(self.service).own;
        let postgres = family(self.postgres) - process(self.observer).own;
        let me = process(std::process::id());
        let others: f64 = self.others.iter().map(|pid| family(*pid)).sum();
        let ours = service + family(self.postgres) + me.own + me.children + others;
        Reading { at: Instant::now(), steal, busy, service, postgres, ours }
    }
}

impl Reading {
    /// What was used since.
    pub fn until(&self, later: &Self) -> Used {
        let seconds = later.at.duration_since(self.at).max(Duration::from_millis(1)).as_secs_f64();
        Used {
            service: later.service - self.service,
            postgres: later.postgres - self.postgres,
            steal: (later.steal - self.steal) / seconds,
            foreign: ((later.busy - self.busy) - (later.ours - self.ours)).max(0.0) / seconds,
        }
    }
}

/// Busy time of programs, and stolen time.
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
    // The name in parentheses may hold spaces; the fourth field, the parent, is the second after it.
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = rest.split(' ').collect();
    let field = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
    let seconds = |index: usize| float(field(index)) / TICKS_PER_SECOND;
    Cpu { parent: u32::try_from(field(1)).unwrap_or_default(), own: seconds(11) + seconds(12), children: seconds(13) + seconds(14) }
}

/// A process with its children, also those that have ended.
fn family(pid: u32) -> f64 {
    let parent = process(pid);
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let children = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).map(process).filter(|child| child.parent == pid);
    parent.own + parent.children + children.map(|child| child.own).sum::<f64>()
}

/// A line of `/proc/PID/status` in MiB: `VmHWM` is the peak, `VmRSS` the present use.
pub fn mebibytes(pid: u32, line: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')?.trim().split(' ').next()?.parse::<u64>().ok());
    float(kilobytes.unwrap_or_default()) / 1024.0
}
