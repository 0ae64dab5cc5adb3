//! Tickets as a PDF file to print, with a page for each.

mod layout;
mod text;

use std::sync::Arc;

use chrono_tz::Tz;
use krilla::Document;
use krilla::geom::Size;
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use rowlock_domain::Timestamp;
use rowlock_domain::states::Language;
use rowlock_locale::{Locale, Texts};

use self::layout::draw_page;
use self::text::Faces;
use crate::qr::QrError;

pub(crate) const ENGLISH: &str = include_str!("../locales/en/tickets.ftl");
pub(crate) const GERMAN: &str = include_str!("../locales/de/tickets.ftl");

/// Width and height of A4 paper in points.
const PAGE: (f32, f32) = (595.28, 841.89);

/// A PDF file cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// An embedded font or text is damaged.
    #[error("the embedded fonts and texts of tickets cannot be read: {0}")]
    Assets(String),
    /// A code cannot be drawn.
    #[error(transparent)]
    Code(#[from] QrError),
    /// The file cannot be written.
    #[error("the PDF file of a ticket cannot be written: {0}")]
    Writing(String),
}

/// The booking whose tickets are printed.
#[derive(Debug, Clone)]
pub struct PrintedBooking {
    /// The name of the event.
    pub event_name: String,
    /// The start of the event.
    pub starts_at: Option<Timestamp>,
    /// The time zone of the event.
    pub zone: Tz,
    /// The venue of the event.
    pub venue: Option<String>,
    /// The name of the holder.
    pub holder_name: String,
    /// The name of the ticket type.
    pub ticket_type: String,
    /// The tickets, a page for each.
    pub tickets: Vec<PrintedTicket>,
}

/// A ticket to print.
#[derive(Debug, Clone)]
pub struct PrintedTicket {
    /// The short name of the ticket for people.
    pub reference: String,
    /// The code.
    pub code: String,
}

/// Prints tickets with embedded fonts, which have Latin, Greek and Cyrillic letters. A letter of another script is printed as an
/// empty box. Creating a printer parses the fonts, so all requests share one.
pub struct PdfPrinter {
    faces: Faces,
    texts: Arc<Texts>,
}

impl std::fmt::Debug for PdfPrinter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PdfPrinter").finish_non_exhaustive()
    }
}

impl PdfPrinter {
    /// Loads the embedded fonts and texts.
    ///
    /// # Errors
    ///
    /// Fails if they are damaged, which would be a defect of this crate.
    pub fn new() -> Result<Self, PdfError> {
        let texts = Texts::load(&[ENGLISH], &[GERMAN]).map_err(PdfError::Assets)?;
        Ok(Self { faces: Faces::load().map_err(PdfError::Assets)?, texts: Arc::new(texts) })
    }

    /// Returns the PDF file. It takes a few milliseconds of processor time for each page.
    ///
    /// # Errors
    ///
    /// Fails if a code is too long for a QR code, which codes of this crate are not.
    pub fn print(&self, booking: &PrintedBooking, language: Language) -> Result<Vec<u8>, PdfError> {
        let locale = Locale::new(self.texts.clone(), language);
        let size = Size::from_wh(PAGE.0, PAGE.1).ok_or_else(|| PdfError::Writing("the page has no size".to_owned()))?;
        let mut document = Document::new();
        let metadata = Metadata::new().title(booking.event_name.clone()).language(language.to_string()).creator("Rowlock".to_owned());
        document.set_metadata(metadata);
        for index in 0..booking.tickets.len() {
            let mut page = document.start_page_with(PageSettings::new(size));
            let mut surface = page.surface();
            draw_page(&mut surface, &self.faces, &locale, booking, index)?;
            surface.finish();
            page.finish();
        }
        document.finish().map_err(|error| PdfError::Writing(format!("{error:?}")))
    }
}

#[cfg(test)]
mod tests;
