//! `bookings export`: streams the CSV of all bookings to a file, which exists only once it is complete.

use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rowlock_domain::ids::EventId;
use serde_json::json;
use tempfile::NamedTempFile;

use super::Context;
use super::events::{read_status, status};
use crate::api::ApiRequest;
use crate::error::Failure;
use crate::output::counted;

/// Indexes of the columns that are counted, in the CSV of the API.
const QUANTITY: usize = 6;
const STATUS: usize = 7;

pub(super) fn export(context: &Context, event: EventId, output: Option<PathBuf>, force: bool) -> Result<(), Failure> {
    let path = output.unwrap_or_else(|| PathBuf::from(format!("bookings-{event}.csv")));
    let to_stdout = path == Path::new("-");
    if !to_stdout && !force && path.exists() {
        return Err(already_exists(&path));
    }
    let mut session = context.session()?;
    let (document, _) = status(&mut session, event)?;
    let event_status = read_status(session.api(), &document)?;
    let request = ApiRequest::get(format!("/admin/events/{event}/bookings")).accept("text/csv");
    let body = session.open_body(&request)?.into_body().into_reader();
    let progress = progress_bar(event_status.booked_tickets);
    let lost = |error: csv::Error| {
        progress.abandon();
        Failure::Unreachable {
            url: session.api().url.to_string(),
            reason: format!("the export was interrupted ({error}); no file was written"),
        }
    };
    if to_stdout {
        let mut out = io::stdout().lock();
        let totals = copy(body, &mut out, &progress).map_err(|error| error.into_failure(lost, Failure::from))?;
        out.flush()?;
        progress.finish_and_clear();
        crate::output::print_note(&summary(totals, "standard output"));
        return Ok(());
    }
    let unwritable = |error: io::Error| Failure::Usage(format!("Cannot write {}: {error}", path.display()));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".bookings-").suffix(".part").tempfile_in(folder).map_err(unwritable)?;
    let totals = {
        let mut writer = BufWriter::new(file.as_file_mut());
        let totals = copy(body, &mut writer, &progress).map_err(|error| error.into_failure(lost, unwritable))?;
        writer.flush().map_err(unwritable)?;
        totals
    };
    file.as_file().sync_all().map_err(unwritable)?;
    persist(file, &path, force)?;
    progress.finish_and_clear();
    let document = json!({"file": path, "bookings": totals.bookings, "confirmedTickets": totals.confirmed_tickets});
    context.output.result(&document, || summary(totals, &path.display().to_string()))
}

fn summary(totals: ExportTotals, destination: &str) -> String {
    let bookings = counted(totals.bookings, "booking", "bookings");
    let tickets = counted(totals.confirmed_tickets, "confirmed ticket", "confirmed tickets");
    format!("Exported {bookings} with {tickets} to {destination}.")
}

fn already_exists(path: &Path) -> Failure {
    Failure::Usage(format!("{} already exists. Choose another --output, or replace it with --force.", path.display()))
}

/// Renames the temporary file to its final name. Fails if the name exists, unless `force` is set.
fn persist(file: NamedTempFile, path: &Path, force: bool) -> Result<(), Failure> {
    let persisted = if force { file.persist(path) } else { file.persist_noclobber(path) };
    match persisted {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Err(already_exists(path)),
        Err(failed) => Err(Failure::Usage(format!("Cannot write {}: {}", path.display(), failed.error))),
    }
}

/// Creates a progress bar on standard error, which is hidden unless that is a terminal.
fn progress_bar(booked: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} booked tickets, {per_sec}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let progress = ProgressBar::new(booked).with_style(style);
    progress.enable_steady_tick(Duration::from_millis(250));
    progress
}

/// Totals of the rows that were copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct ExportTotals {
    bookings: u64,
    confirmed_tickets: u64,
}

/// The side of the copy that failed.
#[derive(Debug)]
enum CopyError {
    Reading(csv::Error),
    Writing(io::Error),
}

impl CopyError {
    fn into_failure(self, reading: impl FnOnce(csv::Error) -> Failure, writing: impl FnOnce(io::Error) -> Failure) -> Failure {
        match self {
            Self::Reading(error) => reading(error),
            Self::Writing(error) => writing(error),
        }
    }
}

/// Copies the CSV unchanged and counts its rows and confirmed tickets.
fn copy(from: impl Read, to: &mut impl Write, progress: &ProgressBar) -> Result<ExportTotals, CopyError> {
    let mut failed = None;
    let mut reader = csv::Reader::from_reader(Tee { from, to, failed: &mut failed });
    let mut totals = ExportTotals::default();
    let mut record = csv::ByteRecord::new();
    let read = loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break Ok(totals),
            Err(error) => break Err(error),
        }
        totals.bookings += 1;
        if record.get(STATUS) == Some(b"confirmed") {
            let quantity = record.get(QUANTITY).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
            totals.confirmed_tickets += quantity.unwrap_or_default();
            progress.set_position(totals.confirmed_tickets);
        }
    };
    drop(reader);
    match (failed, read) {
        (Some(error), _) => Err(CopyError::Writing(error)),
        (None, Err(error)) => Err(CopyError::Reading(error)),
        (None, Ok(totals)) => Ok(totals),
    }
}

/// Reader that also writes everything it reads.
struct Tee<'a, R, W> {
    from: R,
    to: &'a mut W,
    /// The error of a failed write.
    failed: &'a mut Option<io::Error>,
}

impl<R: Read, W: Write> Read for Tee<'_, R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        if let Err(error) = self.to.write_all(buffer.get(..count).unwrap_or_default()) {
            let kind = error.kind();
            *self.failed = Some(error);
            return Err(kind.into());
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "bookingId,ticketType,ticketTypeId,accountId,name,email,quantity,status,origin,bookedAt\n\
        1,General,2,3,\"Ada, \"\"the first\"\"\",a@example.org,4,confirmed,direct,t\n\
        2,General,2,4,Ben,b@example.org,7,cancelled,direct,t\n\
        3,General,2,5,\"two\nlines\",c@example.org,2,confirmed,waitlist,t\n";

    /// Ends with an error, like a lost connection.
    struct InterruptedReader<'a>(&'a [u8]);

    impl Read for InterruptedReader<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                count => Ok(count),
            }
        }
    }

    struct FullDisk;

    impl Write for FullDisk {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_csv_is_copied_unchanged_and_confirmed_tickets_are_counted() {
        let mut written = Vec::new();
        let progress = ProgressBar::hidden();
        let totals = copy(CSV.as_bytes(), &mut written, &progress).unwrap();
        assert_eq!(totals, ExportTotals { bookings: 3, confirmed_tickets: 6 });
        assert_eq!(String::from_utf8(written).unwrap(), CSV);
        assert_eq!(progress.position(), 6);
    }

    #[test]
    fn interrupted_copies_are_errors() {
        let error = copy(InterruptedReader(CSV.as_bytes()), &mut Vec::new(), &ProgressBar::hidden()).unwrap_err();
        assert!(matches!(error, CopyError::Reading(_)), "{error:?}");
        let error = copy(CSV.as_bytes(), &mut FullDisk, &ProgressBar::hidden()).unwrap_err();
        assert!(matches!(error, CopyError::Writing(_)), "{error:?}");
    }

    #[test]
    fn a_file_created_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bookings.csv");
        std::fs::write(&path, "mine").unwrap();
        let new = || {
            let mut file = NamedTempFile::new_in(folder.path()).unwrap();
            file.write_all(b"new").unwrap();
            file
        };
        assert_eq!(persist(new(), &path, false).unwrap_err().exit_code(), 2);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        persist(new(), &path, true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }
}
