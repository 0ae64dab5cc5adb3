//! Draws the chart of the benchmark: throughput and latency over the number of clients, as SVG.

use std::fmt::Write;

use crate::numbers::{float, median};
use crate::pgbench::Script;
use crate::plan::BenchSamples;
use crate::sample::BenchSample;
use crate::workload::Workload;

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 260.0;
const TOP: f64 = 56.0;
const CLIENTS: [usize; 5] = [1, 4, 16, 64, 256];

struct ChartLine {
    label: &'static str,
    color: &'static str,
    dash: &'static str,
    points: Vec<(usize, f64)>,
}

struct ChartPanel {
    title: &'static str,
    left: f64,
    low: f64,
    high: f64,
    logarithmic: bool,
    marks: Vec<f64>,
}

impl ChartPanel {
    fn x(&self, clients: usize) -> f64 {
        self.left + float(u64::try_from(clients).unwrap_or(1)).log2() / 8.0 * WIDTH
    }

    fn y(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.logarithmic { value.max(self.low).ln() } else { value };
        TOP + HEIGHT * (1.0 - (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low)))
    }

    fn draw(&self, svg: &mut String, lines: &[ChartLine]) {
        let (left, right, bottom) = (self.left, self.left + WIDTH, TOP + HEIGHT);
        let _ = writeln!(svg, r#"<text x="{left}" y="{}" font-size="15" font-weight="600">{}</text>"#, TOP - 18.0, self.title);
        for mark in &self.marks {
            let y = self.y(*mark);
            let _ = writeln!(svg, r##"<line x1="{left}" y1="{y:.1}" x2="{right}" y2="{y:.1}" stroke="#ddd"/>"##);
            let text = if *mark >= 1000.0 { format!("{},000", mark / 1000.0) } else { format!("{mark}") };
            let _ = writeln!(svg, r#"<text x="{}" y="{:.1}" text-anchor="end">{text}</text>"#, left - 8.0, y + 4.0);
        }
        for clients in CLIENTS {
            let x = self.x(clients);
            let _ = writeln!(svg, r#"<text x="{x:.1}" y="{}" text-anchor="middle">{clients}</text>"#, bottom + 18.0);
        }
        let middle = left + WIDTH / 2.0;
        let _ = writeln!(svg, r#"<text x="{middle}" y="{}" text-anchor="middle">clients</text>"#, bottom + 36.0);
        for (index, line) in lines.iter().enumerate() {
            let ChartLine { label, color, dash, points } = line;
            let path: Vec<String> =
                points.iter().map(|(clients, value)| format!("{:.1},{:.1}", self.x(*clients), self.y(*value))).collect();
            let style = format!(r#"stroke="{color}" stroke-width="2" stroke-dasharray="{dash}""#);
            let _ = writeln!(svg, r#"<polyline points="{}" fill="none" {style}/>"#, path.join(" "));
            for (clients, value) in points {
                let _ = writeln!(svg, r#"<circle cx="{:.1}" cy="{:.1}" r="3" fill="{color}"/>"#, self.x(*clients), self.y(*value));
            }
            // The legend is below the panel, in two columns.
            let row = u32::try_from(index).unwrap_or_default();
            let (x, y) = (left + f64::from(row % 2) * 220.0, bottom + 60.0 + f64::from(row / 2) * 20.0);
            let _ = writeln!(svg, r#"<line x1="{x}" y1="{}" x2="{}" y2="{}" {style}/>"#, y - 4.0, x + 24.0, y - 4.0);
            let _ = writeln!(svg, r#"<text x="{}" y="{y}">{label}</text>"#, x + 30.0);
        }
    }
}

/// Draws the chart from the medians of all samples.
pub fn draw(samples: &BenchSamples) -> String {
    let line = |label, color, dash, workload: fn(usize) -> Workload, of: fn(&BenchSample) -> f64| {
        let value = |clients: usize| {
            let workload = workload(clients);
            let values: Vec<f64> = samples.iter().filter(|(other, _)| *other == workload).map(|(_, sample)| of(sample)).collect();
            Some((clients, median(&values)?))
        };
        ChartLine { label, color, dash, points: CLIENTS.into_iter().filter_map(value).collect() }
    };
    let (blue, green, grey) = ("#1f5fa8", "#2e8b57", "#888888");
    let rates = [
        line("one hot event", blue, "", Workload::Hot, |sample| sample.rate),
        line("200 events", green, "", Workload::Spread, |sample| sample.rate),
        line("pgbench, one hot event", grey, "", |clients| Workload::Engine(Script::Full, clients), |sample| sample.rate),
        line("pgbench, 200 events", grey, "5 4", |clients| Workload::Engine(Script::Spread, clients), |sample| sample.rate),
    ];
    let latencies = [
        line("one hot event, median", blue, "", Workload::Hot, |sample| sample.p50),
        line("one hot event, 99 %", blue, "5 4", Workload::Hot, |sample| sample.p99),
        line("200 events, median", green, "", Workload::Spread, |sample| sample.p50),
        line("200 events, 99 %", green, "5 4", Workload::Spread, |sample| sample.p99),
    ];
    let max = rates.iter().flat_map(|line| &line.points).map(|(_, value)| *value).fold(1000.0, f64::max);
    let step = [1000.0, 2000.0, 5000.0, 10_000.0, 20_000.0].into_iter().find(|step| max / step <= 6.0).unwrap_or(50_000.0);
    let marks: Vec<f64> = (0..=6).map(|index| f64::from(index) * step).filter(|mark| *mark < max + step).collect();
    let high = marks.last().copied().unwrap_or(max);
    let throughput = ChartPanel { title: "Bookings per second", left: 70.0, low: 0.0, high, logarithmic: false, marks };
    let marks = vec![0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];
    let latency = ChartPanel { title: "Latency in milliseconds", left: 590.0, low: 0.1, high: 300.0, logarithmic: true, marks };
    let mut svg = String::from(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1060 430" font-family="system-ui, sans-serif" font-size="12" fill="#333">
<rect width="1060" height="430" fill="#fff"/>
"##,
    );
    throughput.draw(&mut svg, &rates);
    latency.draw(&mut svg, &latencies);
    svg + "</svg>\n"
}
