//! Makes the files that mails about new tickets carry: the tickets to print, and an entry for a calendar.

use std::sync::Arc;

use chrono_tz::Tz;
use rowlock_domain::states::Language;
use rowlock_platform::settings::SettingsReader;
use rowlock_sealing::{MailedBooking, MailedTicket};
use rowlock_tickets::{PdfError, PdfPrinter, PrintedBooking, PrintedTicket};
use tokio::sync::Semaphore;

use crate::settings::NotifierSettings;
use crate::tickets::{MAX_TICKETS, TicketReader};

/// Maximum number of files that are made at the same time, so that a processor is left for mails without files.
const MAX_PRINTED: usize = 2;

/// The files of a mail.
#[derive(Debug, Default)]
pub(crate) struct Attachments {
    /// The tickets as a PDF file.
    pub(crate) tickets: Option<Vec<u8>>,
    /// The entry for a calendar.
    pub(crate) calendar: Option<String>,
}

/// Attaches tickets to mails.
pub(crate) struct TicketAttacher {
    /// Reads the tickets.
    pub(crate) reader: TicketReader,
    /// Prints them.
    pub(crate) printer: AttachmentPrinter,
}

impl TicketAttacher {
    /// Reads how many tickets a mail may carry. Returns `Some(None)` if mails are to carry none.
    pub(crate) fn read_max(reader: &mut SettingsReader) -> Option<Option<u32>> {
        let is_wanted = reader.value::<bool>("mail.attach_tickets");
        let max = reader.number("mail.max_attached_tickets", 1..=MAX_TICKETS);
        Some(is_wanted?.then_some(max?))
    }

    /// Returns the reader and the printer, or `None` if the settings say that mails carry no tickets. Fails if the embedded fonts are damaged, which
    /// would be a defect.
    pub(crate) fn of(settings: &NotifierSettings, http: &reqwest::Client) -> Result<Option<Self>, String> {
        let Some(max) = settings.mail.max_attached_tickets else { return Ok(None) };
        let reader = TicketReader::new(http.clone(), &settings.api.booking_url, settings.sealing.clone(), max);
        let printer = AttachmentPrinter::new().map_err(|error| error.to_string())?;
        Ok(Some(Self { reader, printer }))
    }
}

/// Prints tickets.
pub(crate) struct AttachmentPrinter {
    printer: Arc<PdfPrinter>,
    permits: Semaphore,
}

impl AttachmentPrinter {
    /// Loads the embedded fonts. Fails if they are damaged.
    fn new() -> Result<Self, PdfError> {
        Ok(Self { printer: Arc::new(PdfPrinter::new()?), permits: Semaphore::new(MAX_PRINTED) })
    }

    /// Makes the files of a booking. The tickets are printed without the name of the holder unless `is_named`, because a stranger could
    /// have chosen it. The error says why they cannot be made.
    pub(crate) async fn print(&self, booking: &MailedBooking, is_named: bool, language: Language) -> Result<Attachments, String> {
        let calendar = booking.calendar.clone();
        let Some(tickets) = &booking.tickets else { return Ok(Attachments { tickets: None, calendar }) };
        let content = content(booking, tickets, is_named);
        let failed = |error: &dyn std::fmt::Display| format!("the tickets cannot be printed: {error}");
        let _permit = self.permits.acquire().await.map_err(|error| failed(&error))?;
        let printer = self.printer.clone();
        let file = tokio::task::spawn_blocking(move || printer.print(&content, language)).await.map_err(|error| failed(&error))?;
        Ok(Attachments { tickets: Some(file.map_err(|error| failed(&error))?), calendar })
    }
}

/// Returns what is printed. A time zone that this build does not know is shown as UTC.
fn content(booking: &MailedBooking, tickets: &[MailedTicket], is_named: bool) -> PrintedBooking {
    let ticket = |MailedTicket { reference, code }: &MailedTicket| PrintedTicket { reference: reference.clone(), code: code.clone() };
    PrintedBooking {
        event_name: booking.event_name.clone(),
        starts_at: booking.starts_at,
        zone: booking.time_zone.parse().unwrap_or(Tz::UTC),
        venue: booking.venue.clone(),
        holder_name: if is_named { booking.holder_name.clone() } else { String::new() },
        ticket_type: booking.ticket_type.clone(),
        tickets: tickets.iter().map(ticket).collect(),
    }
}

#[cfg(test)]
mod tests {
    use rowlock_domain::ids::BookingId;
    use uuid::Uuid;

    use super::*;

    fn booking(zone: &str) -> MailedBooking {
        let ticket = |number: u32| MailedTicket { reference: format!("9-{number}"), code: format!("CODE{number}") };
        MailedBooking {
            booking_id: BookingId::from_uuid(Uuid::from_u128(9)),
            quantity: 2,
            event_name: "Chess".to_owned(),
            starts_at: None,
            time_zone: zone.to_owned(),
            venue: None,
            holder_name: "Ada".to_owned(),
            ticket_type: "Standing".to_owned(),
            tickets: Some(vec![ticket(0), ticket(1)]),
            calendar: Some("BEGIN:VCALENDAR".to_owned()),
        }
    }

    #[test]
    fn a_name_that_a_stranger_could_have_chosen_is_not_printed() {
        let booking = booking("Europe/Berlin");
        let of = |is_named| content(&booking, booking.tickets.as_deref().unwrap(), is_named);
        assert_eq!((of(true).holder_name.as_str(), of(false).holder_name.as_str()), ("Ada", ""));
        assert_eq!((of(true).zone, of(true).tickets.len()), (Tz::Europe__Berlin, 2));
    }

    #[tokio::test]
    async fn the_tickets_of_a_large_booking_are_left_out_and_those_of_others_are_printed() {
        let printer = AttachmentPrinter::new().unwrap();
        let made = printer.print(&booking("Mars/Olympus"), true, Language::German).await.unwrap();
        assert!(made.tickets.unwrap().starts_with(b"%PDF-"));
        assert_eq!(made.calendar.as_deref(), Some("BEGIN:VCALENDAR"));
        let large = MailedBooking { tickets: None, ..booking("UTC") };
        let made = printer.print(&large, true, Language::English).await.unwrap();
        assert!(made.tickets.is_none() && made.calendar.is_some());
    }
}
