//! Makes files of tickets in the background, with a bound for the processors that it needs at once.

use std::sync::Arc;

use rowlock_domain::Timestamp;
use rowlock_domain::states::Language;
use rowlock_http::problem::Problem;
use rowlock_tickets::{PassIssuer, PassTicket, PdfError, PdfPrinter, PrintedBooking};
use tokio::sync::{AcquireError, Semaphore};

/// Maximum number of files that are made at once.
const MAX_PRINTED: usize = 2;

/// Makes PDF files and passes of tickets. Cloning it is cheap. Requests above the limit wait.
#[derive(Clone)]
pub(crate) struct TicketPrinter {
    printer: Arc<PdfPrinter>,
    /// Issues passes, if this installation has a certificate for that.
    passes: Option<Arc<PassIssuer>>,
    permits: Arc<Semaphore>,
}

impl TicketPrinter {
    /// Loads the embedded fonts.
    ///
    /// # Errors
    ///
    /// Fails if they are damaged, which would be a defect.
    pub(crate) fn new(passes: Option<Arc<PassIssuer>>) -> Result<Self, PdfError> {
        Ok(Self { printer: Arc::new(PdfPrinter::new()?), passes, permits: Arc::new(Semaphore::new(MAX_PRINTED)) })
    }

    /// Returns the PDF file with the tickets of a booking.
    pub(crate) async fn print(&self, booking: PrintedBooking, language: Language) -> Result<Vec<u8>, Problem> {
        let printer = self.printer.clone();
        self.run(move || printer.print(&booking, language)).await
    }

    /// Returns whether this installation issues passes for Apple Wallet.
    pub(crate) const fn issues_passes(&self) -> bool {
        self.passes.is_some()
    }

    /// Returns the pass of a ticket, or `None` if this installation issues no passes.
    pub(crate) async fn pass(&self, ticket: PassTicket, language: Language, now: Timestamp) -> Result<Option<Vec<u8>>, Problem> {
        let Some(passes) = self.passes.clone() else { return Ok(None) };
        self.run(move || passes.issue(&ticket, language, now)).await.map(Some)
    }

    async fn run<E>(&self, make: impl FnOnce() -> Result<Vec<u8>, E> + Send + 'static) -> Result<Vec<u8>, Problem>
    where
        E: std::error::Error + Send + 'static,
    {
        let permit = self.permits.clone().acquire_owned().await.map_err(|error: AcquireError| Problem::internal(&error))?;
        let task = tokio::task::spawn_blocking(move || {
            let file = make();
            // The permit is held until the work is done, also if the client has left.
            drop(permit);
            file
        });
        let file = task.await.map_err(|error| Problem::internal(&error))?;
        file.map_err(|error| Problem::internal(&error))
    }
}
