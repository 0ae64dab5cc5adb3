//! Defines which workloads are measured in turn and the ratios between them.

use crate::Fallible;
use crate::environment::BenchEnvironment;
use crate::figures::{Figure, Goal};
use crate::pgbench::Script;
use crate::sample::{BenchSample, Scale, measure};
use crate::workload::Workload;

/// Metric that a ratio compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Operations per second.
    Rate,
    /// 99th percentile of the latency.
    P99,
}

/// Ratio of two workloads, measured in the same round.
#[derive(Debug, Clone)]
pub struct Ratio {
    name: &'static str,
    over: Workload,
    under: Workload,
    metric: Metric,
    goal: Option<Goal>,
}

/// Workloads that are measured in turn, and the ratios between them.
#[derive(Debug, Clone)]
pub struct Group {
    /// Name for `--only`.
    pub name: &'static str,
    workloads: Vec<Workload>,
    ratios: Vec<Ratio>,
    /// Whether to run only one round, because the samples are only used in the chart.
    single_round: bool,
}

/// All samples of a run, in the order in which they were measured.
pub type BenchSamples = Vec<(Workload, BenchSample)>;

fn rate(name: &'static str, over: Workload, under: Workload, goal: f64) -> Ratio {
    Ratio { name, over, under, metric: Metric::Rate, goal: Some(Goal::AtLeast(goal)) }
}

fn rate_without_goal(name: &'static str, over: Workload, under: Workload) -> Ratio {
    Ratio { name, over, under, metric: Metric::Rate, goal: None }
}

/// Returns all groups, the most important first.
pub fn groups(quick: bool) -> Vec<Group> {
    use Workload::{Bcrypt, Cancel, Engine, Hot, HotFull, HotGateway, HotNewTokens, HotSingle, HotWithoutType, Join, Login};
    use Workload::{Reallocate, Spread, Workers};
    let (full, spread) = (Engine(Script::Full, 4), Engine(Script::Spread, 16));
    let (batch32, batch100) = (Engine(Script::Batch(32), 1), Engine(Script::Batch(100), 1));
    let curve = if quick {
        vec![Hot(4), Hot(16), Spread(1), Spread(16)]
    } else {
        vec![
            Hot(4),
            Hot(16),
            Spread(1),
            Spread(4),
            Spread(16),
            Engine(Script::Full, 16),
            Engine(Script::Full, 64),
            Engine(Script::Spread, 64),
        ]
    };
    vec![
        Group {
            name: "hot",
            workloads: vec![full, Hot(64), batch32, Join(64), Spread(64), spread],
            ratios: vec![
                rate("hot_c64_vs_engine", Hot(64), full, 12.0),
                rate("hot_c64_vs_batch32", Hot(64), batch32, 0.8),
                rate("spread_c64_vs_engine", Spread(64), spread, 4.0),
                rate("spread_vs_hot", Spread(64), Hot(64), 0.8),
                rate("waitlist_join_vs_hot", Join(64), Hot(64), 1.0),
            ],
            single_round: false,
        },
        Group {
            name: "wide",
            workloads: vec![batch100, Hot(256), Spread(256), spread],
            ratios: vec![rate("hot_c256_vs_batch100", Hot(256), batch100, 0.8), rate("spread_c256_vs_engine", Spread(256), spread, 5.5)],
            single_round: false,
        },
        Group {
            name: "lone",
            workloads: vec![Hot(1), Engine(Script::Full, 1)],
            ratios: vec![rate("hot_c1_vs_engine_c1", Hot(1), Engine(Script::Full, 1), 1.2)],
            single_round: false,
        },
        Group {
            name: "turns",
            workloads: vec![
                Cancel(64),
                Reallocate,
                Hot(64),
                HotGateway(64),
                HotFull(64),
                HotSingle(64),
                HotWithoutType(64),
                HotNewTokens(64),
            ],
            ratios: vec![
                rate("cancel_vs_hot", Cancel(64), Hot(64), 0.5),
                rate("reallocate_vs_hot", Reallocate, Hot(64), 0.5),
                rate("gateway_cost", HotGateway(64), Hot(64), 0.6),
                rate("flat", HotFull(64), Hot(64), 0.85),
                Ratio { name: "p99_vs_single", over: Hot(64), under: HotSingle(64), metric: Metric::P99, goal: Some(Goal::AtMost(0.125)) },
                rate_without_goal("new_tokens_vs_hot", HotNewTokens(64), Hot(64)),
                rate_without_goal("type_not_named_vs_hot", HotWithoutType(64), Hot(64)),
            ],
            single_round: false,
        },
        redis(),
        reads(),
        pages(),
        Group {
            name: "logins",
            workloads: vec![Login, Bcrypt],
            ratios: vec![rate("login_vs_bcrypt", Login, Bcrypt, 0.9)],
            single_round: false,
        },
        Group {
            name: "workers",
            workloads: vec![Workers(1), Workers(4)],
            ratios: vec![rate("workers_4_vs_1", Workers(4), Workers(1), 0.9)],
            single_round: false,
        },
        Group { name: "curve", workloads: curve, ratios: Vec::new(), single_round: true },
    ]
}

/// Returns the group of another engine, which keeps fewer promises: see [`crate::redis`].
fn redis() -> Group {
    use Workload::{Hot, Redis};
    Group {
        name: "redis",
        workloads: vec![Redis(64), Hot(64), Redis(256), Hot(256), Redis(1), Hot(1)],
        ratios: vec![
            rate("hot_c64_vs_redis", Hot(64), Redis(64), 0.6),
            rate_without_goal("hot_c256_vs_redis", Hot(256), Redis(256)),
            rate_without_goal("hot_c1_vs_redis", Hot(1), Redis(1)),
        ],
        single_round: false,
    }
}

/// Returns the group of the public reads of the API.
fn reads() -> Group {
    use Workload::{Event, Events, HelloEvent, HelloEvents};
    Group {
        name: "reads",
        workloads: vec![Events(64), HelloEvents(64), Event(64), HelloEvent(64)],
        ratios: vec![
            rate("events_vs_hello", Events(64), HelloEvents(64), 0.8),
            rate_without_goal("event_vs_hello", Event(64), HelloEvent(64)),
        ],
        single_round: false,
    }
}

/// Returns the group of the pages of the web site.
fn pages() -> Group {
    use Workload::{EventPage, HelloPage};
    Group {
        name: "pages",
        workloads: vec![EventPage(64), HelloPage(64)],
        ratios: vec![rate_without_goal("event_page_vs_hello", EventPage(64), HelloPage(64))],
        single_round: false,
    }
}

/// Measures a group, round by round, and returns its ratios.
pub async fn run(environment: &mut BenchEnvironment, scale: &Scale, group: &Group, samples: &mut BenchSamples) -> Fallible<Vec<Figure>> {
    let mut rounds: Vec<BenchSamples> = Vec::new();
    for _ in 0..if group.single_round { 1 } else { scale.rounds } {
        let mut round = Vec::new();
        for workload in &group.workloads {
            round.push((*workload, measure(environment, scale, *workload).await?));
        }
        samples.extend(round.iter().cloned());
        rounds.push(round);
    }
    Ok(group.ratios.iter().filter_map(|ratio| ratio.figure(&rounds)).collect())
}

impl Ratio {
    fn figure(&self, rounds: &[BenchSamples]) -> Option<Figure> {
        let find =
            |round: &BenchSamples, workload: Workload| round.iter().find(|(other, _)| *other == workload).map(|(_, sample)| sample.clone());
        let pairs: Vec<(BenchSample, BenchSample)> =
            rounds.iter().filter_map(|round| Some((find(round, self.over)?, find(round, self.under)?))).collect();
        let metric = |sample: &BenchSample| if self.metric == Metric::Rate { sample.rate } else { sample.p99 };
        let values: Vec<f64> = pairs.iter().map(|(over, under)| metric(over) / metric(under)).collect();
        let figure = Figure::new(self.name, &values, "", self.goal)?;
        Some(Figure { noisy: pairs.iter().any(|(over, under)| over.noisy || under.noisy), ..figure })
    }
}
