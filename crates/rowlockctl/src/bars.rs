//! Bar charts of `events show`: how many cells each part of a whole gets.

use std::cmp::Ordering;

/// Cells of a bar: booked, held, available. The characters differ, so that a bar can be read without colors.
pub(crate) const BAR_CHARACTERS: [char; 3] = ['█', '▒', '░'];

/// Cell of the bar for waiting entries.
pub(crate) const WAITING_CHARACTER: char = '▪';

/// Distributes the cells of a bar. All cells are used unless every part is zero. A part that is not zero gets at least one cell
/// as long as there are enough, because a single held ticket is what an operator looks for.
pub(crate) fn distribute_cells(parts: &[u64], width: usize) -> Vec<usize> {
    let total: u128 = parts.iter().map(|part| u128::from(*part)).sum();
    if total == 0 {
        return vec![0; parts.len()];
    }
    let width_of = |part: u64| {
        let scaled = u128::from(part) * u128::try_from(width).unwrap_or_default();
        (usize::try_from(scaled / total).unwrap_or(width), scaled % total)
    };
    let exact: Vec<_> = parts.iter().map(|part| width_of(*part)).collect();
    let mut cells: Vec<usize> = exact.iter().zip(parts).map(|((cells, _), part)| (*cells).max(usize::from(*part > 0))).collect();
    // Cells that rounding has left over go to the largest remainders; cells that small parts got in excess are taken from the
    // largest.
    loop {
        let used: usize = cells.iter().sum();
        let adjusted = match used.cmp(&width) {
            Ordering::Equal => None,
            Ordering::Less => {
                // Only parts that have not been rounded up yet.
                let short = exact.iter().zip(&mut cells).filter(|((whole, rest), cells)| **cells == *whole && *rest > 0);
                short.max_by_key(|((_, rest), _)| *rest).map(|(_, cells)| *cells += 1)
            }
            Ordering::Greater => cells.iter_mut().max_by_key(|cells| **cells).map(|cells| *cells -= 1),
        };
        if adjusted.is_none() {
            return cells;
        }
    }
}

/// Returns the bar of a stock of tickets.
pub(crate) fn stock_bar(booked: u64, held: u64, available: u64, width: usize) -> String {
    let cells = distribute_cells(&[booked, held, available], width);
    BAR_CHARACTERS.iter().zip(cells).map(|(character, cells)| character.to_string().repeat(cells)).collect()
}

/// Returns the bar of a waiting list, scaled to the longest waiting list.
pub(crate) fn waiting_bar(waiting: u64, longest: u64, width: usize) -> String {
    let cells = distribute_cells(&[waiting, longest.saturating_sub(waiting)], width);
    WAITING_CHARACTER.to_string().repeat(cells.first().copied().unwrap_or_default())
}

/// Returns the booked share in percent, rounded down, so that it is 100 only if everything is booked.
pub(crate) fn percent(booked: u64, total: u64) -> String {
    if total == 0 {
        return "-".to_owned();
    }
    format!("{} %", u128::from(booked) * 100 / u128::from(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_cells_of_a_bar_are_distributed() {
        assert_eq!(distribute_cells(&[50, 0, 50], 10), [5, 0, 5]);
        assert_eq!(distribute_cells(&[1, 1, 1], 10).iter().sum::<usize>(), 10);
        assert_eq!(distribute_cells(&[2, 0, 1], 10), [7, 0, 3], "6⅔ and 3⅓");
        assert_eq!(distribute_cells(&[u64::MAX, u64::MAX, u64::MAX], 9), [3, 3, 3]);
        assert_eq!(distribute_cells(&[0, 0, 0], 10), [0, 0, 0], "an event without tickets has an empty bar");
        assert_eq!(distribute_cells(&[7, 1], 0), [0, 0]);
    }

    #[test]
    fn a_single_ticket_is_visible_beside_a_million() {
        assert_eq!(distribute_cells(&[1_000_000, 1, 0], 10), [9, 1, 0]);
        assert_eq!(distribute_cells(&[1, 1, 9_999_998], 10), [1, 1, 8]);
        assert_eq!(distribute_cells(&[1, 1_000_000, 1], 2).iter().sum::<usize>(), 2, "more parts than cells");
    }

    #[test]
    fn every_bar_has_the_requested_width() {
        for booked in 0..12 {
            for held in 0..12 {
                for available in 0..12 {
                    let cells = distribute_cells(&[booked, held, available], 17);
                    let expected = if booked + held + available == 0 { 0 } else { 17 };
                    assert_eq!(cells.iter().sum::<usize>(), expected, "{booked} {held} {available}");
                    for (part, cells) in [booked, held, available].iter().zip(cells) {
                        assert_eq!(*part > 0, cells > 0, "{booked} {held} {available}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_stock_bar_shows_booked_held_and_available() {
        assert_eq!(stock_bar(5, 1, 4, 10), "█████▒░░░░");
        assert_eq!(stock_bar(0, 0, 0, 10), "");
    }

    #[test]
    fn the_longest_waiting_list_fills_its_bar() {
        assert_eq!(waiting_bar(40, 40, 8), "▪▪▪▪▪▪▪▪");
        assert_eq!(waiting_bar(10, 40, 8), "▪▪");
        assert_eq!(waiting_bar(1, 4000, 8), "▪");
        assert_eq!(waiting_bar(0, 40, 8), "");
        assert_eq!(waiting_bar(0, 0, 8), "");
    }

    #[test]
    fn percentages_are_rounded_down() {
        assert_eq!([percent(999, 1000), percent(1000, 1000), percent(0, 0)], ["99 %", "100 %", "-"]);
    }
}
