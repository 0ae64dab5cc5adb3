//! `events show`: draws the stock of an event, refreshed every second on a terminal.

use std::io::{self, IsTerminal};
use std::thread::sleep;
use std::time::Duration;

use console::{Term, style, truncate_str};
use rowlock_domain::ids::EventId;

use super::Context;
use super::events::{read_status, status};
use super::sales::{render_timeline, timeline};
use crate::bars::{BAR_CHARACTERS, WAITING_CHARACTER, percent, stock_bar, waiting_bar};
use crate::error::Failure;
use crate::output::{Column, print_line, print_note, sanitize, table_within, zoned_time};
use crate::resources::{EventStatus, TicketType, unservable_warning};
use crate::session::Session;

/// Width in columns if the output is not a terminal.
const WIDTH: u16 = 120;

pub(super) fn show(context: &Context, event: EventId, watch: bool, once: bool, interval: u64) -> Result<(), Failure> {
    let mut session = context.session()?;
    let on_terminal = io::stdout().is_terminal() && !context.output.json;
    let repeats = watch || (on_terminal && !once);
    let mut screen = Screen::new(on_terminal && repeats);
    loop {
        match render(context, &mut session, event) {
            Ok(text) => screen.draw(&text)?,
            // A temporary failure or a restart of the server does not end the display.
            Err(failure) if repeats && matches!(failure.exit_code(), 5 | 8) => screen.show_failure(&failure)?,
            Err(failure) => return Err(failure),
        }
        if !repeats {
            return Ok(());
        }
        sleep(Duration::from_secs(interval));
    }
}

/// Fetches the event and its sales over time, and renders them: one line of JSON, or bars.
fn render(context: &Context, session: &mut Session, event: EventId) -> Result<String, Failure> {
    let (mut status, _) = status(session, event)?;
    let timeline = timeline(session, event)?;
    if context.output.json {
        if let (Some(fields), Some(timeline)) = (status.as_object_mut(), timeline) {
            fields.insert("timeline".to_owned(), timeline);
        }
        return Ok(status.to_string());
    }
    let width = Term::stdout().size_checked().map_or(WIDTH, |(_, width)| width);
    let stock = render_bars(&read_status(session.api(), &status)?, width);
    let sales = timeline.and_then(|timeline| render_timeline(&timeline, width));
    Ok(sales.map_or_else(|| stock.clone(), |sales| format!("{stock}\n\n{}", cut(&sales, width))))
}

/// Renders the stock of every ticket type as bars.
fn render_bars(event: &EventStatus, width: u16) -> String {
    let cells = match width {
        0..100 => 10,
        100..140 => 24,
        _ => 40,
    };
    let longest = event.ticket_types.iter().map(|kind| kind.waitlist_length).max().unwrap_or_default();
    // Most events have no reservations, and need no column for them.
    let shows_reserved = event.ticket_types.iter().any(|kind| kind.reserved_tickets > 0);
    let row = |kind: &TicketType| {
        let TicketType { booked_tickets: booked, reserved_tickets: reserved, held_tickets: held, available_tickets: available, .. } = *kind;
        let mut row = vec![
            kind.name.clone(),
            stock_bar(booked, held + reserved, available, cells),
            percent(booked, kind.total_tickets),
            booked.to_string(),
        ];
        row.extend(shows_reserved.then(|| reserved.to_string()));
        row.extend([held, available, kind.total_tickets, kind.waitlist_length].map(|count| count.to_string()));
        row.push(waiting_bar(kind.waitlist_length, longest, cells / 3));
        row
    };
    let mut rows: Vec<_> = event.ticket_types.iter().map(row).collect();
    if let [first, _, ..] = event.ticket_types.as_slice() {
        let sum = |count: fn(&TicketType) -> u64| event.ticket_types.iter().map(count).sum();
        let all = TicketType {
            name: "total".to_owned(),
            total_tickets: sum(|kind| kind.total_tickets),
            available_tickets: sum(|kind| kind.available_tickets),
            booked_tickets: sum(|kind| kind.booked_tickets),
            reserved_tickets: sum(|kind| kind.reserved_tickets),
            held_tickets: sum(|kind| kind.held_tickets),
            waitlist_length: sum(|kind| kind.waitlist_length),
            ..first.clone()
        };
        rows.push(row(&all));
    }
    let mut columns = vec![Column::Text("TYPE"), Column::Text("STOCK"), Column::Number("SOLD"), Column::Number("BOOKED")];
    columns.extend(shows_reserved.then_some(Column::Number("RESERVED")));
    columns.extend([
        Column::Number("HELD"),
        Column::Number("AVAILABLE"),
        Column::Number("TICKETS"),
        Column::Number("WAITING"),
        Column::Text(""),
    ]);
    let [booked, held, available] = BAR_CHARACTERS;
    let set_aside = if shows_reserved { "reserved or held for the waiting list" } else { "held for the waiting list" };
    let legend = format!("{booked} booked  {held} {set_aside}  {available} available  {WAITING_CHARACTER} waiting");
    let starts = event.starts_at.map(|at| format!("  {}", zoned_time(Some(at), event.time_zone.as_deref()))).unwrap_or_default();
    let title = format!("{}  {}  {}{starts}", sanitize(&event.event_name), event.status, event.event_id);
    let warning = unservable_warning(event.unservable_entries).map(|warning| format!("\n {warning}")).unwrap_or_default();
    let text = format!("{title}\n\n{}\n\n {legend}{warning}", table_within(&columns, rows, Some(width)));
    cut(&text, width)
}

/// Cuts the lines to the width of the terminal. A line that the terminal wraps would break redrawing in place.
fn cut(text: &str, width: u16) -> String {
    text.lines().map(|line| truncate_str(line, width.into(), "…")).collect::<Vec<_>>().join("\n")
}

/// Output of the event: redrawn in place on a terminal, otherwise appended.
#[derive(Debug)]
struct Screen {
    term: Term,
    in_place: bool,
    /// Number of lines drawn last.
    drawn: usize,
}

impl Screen {
    fn new(in_place: bool) -> Self {
        Self { term: Term::buffered_stdout(), in_place, drawn: 0 }
    }

    fn draw(&mut self, text: &str) -> Result<(), Failure> {
        if !self.in_place {
            return print_line(&paint(text));
        }
        let height = usize::from(self.term.size().0);
        let mut lines: Vec<_> = text.lines().chain(["", " Press Ctrl-C to quit."]).collect();
        // Lines that have scrolled away cannot be overwritten.
        if lines.len() >= height {
            lines.truncate(height.saturating_sub(2));
            lines.push(" … The window is too small to show all ticket types.");
        }
        self.term.move_cursor_up(self.drawn)?;
        for line in &lines {
            self.term.clear_line()?;
            self.term.write_line(&paint(line))?;
        }
        self.term.clear_to_end_of_screen()?;
        self.term.flush()?;
        self.drawn = lines.len();
        Ok(())
    }

    fn show_failure(&mut self, failure: &Failure) -> Result<(), Failure> {
        if !self.in_place {
            print_note(&failure.to_string());
            return Ok(());
        }
        // The message goes below the bars, where the next redraw overwrites it.
        let width = usize::from(self.term.size().1.saturating_sub(1));
        self.term.clear_line()?;
        self.term.write_str(&truncate_str(&sanitize(&format!(" {failure}")), width, "…"))?;
        self.term.write_str("\r")?;
        self.term.flush()?;
        Ok(())
    }
}

/// Colors the bars, if the terminal supports colors and they are not disabled.
fn paint(text: &str) -> String {
    let [booked, held, available] = BAR_CHARACTERS;
    let mut painted = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c == booked => painted.push_str(&style(c).cyan().to_string()),
            c if c == held => painted.push_str(&style(c).yellow().to_string()),
            c if c == available => painted.push_str(&style(c).green().to_string()),
            WAITING_CHARACTER => painted.push_str(&style(WAITING_CHARACTER).magenta().to_string()),
            c => painted.push(c),
        }
    }
    painted
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn kind(name: &str, booked: u64, held: u64, available: u64, waiting: u64) -> Value {
        json!({
            "id": "i", "name": name, "price": {"amountMinor": 0, "currency": "EUR"}, "totalTickets": booked + held + available,
            "availableTickets": available, "bookedTickets": booked, "heldTickets": held, "waitlistLength": waiting,
        })
    }

    fn event(kinds: &[Value]) -> EventStatus {
        let status = json!({"eventId": "e", "eventName": "Boat race", "status": "published", "bookedTickets": 0, "waitlistLength": 0,
            "ticketTypes": kinds});
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn there_is_a_row_for_each_type_and_one_for_the_total() {
        let text = render_bars(&event(&[kind("Stalls", 8, 1, 1, 6), kind("Balcony", 0, 0, 20, 0)]), 90);
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "Boat race published e",
                "",
                "TYPE STOCK SOLD BOOKED HELD AVAILABLE TICKETS WAITING",
                "Stalls ████████▒░ 80 % 8 1 1 10 6 ▪▪▪",
                "Balcony ░░░░░░░░░░ 0 % 0 0 20 20 0",
                "total ██▒░░░░░░░ 26 % 8 1 21 30 6 ▪▪▪",
                "",
                "█ booked ▒ held for the waiting list ░ available ▪ waiting",
            ]
        );
    }

    #[test]
    fn unservable_entries_are_reported() {
        let mut status = event(&[kind("Stalls", 8, 0, 0, 6)]);
        status.unservable_entries = 1;
        let text = render_bars(&status, 140);
        assert!(
            text.ends_with(
                " 1 waiting-list entry asks for more tickets than the ticket type has or one booking may contain, and cannot be promoted."
            ),
            "{text}"
        );
    }

    #[test]
    fn a_single_type_has_no_total_and_lines_fit_the_terminal() {
        let one = event(&[kind("A type with a name that is much longer than there is room for", 1, 0, 1, 0)]);
        for width in [60, 80, 100, 140, 200] {
            let text = render_bars(&one, width);
            assert!(!text.contains("total  "), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{width}:\n{text}");
        }
    }

    #[test]
    fn reserved_tickets_have_a_column_only_if_there_are_any() {
        let mut stalls = kind("Stalls", 4, 0, 4, 0);
        stalls["reservedTickets"] = 2.into();
        stalls["totalTickets"] = 10.into();
        let text = render_bars(&event(&[stalls]), 90);
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[2..4], ["TYPE STOCK SOLD BOOKED RESERVED HELD AVAILABLE TICKETS WAITING", "Stalls ████▒▒░░░░ 40 % 4 2 0 4 10 0"]);
        assert!(text.contains("reserved or held"), "{text}");
    }
}
