//! The distributions of the number of returns in a period and of its expected value.

/// The largest expected number of returns that is told apart from larger ones.
const MOST_RETURNS: f64 = 5_000.0;

/// The distribution of the number of returns in a period: a negative binomial one, which is a Poisson distribution whose expected
/// value fluctuates.
#[derive(Debug, Clone)]
pub(super) struct ReturnCount {
    /// The probability of at least as many returns as the index says.
    at_least: Vec<f64>,
}

impl ReturnCount {
    /// Tabulates the distribution. `dispersion` is the variance divided by the expected value, and above 1.
    pub(super) fn new(expected: f64, dispersion: f64) -> Self {
        let expected = expected.clamp(f64::MIN_POSITIVE, MOST_RETURNS);
        let excess = dispersion - 1.0;
        let (size, factor) = (expected / excess, excess / dispersion);
        let limit = expected + 8.0 * (dispersion * expected).sqrt() + 12.0 * dispersion;
        // The logarithms of the probabilities, up to a constant: the first one can be too small for a number.
        let mut logarithms = vec![0.0];
        let (mut count, mut last) = (0.0, 0.0_f64);
        while count < limit {
            last += ((count + size) / (count + 1.0) * factor).ln();
            logarithms.push(last);
            count += 1.0;
        }
        let largest = logarithms.iter().copied().fold(f64::MIN, f64::max);
        let mut sum = 0.0;
        let mut at_least: Vec<f64> = logarithms
            .into_iter()
            .rev()
            .map(|logarithm| {
                sum += (logarithm - largest).exp();
                sum
            })
            .collect();
        at_least.reverse();
        for probability in &mut at_least {
            *probability /= sum;
        }
        Self { at_least }
    }

    /// Returns the probability of at least `count` returns.
    pub(super) fn at_least(&self, count: u32) -> f64 {
        usize::try_from(count).ok().and_then(|count| self.at_least.get(count)).copied().unwrap_or(0.0)
    }

    /// Returns a number of returns that is almost never reached.
    pub(super) fn limit(&self) -> u32 {
        u32::try_from(self.at_least.len()).unwrap_or(u32::MAX)
    }
}

/// Returns the quantile of the gamma distribution with rate 1 that is a number of standard deviations above the middle, by the
/// approximation of Wilson and Hilferty. It is accurate to a few percent for shapes from 1.
pub(super) fn gamma_quantile(shape: f64, deviations: f64) -> f64 {
    let ninth = 1.0 / (9.0 * shape);
    shape * (1.0 - ninth + deviations * ninth.sqrt()).max(0.0).powi(3)
}
