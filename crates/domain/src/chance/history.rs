//! The history of returns of a ticket type.

use super::distribution::gamma_quantile;

/// The fewest observed days of which an estimate is made.
const MIN_DAYS: usize = 3;

/// The fewest returns of which an estimate is made.
const MIN_RETURNS: f64 = 5.0;

/// The age in days at which a day counts half. The number of returns per day changes in the course of a sale.
const HALF_LIFE: f64 = 7.0;

/// The dispersion that is assumed before any day is observed, and the number of days that this assumption weighs. Returns are a
/// little more irregular than independent ones, because people react to the same news.
const USUAL_DISPERSION: f64 = 1.3;
const USUAL_DISPERSION_DAYS: f64 = 3.0;

/// The bounds of the dispersion.
const DISPERSION_BOUNDS: (f64, f64) = (1.1, 30.0);

/// The changes of a ticket type in 24 hours.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryDay {
    /// Sizes of returns with the number of minutes in which so many tickets were returned. A minute rarely has more than one return.
    pub returns: Vec<(u32, u32)>,
    /// The number of sold tickets at the beginning of the day.
    pub sold_before: u32,
    /// The number of sold tickets at its end.
    pub sold_after: u32,
    /// The average number of waiting entries.
    pub waiting: f64,
    /// The number of entries that left the waiting list without tickets.
    pub left: u32,
}

/// How tickets of a type were returned in the past days.
#[derive(Debug, Clone)]
pub struct History {
    days: u32,
    returned_tickets: u32,
    /// The sizes of returns with the number of returns of that size.
    sizes: Vec<(u32, u32)>,
    /// The shape and the rate of the gamma distribution of the expected number of returns per day.
    shape: f64,
    rate: f64,
    dispersion: f64,
    /// The rate per day at which a waiting entry leaves.
    leaving: f64,
}

/// The number of returns of a day, with the part of the present tickets that were sold then and could be returned.
#[derive(Debug, Clone, Copy)]
struct Observation {
    returns: f64,
    exposure: f64,
    weight: f64,
}

impl History {
    /// Summarizes days, the latest first. `sold` is the present number of sold tickets, and `largest_quantity` that of the largest
    /// booking. Days before half of these tickets were sold are ignored: buyers who change their minds at once say little about
    /// those who have had their tickets for a while.
    ///
    /// Returns `None` if there is too little history for an estimate: fewer than three days or five returns.
    pub fn new(days: &[HistoryDay], sold: u32, largest_quantity: u32) -> Option<Self> {
        let is_observed = |day: &&HistoryDay| sold > 0 && day.sold_before.saturating_mul(2) >= sold;
        let days: Vec<&HistoryDay> = days.iter().take_while(is_observed).collect();
        let usual = usual_size(&days, largest_quantity);
        let mut sizes: Vec<(u32, u32)> = Vec::new();
        let mut observations = Vec::with_capacity(days.len());
        let (mut returned_tickets, mut age) = (0_u32, 0.0);
        for day in &days {
            let mut returns = 0.0;
            for &(size, minutes) in &day.returns {
                returned_tickets = returned_tickets.saturating_add(size.saturating_mul(minutes));
                let (size, count) =
                    if size > largest_quantity { (usual, size.div_ceil(usual).saturating_mul(minutes)) } else { (size, minutes) };
                returns += f64::from(count);
                match sizes.iter_mut().find(|(known, _)| *known == size) {
                    Some((_, known)) => *known = known.saturating_add(count),
                    None => sizes.push((size, count)),
                }
            }
            let exposure = f64::from(day.sold_before).midpoint(day.sold_after.into()) / f64::from(sold);
            observations.push(Observation { returns, exposure, weight: (-age / HALF_LIFE).exp2() });
            age += 1.0;
        }
        // The random draws of a replay must not depend on the order in which rows were read.
        sizes.sort_unstable();
        let sum = |value: fn(&Observation) -> f64| observations.iter().map(value).sum::<f64>();
        if days.len() < MIN_DAYS || sum(|day| day.returns) < MIN_RETURNS {
            return None;
        }
        let dispersion = dispersion(&observations);
        let per_day = sum(|day| day.weight * day.returns) / sum(|day| day.weight * day.exposure);
        // The number of returns without weights that would tell as much as the weighted ones.
        let returns = sum(|day| day.weight * day.returns).powi(2) / sum(|day| day.weight.powi(2) * day.returns);
        let waiting: f64 = days.iter().map(|day| day.waiting).sum();
        let left: f64 = days.iter().map(|day| f64::from(day.left)).sum();
        Some(Self {
            days: u32::try_from(days.len()).unwrap_or(u32::MAX),
            returned_tickets,
            sizes,
            shape: returns / dispersion + 0.5,
            rate: returns / per_day / dispersion,
            dispersion,
            leaving: if waiting > 0.0 { left / waiting } else { 0.0 },
        })
    }

    /// Returns the number of observed days.
    pub fn days(&self) -> u32 {
        self.days
    }

    /// Returns the number of tickets that were returned in the observed days.
    pub fn returned_tickets(&self) -> u32 {
        self.returned_tickets
    }

    /// Returns the expected number of returns per day: the quantile that is a number of standard deviations above the middle of the
    /// distribution.
    pub(super) fn returns_per_day(&self, deviations: f64) -> f64 {
        gamma_quantile(self.shape, deviations) / self.rate
    }

    /// Returns the variance of the number of returns in a period, divided by their expected number.
    pub(super) fn dispersion(&self) -> f64 {
        self.dispersion
    }

    /// Returns the number of returns in which a waiting entry leaves on average, or `None` if nobody leaves.
    pub(super) fn returns_until_leaving(&self) -> Option<f64> {
        (self.leaving > 0.0).then(|| self.shape / self.rate / self.leaving)
    }

    /// Returns the sizes of returns with their frequencies.
    pub(super) fn sizes(&self) -> &[(u32, u32)] {
        &self.sizes
    }
}

/// Returns the average size of a return. Minutes with more tickets than a booking can have contain several returns, which are
/// assumed to be of this size.
fn usual_size(days: &[&HistoryDay], largest_quantity: u32) -> u32 {
    let single = days.iter().flat_map(|day| &day.returns).filter(|(size, _)| *size <= largest_quantity);
    let (tickets, returns) = single.fold((0_u64, 0_u64), |(tickets, returns), &(size, minutes)| {
        (tickets + u64::from(size) * u64::from(minutes), returns + u64::from(minutes))
    });
    let average = (tickets + returns / 2).checked_div(returns).unwrap_or(2);
    u32::try_from(average).unwrap_or(u32::MAX).clamp(1, largest_quantity.max(1))
}

/// Estimates the variance of the number of returns per day, divided by their expected number.
fn dispersion(observations: &[Observation]) -> f64 {
    let sum = |value: &dyn Fn(&Observation) -> f64| observations.iter().map(value).sum::<f64>();
    let per_day = sum(&|day| day.returns) / sum(&|day| day.exposure);
    let deviation = |day: &Observation| {
        let expected = per_day * day.exposure;
        (day.returns - expected).powi(2) / expected
    };
    let degrees = sum(&|_| 1.0) - 1.0;
    let (least, most) = DISPERSION_BOUNDS;
    ((sum(&deviation) + USUAL_DISPERSION * USUAL_DISPERSION_DAYS) / (degrees + USUAL_DISPERSION_DAYS)).clamp(least, most)
}
