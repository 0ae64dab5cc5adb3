//! The geometry of charts: it turns numbers into coordinates of SVG pictures, and knows neither texts nor colors.
//!
//! All coordinates are whole units of the picture's `viewBox`. They are never negative and never beyond its edges.

/// The size of a picture, and the space around its plot for texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) width: i64,
    pub(crate) height: i64,
    pub(crate) left: i64,
    pub(crate) right: i64,
    pub(crate) top: i64,
    pub(crate) bottom: i64,
}

impl Frame {
    /// Returns the width of the plot.
    pub(crate) fn plot_width(&self) -> i64 {
        (self.width - self.left - self.right).max(1)
    }

    /// Returns the height of the plot.
    pub(crate) fn plot_height(&self) -> i64 {
        (self.height - self.top - self.bottom).max(1)
    }

    /// Returns the right edge of the plot.
    pub(crate) fn plot_end(&self) -> i64 {
        self.left + self.plot_width()
    }

    /// Returns the lower edge of the plot, where the value is zero.
    pub(crate) fn base(&self) -> i64 {
        self.top + self.plot_height()
    }

    /// Returns the horizontal position of `part` of `whole`.
    pub(crate) fn x(&self, part: i64, whole: i64) -> i64 {
        self.left + scale(part, whole, self.plot_width())
    }

    /// Returns the vertical position of a value.
    pub(crate) fn y(&self, value: i64, maximum: i64) -> i64 {
        self.base() - scale(value, maximum, self.plot_height())
    }
}

/// Scales `value`, from 0 to `maximum`, to a length. Values outside of that range are moved to its edges.
pub(crate) fn scale(value: i64, maximum: i64, length: i64) -> i64 {
    if maximum <= 0 {
        return 0;
    }
    let product = i128::from(value.clamp(0, maximum)) * i128::from(length.max(0));
    i64::try_from(product / i128::from(maximum)).unwrap_or_default()
}

/// Returns the values of at most four lines of a grid above zero, in round numbers. The last one is the end of the axis and is not
/// below `largest`.
pub(crate) fn grid(largest: i64) -> Vec<i64> {
    let largest = largest.clamp(1, i64::MAX / 100);
    let mut power: i64 = 1;
    let step = loop {
        let fits = |step: &i64| step.saturating_mul(4) >= largest;
        if let Some(step) = [power, power.saturating_mul(2), power.saturating_mul(5)].into_iter().find(fits) {
            break step;
        }
        power = power.saturating_mul(10);
    };
    (1..=4).map(|line| step * line).take_while(|value| value - step < largest).collect()
}

/// A line of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChartLine {
    /// The points in the format of the attribute `points`.
    pub(crate) points: String,
    /// The vertical position of the last point.
    pub(crate) end: i64,
}

/// Draws values at equal distances from the left to the right edge.
pub(crate) fn line(frame: &Frame, values: &[i64], maximum: i64) -> ChartLine {
    let whole = i64::try_from(values.len().saturating_sub(1)).unwrap_or_default();
    let mut points = Vec::with_capacity(values.len());
    let mut end = frame.base();
    for (index, value) in (0i64..).zip(values) {
        end = frame.y(*value, maximum);
        points.push(format!("{},{end}", frame.x(index, whole)));
    }
    if let [only] = points.as_slice() {
        // A single value is a level line.
        points = vec![only.clone(), format!("{},{end}", frame.plot_end())];
    }
    ChartLine { points: points.join(" "), end }
}

/// A bar of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) x: i64,
    pub(crate) y: i64,
    pub(crate) width: i64,
    pub(crate) height: i64,
}

/// Draws a bar for each value, side by side. A value that is not zero is visible, however small it is.
pub(crate) fn bars(frame: &Frame, values: &[i64], maximum: i64) -> Vec<Bar> {
    let whole = i64::try_from(values.len()).unwrap_or_default();
    let bar = |(index, value): (i64, &i64)| {
        let (start, end) = (frame.x(index, whole), frame.x(index + 1, whole));
        let gap = (end - start) / 5;
        let y = frame.y(*value, maximum).min(frame.base() - i64::from(*value > 0));
        Bar { x: start, y, width: (end - start - gap).max(1), height: frame.base() - y }
    };
    (0i64..).zip(values).map(bar).collect()
}

/// Adds up neighboring values until at most `most` are left.
pub(crate) fn merged(values: &[i64], most: usize) -> Vec<i64> {
    let size = values.len().div_ceil(most.max(1)).max(1);
    values.chunks(size).map(|chunk| chunk.iter().fold(0i64, |sum, value| sum.saturating_add(*value))).collect()
}

/// The position of a text beside a vertical line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label {
    /// Whether the text is to the left of the line, because it would leave the plot on the right.
    pub(crate) before: bool,
    /// The row in which it overlaps no other text.
    pub(crate) row: usize,
}

/// Places texts beside vertical lines. `marks` are the positions of the lines and the widths of the texts.
pub(crate) fn labels(frame: &Frame, marks: &[(i64, i64)]) -> Vec<Label> {
    let mut rows: Vec<Vec<(i64, i64)>> = Vec::new();
    let mut placed = Vec::with_capacity(marks.len());
    for (x, width) in marks {
        let before = x + width > frame.width && x - width >= 0;
        let (start, end) = if before { (x - width, *x) } else { (*x, x + width) };
        let is_free = |row: &Vec<(i64, i64)>| row.iter().all(|(other_start, other_end)| end <= *other_start || *other_end <= start);
        let row = rows.iter().position(is_free).unwrap_or_else(|| {
            rows.push(Vec::new());
            rows.len() - 1
        });
        if let Some(taken) = rows.get_mut(row) {
            taken.push((start, end));
        }
        placed.push(Label { before, row });
    }
    placed
}

/// Moves the texts at the ends of lines apart, so that neighbors have at least this distance. Keeps their order, and stays between
/// the edges of the plot if they fit.
pub(crate) fn spread(frame: &Frame, ends: &[i64], distance: i64) -> Vec<i64> {
    let mut order: Vec<usize> = (0..ends.len()).collect();
    order.sort_by_key(|index| ends.get(*index).copied());
    let mut spread = ends.to_vec();
    let mut limit = frame.base();
    // From the lowest text upward, because there is more space above.
    for index in order.into_iter().rev() {
        if let Some(y) = spread.get_mut(index) {
            *y = (*y).min(limit).max(0);
            limit = *y - distance;
        }
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame { width: 480, height: 260, left: 40, right: 100, top: 50, bottom: 30 };

    fn numbers(line: &ChartLine) -> Vec<(i64, i64)> {
        let pair = |point: &str| {
            let (x, y) = point.split_once(',').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        };
        line.points.split(' ').map(pair).collect()
    }

    fn is_inside(x: i64, y: i64) -> bool {
        (FRAME.left..=FRAME.plot_end()).contains(&x) && (FRAME.top..=FRAME.base()).contains(&y)
    }

    #[test]
    fn a_line_goes_from_edge_to_edge_and_zero_is_at_the_bottom() {
        let line = line(&FRAME, &[0, 50, 100], 100);
        assert_eq!(numbers(&line), [(40, 230), (210, 140), (380, 50)]);
        assert_eq!(line.end, 50);
    }

    #[test]
    fn extreme_values_stay_inside() {
        for values in [
            vec![],
            vec![0],
            vec![7],
            vec![0, 0, 0],
            vec![i64::MAX, 0, i64::MAX],
            vec![-5, i64::MIN, 3],
            vec![1; 1000],
            (0..1000).map(|value| value * 1_000_000_000).collect(),
        ] {
            for maximum in [i64::MIN, -1, 0, 1, 100, i64::MAX] {
                let line = line(&FRAME, &values, maximum);
                if !values.is_empty() {
                    assert!(numbers(&line).into_iter().all(|(x, y)| is_inside(x, y)), "{values:?} {line:?}");
                    assert!(numbers(&line).len() >= 2, "one value is a line as well");
                }
                for bar in bars(&FRAME, &values, maximum) {
                    assert!(bar.width > 0 && bar.height >= 0, "{bar:?}");
                    assert!(is_inside(bar.x, bar.y) || values.len() > 300, "{bar:?}");
                    assert_eq!(bar.y + bar.height, FRAME.base());
                }
            }
        }
    }

    #[test]
    fn a_single_ticket_has_a_visible_bar() {
        let drawn = bars(&FRAME, &[1, 0, 1_000_000], 1_000_000);
        assert_eq!(drawn.iter().map(|bar| bar.height).collect::<Vec<_>>(), [1, 0, FRAME.plot_height()]);
        assert!(drawn[0].x + drawn[0].width <= drawn[1].x, "bars do not touch");
    }

    #[test]
    fn the_grid_has_round_numbers_and_contains_the_largest_value() {
        assert_eq!(grid(0), [1]);
        assert_eq!(grid(1), [1]);
        assert_eq!(grid(3), [1, 2, 3]);
        assert_eq!(grid(7), [2, 4, 6, 8]);
        assert_eq!(grid(200), [50, 100, 150, 200]);
        assert_eq!(grid(201), [100, 200, 300]);
        for largest in [1, 9, 99, 12_345, 10_000_000, i64::MAX / 100] {
            let lines = grid(largest);
            assert!(lines.len() <= 4 && lines.last().unwrap() >= &largest, "{largest}: {lines:?}");
            assert!(lines.windows(2).all(|pair| pair[0] < pair[1]));
        }
        assert!(grid(i64::MAX).len() <= 4, "the axis of absurd values is cut off");
    }

    #[test]
    fn merged_values_keep_their_sum() {
        assert_eq!(merged(&[1, 2, 3, 4, 5], 3), [3, 7, 5]);
        assert_eq!(merged(&[1, 2], 5), [1, 2]);
        assert_eq!(merged(&[], 5), Vec::<i64>::new());
        assert_eq!(merged(&[i64::MAX, i64::MAX], 1), [i64::MAX]);
        assert_eq!(merged(&[1, 2], 0), [3]);
    }

    #[test]
    fn texts_beside_lines_do_not_overlap() {
        let placed = labels(&FRAME, &[(40, 100), (60, 100), (150, 100), (470, 80)]);
        assert_eq!(placed.iter().map(|label| label.row).collect::<Vec<_>>(), [0, 1, 0, 0]);
        assert_eq!(placed.iter().map(|label| label.before).collect::<Vec<_>>(), [false, false, false, true]);
    }

    #[test]
    fn texts_at_the_ends_of_lines_are_moved_apart() {
        assert_eq!(spread(&FRAME, &[100, 200], 18), [100, 200]);
        assert_eq!(spread(&FRAME, &[100, 105], 18), [87, 105]);
        assert_eq!(spread(&FRAME, &[230, 230], 18), [212, 230]);
        assert_eq!(spread(&FRAME, &[], 18), Vec::<i64>::new());
    }
}
