//! Tickets as people carry them: signed codes, QR codes, PDF files to print, calendar entries, and passes for a phone.
//!
//! A ticket has no row in the database. Its code is computed from the booking whenever somebody looks at it, and is the same each
//! time as long as the key is. The crate does no I/O and reads no clock.

mod calendar;
mod code;
mod keys;
mod pdf;
mod qr;
mod wallet;

pub use calendar::{CalendarEntry, EntryStatus, calendar_file};
pub use code::{CodeError, key_of_code, verify};
pub use keys::{KeyId, PublicTicketKey, TicketSigner};
pub use pdf::{PdfError, PdfPrinter, PrintedBooking, PrintedTicket};
pub use qr::{QrError, png, svg};
pub use wallet::{CertificateError, PASS_MEDIA_TYPE, PassError, PassIssuer, PassTicket};
