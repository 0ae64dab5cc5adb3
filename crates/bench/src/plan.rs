//! Which sides are measured in turn, and the ratios that come of it.

use crate::Fallible;
use crate::figures::{Figure, Goal};
use crate::pgbench::Script;
use crate::side::Side;
use crate::slice::{Scale, Slice, measure};
use crate::stage::Stage;

/// What of two slices is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Done per second.
    Rate,
    /// The 99th percentile of the latency.
    P99,
}

/// One side over another, both of the same round.
#[derive(Debug, Clone)]
pub struct Ratio {
    name: &'static str,
    over: Side,
    under: Side,
    of: Of,
    goal: Option<Goal>,
}

/// Sides that take turns.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name, for `--only`.
    pub name: &'static str,
    sides: Vec<Side>,
    ratios: Vec<Ratio>,
    /// One round is enough: these are for the picture.
    once: bool,
}

/// All slices of a run, in their order.
pub type Slices = Vec<(Side, Slice)>;

fn rate(name: &'static str, over: Side, under: Side, goal: f64) -> Ratio {
    Ratio { name, over, under, of: Of::Rate, goal: Some(Goal::AtLeast(goal)) }
}

/// Everything that is compared, the most important first.
pub fn groups(quick: bool) -> Vec<Group> {
    use Side::{
        Bcrypt, Cancel, Engine, Event, Events, HelloEvent, HelloEvents, Hot, HotFull, HotGateway, HotPlain, HotSingle, HotStrangers, Join,
        Login,
    };
    use Side::{Reallocate, Spread, Workers};
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
            sides: vec![full, Hot(64), batch32, Join(64), Spread(64), spread],
            ratios: vec![
                rate("hot_c64_vs_engine", Hot(64), full, 12.0),
                rate("hot_c64_vs_batch32", Hot(64), batch32, 0.8),
                rate("spread_c64_vs_engine", Spread(64), spread, 4.0),
                rate("spread_vs_hot", Spread(64), Hot(64), 0.8),
                rate("waitlist_join_vs_hot", Join(64), Hot(64), 1.0),
            ],
            once: false,
        },
        Group {
            name: "wide",
            sides: vec![batch100, Hot(256), Spread(256), spread],
            ratios: vec![rate("hot_c256_vs_batch100", Hot(256), batch100, 0.8), rate("spread_c256_vs_engine", Spread(256), spread, 5.5)],
            once: false,
        },
        Group {
            name: "lone",
            sides: vec![Hot(1), Engine(Script::Full, 1)],
            ratios: vec![rate("hot_c1_vs_engine_c1", Hot(1), Engine(Script::Full, 1), 1.2)],
            once: false,
        },
        Group {
            name: "turns",
            sides: vec![Cancel(64), Reallocate, Hot(64), HotGateway(64), HotFull(64), HotSingle(64), HotPlain(64), HotStrangers(64)],
            ratios: vec![
                rate("cancel_vs_hot", Cancel(64), Hot(64), 0.5),
                rate("reallocate_vs_hot", Reallocate, Hot(64), 0.5),
                rate("gateway_cost", HotGateway(64), Hot(64), 0.6),
                rate("flat", HotFull(64), Hot(64), 0.85),
                Ratio { name: "p99_vs_single", over: Hot(64), under: HotSingle(64), of: Of::P99, goal: Some(Goal::AtMost(0.125)) },
                Ratio { name: "new_tokens_vs_hot", over: HotStrangers(64), under: Hot(64), of: Of::Rate, goal: None },
                Ratio { name: "type_not_named_vs_hot", over: HotPlain(64), under: Hot(64), of: Of::Rate, goal: None },
            ],
            once: false,
        },
        Group {
            name: "reads",
            sides: vec![Events(64), HelloEvents(64), Event(64), HelloEvent(64)],
            ratios: vec![
                rate("events_vs_hello", Events(64), HelloEvents(64), 0.8),
                Ratio { name: "event_vs_hello", over: Event(64), under: HelloEvent(64), of: Of::Rate, goal: None },
            ],
            once: false,
        },
        Group { name: "logins", sides: vec![Login, Bcrypt], ratios: vec![rate("login_vs_bcrypt", Login, Bcrypt, 0.9)], once: false },
        Group {
            name: "workers",
            sides: vec![Workers(1), Workers(4)],
            ratios: vec![rate("workers_4_vs_1", Workers(4), Workers(1), 0.9)],
            once: false,
        },
        Group { name: "curve", sides: curve, ratios: Vec::new(), once: true },
    ]
}

/// Measures a group, round by round.
pub async fn run(stage: &mut Stage, scale: &Scale, group: &Group, slices: &mut Slices) -> Fallible<Vec<Figure>> {
    let mut rounds: Vec<Slices> = Vec::new();
    for _ in 0..if group.once { 1 } else { scale.rounds } {
        let mut round = Vec::new();
        for side in &group.sides {
            round.push((*side, measure(stage, scale, *side).await?));
        }
        slices.extend(round.iter().cloned());
        rounds.push(round);
    }
    Ok(group.ratios.iter().filter_map(|ratio| ratio.figure(&rounds)).collect())
}

impl Ratio {
    fn figure(&self, rounds: &[Slices]) -> Option<Figure> {
        let find = |round: &Slices, side: Side| round.iter().find(|(other, _)| *other == side).map(|(_, slice)| slice.clone());
        let pairs: Vec<(Slice, Slice)> =
            rounds.iter().filter_map(|round| Some((find(round, self.over)?, find(round, self.under)?))).collect();
        let of = |slice: &Slice| if self.of == Of::Rate { slice.rate } else { slice.p99 };
        let values: Vec<f64> = pairs.iter().map(|(over, under)| of(over) / of(under)).collect();
        let figure = Figure::new(self.name, &values, "", self.goal)?;
        Some(Figure { noisy: pairs.iter().any(|(over, under)| over.noisy || under.noisy), ..figure })
    }
}
