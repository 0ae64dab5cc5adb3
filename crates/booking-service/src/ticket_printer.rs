//! Prints tickets in the background, with a bound for the processors that it needs at once.

use std::sync::Arc;

use rowlock_domain::states::Language;
use rowlock_http::problem::Problem;
use rowlock_tickets::{PdfError, PdfPrinter, PrintedBooking};
use tokio::sync::{AcquireError, Semaphore};

/// Maximum number of PDF files that are made at once.
const MAX_PRINTED: usize = 2;

/// Makes PDF files of tickets. Cloning it is cheap. Requests above the limit wait.
#[derive(Clone)]
pub(crate) struct TicketPrinter {
    printer: Arc<PdfPrinter>,
    permits: Arc<Semaphore>,
}

impl TicketPrinter {
    /// Loads the embedded fonts.
    ///
    /// # Errors
    ///
    /// Fails if they are damaged, which would be a defect.
    pub(crate) fn new() -> Result<Self, PdfError> {
        Ok(Self { printer: Arc::new(PdfPrinter::new()?), permits: Arc::new(Semaphore::new(MAX_PRINTED)) })
    }

    /// Returns the PDF file with the tickets of a booking.
    pub(crate) async fn print(&self, booking: PrintedBooking, language: Language) -> Result<Vec<u8>, Problem> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|error: AcquireError| Problem::internal(&error))?;
        let printer = self.printer.clone();
        let task = tokio::task::spawn_blocking(move || {
            let file = printer.print(&booking, language);
            // The permit is held until the work is done, also if the client has left.
            drop(permit);
            file
        });
        let file = task.await.map_err(|error| Problem::internal(&error))?;
        file.map_err(|error| Problem::internal(&error))
    }
}
