//! Output: tables for people, JSON for programs, and confirmation prompts.

use std::io::{self, BufRead, IsTerminal, Write};

use chrono::Timelike;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use console::Term;
use rowlock_domain::Timestamp;
use rowlock_domain::time_zone::TimeZoneName;
use serde_json::Value;

use crate::error::Failure;

/// The format of standard output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Whether to print JSON instead of tables and sentences.
    pub(crate) json: bool,
}

impl Output {
    /// Prints a result: the document itself as JSON, or the text for people.
    pub(crate) fn result(self, document: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json { print_line(&format!("{document:#}")) } else { print_line(&text()) }
    }

    /// Prints a sentence for people. Prints nothing if the format is JSON.
    pub(crate) fn message(self, sentence: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { print_line(sentence) }
    }
}

/// Prints one or more lines to standard output.
pub(crate) fn print_line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
}

/// Prints a note to standard error, separate from the result.
pub(crate) fn print_note(text: &str) {
    // A failure to print a note must not fail the command.
    let _ = writeln!(io::stderr(), "{}", sanitize(text));
}

/// Replaces control characters, which a terminal could interpret, in a text.
pub(crate) fn sanitize(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    Text(&'static str),
    Number(&'static str),
}

/// Formats a table without borders, so that scripts can split it. On a terminal it is limited to the terminal's width.
pub(crate) fn table(columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    table_within(columns, rows, Term::stdout().size_checked().map(|(_, width)| width))
}

/// Formats a table within a width, or without a limit.
pub(crate) fn table_within(columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(columns.iter().map(|(Column::Text(name) | Column::Number(name))| *name));
    for row in rows {
        table.add_row(columns.iter().zip(row).map(|(column, text)| {
            let cell = Cell::new(sanitize(&text));
            if matches!(column, Column::Number(_)) { cell.set_alignment(CellAlignment::Right) } else { cell }
        }));
    }
    for (index, column) in columns.iter().enumerate() {
        if let (Column::Number(_), Some(drawn)) = (column, table.column_mut(index)) {
            drawn.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Formats a time for people.
pub(crate) fn time(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Formats an optional time; `-` if it is absent.
pub(crate) fn time_or_dash(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), time)
}

/// Formats the start of an event for people, in the zone of the event and with its name; `-` if it is absent. In a zone that this
/// program does not know, the time is in UTC.
pub(crate) fn zoned_time(at: Option<Timestamp>, zone: Option<&str>) -> String {
    let Some(at) = at else { return "-".to_owned() };
    let Some(zone) = zone.and_then(|name| name.parse::<TimeZoneName>().ok()).filter(|zone| *zone != TimeZoneName::UTC) else {
        return time(at);
    };
    let local = at.with_timezone(&zone.zone());
    let format = if local.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
    format!("{} {zone}", local.format(format))
}

/// Formats a count with the singular or the plural of its noun.
pub(crate) fn counted(count: u64, singular: &str, plural: &str) -> String {
    format!("{count} {}", if count == 1 { singular } else { plural })
}

/// Asks the user to type a word to confirm a change that cannot be undone. Fails if it is another word. Fails if standard input
/// is not a terminal; scripts pass `--yes` instead.
pub(crate) fn confirm(what: &str, word: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!(
            "{what} Standard input is not a terminal, so rowlockctl cannot ask for confirmation. Pass --yes to proceed."
        )));
    }
    let mut err = io::stderr();
    write!(err, "{}\nType \"{}\" to confirm: ", sanitize(what), sanitize(word))?;
    err.flush()?;
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed)?;
    if typed.trim() == word { Ok(()) } else { Err(Failure::Other("The text does not match. Nothing was changed.".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_and_contain_no_control_characters() {
        let rows = [vec!["Ada".to_owned(), "7".to_owned()], vec!["\u{1b}[31mBen".to_owned(), "1000".to_owned()]];
        let text = table_within(&[Column::Text("NAME"), Column::Number("TICKETS")], rows, None);
        assert_eq!(text, " NAME      TICKETS\n Ada             7\n \u{fffd}[31mBen     1000");
    }

    #[test]
    fn the_start_of_an_event_is_shown_in_its_zone() {
        let shown = |at: &str, zone| zoned_time(at.parse().ok(), zone);
        assert_eq!(shown("2026-07-01T18:00:00Z", Some("Europe/Berlin")), "2026-07-01 20:00 Europe/Berlin");
        assert_eq!(shown("2026-12-24T19:00:07Z", Some("Europe/Berlin")), "2026-12-24 20:00:07 Europe/Berlin");
        for zone in [None, Some("UTC"), Some("Mars/Olympus")] {
            assert_eq!(shown("2026-07-01T18:00:00Z", zone), "2026-07-01 18:00:00Z");
        }
        assert_eq!(zoned_time(None, Some("Europe/Berlin")), "-");
    }

    #[test]
    fn tables_fit_the_width_of_the_terminal() {
        let rows = [vec!["A name that is longer than the terminal is wide".to_owned(), "7".to_owned()]];
        let text = table_within(&[Column::Text("NAME"), Column::Number("TICKETS")], rows, Some(30));
        assert!(text.lines().all(|line| line.chars().count() <= 30), "{text}");
    }
}
