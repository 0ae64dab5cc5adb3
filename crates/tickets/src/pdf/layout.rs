//! The layout of a page: the event on top, the QR code below it, and beside the code what it admits to.

use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::text::TextDirection;
use rowlock_locale::Locale;

use super::text::{Face, Faces};
use super::{PAGE, PdfError, PrintedBooking};
use crate::qr::{Modules, Run};

const MARGIN: f32 = 56.0;
/// The width of the QR code without its quiet zone: 65 mm, of which a module takes 1.4 mm.
const CODE_WIDTH: f32 = 184.0;
/// The space between the code and the facts beside it.
const GAP: f32 = 34.0;
/// Font sizes for the name of the event, of which the largest that fits is used, with the number of lines that have room.
const NAME_SIZES: [(f32, usize); 3] = [(30.0, 2), (24.0, 3), (18.0, 5)];
const TEXT: f32 = 12.0;
const SMALL: f32 = 8.5;
const TINY: f32 = 7.0;
/// The length of the groups in which the code is printed.
const GROUP: usize = 4;

fn ink() -> rgb::Color {
    rgb::Color::new(0x14, 0x1a, 0x24)
}

fn gray() -> rgb::Color {
    rgb::Color::new(0x55, 0x5f, 0x6e)
}

/// Draws on a page from top to bottom.
struct Pen<'a, 'b> {
    surface: &'a mut Surface<'b>,
    /// The lower edge of what has been drawn.
    y: f32,
}

impl Pen<'_, '_> {
    /// Draws a line of text whose baseline is at the lower edge, after moving that down.
    fn line(&mut self, face: &Face, size: f32, color: rgb::Color, x: f32, text: &str) {
        self.surface.set_fill(Some(Fill { paint: color.into(), ..Fill::default() }));
        self.surface.draw_text(Point::from_xy(x, self.y), face.font.clone(), size, text, false, TextDirection::Auto);
    }

    /// Draws lines of text below each other.
    fn lines(&mut self, face: &Face, size: f32, color: rgb::Color, x: f32, lines: &[String]) {
        for line in lines {
            self.y += size * 1.3;
            self.line(face, size, color, x, line);
        }
    }

    /// Draws a small label and a text below it.
    fn fact(&mut self, faces: &Faces, area: (f32, f32), label: &str, value: &str) {
        let (x, room) = area;
        self.lines(&faces.regular, SMALL, gray(), x, &[label.to_owned()]);
        self.y += 2.0;
        let value = faces.bold.printable(value);
        self.lines(&faces.bold, TEXT, ink(), x, &faces.bold.wrap(&value, TEXT, room, 3));
        self.y += 12.0;
    }

    fn rectangle(&mut self, color: rgb::Color, rectangles: impl IntoIterator<Item = Rect>) {
        let mut path = PathBuilder::new();
        for rectangle in rectangles {
            path.push_rect(rectangle);
        }
        if let Some(path) = path.finish() {
            self.surface.set_fill(Some(Fill { paint: color.into(), ..Fill::default() }));
            self.surface.draw_path(&path);
        }
    }
}

/// Draws the page of one ticket.
pub(super) fn draw_page(
    surface: &mut Surface<'_>,
    faces: &Faces,
    locale: &Locale,
    booking: &PrintedBooking,
    index: usize,
) -> Result<(), PdfError> {
    let Some(ticket) = booking.tickets.get(index) else { return Ok(()) };
    let room = PAGE.0 - 2.0 * MARGIN;
    let mut pen = Pen { surface, y: MARGIN };
    if booking.tickets.len() > 1 {
        let page = locale.with("ticket-page", [("page", (index + 1).into()), ("pages", booking.tickets.len().into())]);
        pen.lines(&faces.regular, SMALL, gray(), MARGIN, &[page]);
        pen.y += 4.0;
    }
    let (size, lines) = name_lines(&faces.bold, &booking.event_name, room);
    pen.lines(&faces.bold, size, ink(), MARGIN, &lines);
    pen.y += 8.0;
    let when = booking.starts_at.map_or_else(
        || locale.text("ticket-date-open"),
        |start| format!("{}, {} ({})", locale.date(start, booking.zone), locale.time(start, booking.zone), locale.zone_name(booking.zone)),
    );
    let plain = |text: &str, count| faces.regular.wrap(&faces.regular.printable(text), TEXT, room, count);
    pen.lines(&faces.regular, TEXT, ink(), MARGIN, &plain(&when, 2));
    if let Some(venue) = &booking.venue {
        pen.lines(&faces.regular, TEXT, ink(), MARGIN, &plain(venue, 3));
    }
    pen.y += 20.0;
    pen.rectangle(rgb::Color::new(0xd5, 0xda, 0xe2), Rect::from_xywh(MARGIN, pen.y, room, 0.75));
    pen.y += 34.0;
    let top = pen.y;
    draw_code(&mut pen, &ticket.code)?;
    let bottom = pen.y;
    pen.y = top - SMALL;
    let area = (MARGIN + CODE_WIDTH + GAP, room - CODE_WIDTH - GAP);
    if !booking.holder_name.is_empty() {
        pen.fact(faces, area, &locale.text("ticket-holder"), &booking.holder_name);
    }
    pen.fact(faces, area, &locale.text("ticket-type"), &booking.ticket_type);
    pen.fact(faces, area, &locale.text("ticket-reference"), &ticket.reference);
    pen.y = bottom.max(pen.y) + 22.0;
    let hint = faces.regular.wrap(&locale.text("ticket-hint"), SMALL + 1.0, room, 4);
    pen.lines(&faces.regular, SMALL + 1.0, ink(), MARGIN, &hint);
    pen.y += 14.0;
    pen.lines(&faces.regular, TINY, gray(), MARGIN, &[locale.text("ticket-code")]);
    let code = faces.regular.wrap(&groups(&ticket.code), TINY, room, 10);
    pen.lines(&faces.regular, TINY, gray(), MARGIN, &code);
    Ok(())
}

/// Draws the QR code below the lower edge.
fn draw_code(pen: &mut Pen<'_, '_>, code: &str) -> Result<(), PdfError> {
    let modules = Modules::of(code)?;
    let width = |count: u32| f32::from(u16::try_from(count).unwrap_or(u16::MAX));
    let module = CODE_WIDTH / width(modules.width());
    let top = pen.y;
    let rectangles = modules.runs().into_iter().filter_map(|Run { x, y, length }| {
        Rect::from_xywh(MARGIN + width(x) * module, top + width(y) * module, width(length) * module, module)
    });
    pen.rectangle(rgb::Color::new(0, 0, 0), rectangles);
    pen.y += CODE_WIDTH;
    Ok(())
}

/// Returns the largest size in which the name fits, and its lines. A name that is too long in every size is cut.
fn name_lines(face: &Face, name: &str, room: f32) -> (f32, Vec<String>) {
    let name = face.printable(name);
    let mut best = (TEXT, Vec::new());
    for (size, count) in NAME_SIZES {
        let lines = face.wrap(&name, size, room, count);
        let fits = !lines.iter().any(|line| line.ends_with(super::text::ELLIPSIS));
        best = (size, lines);
        if fits {
            break;
        }
    }
    best
}

/// Returns the code in groups that a person can copy.
fn groups(code: &str) -> String {
    let characters: Vec<char> = code.chars().collect();
    characters.chunks(GROUP).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
