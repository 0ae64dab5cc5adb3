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
use crate::api::Call;
use crate::error::Failure;

/// Indexes of the columns that are counted, in the CSV of the API.
const QUANTITY: usize = 6;
const STATUS: usize = 7;

pub(super) fn export(context: &Context, event: EventId, output: Option<PathBuf>, force: bool) -> Result<(), Failure> {
    let path = output.unwrap_or_else(|| PathBuf::from(format!("bookings-{event}.csv")));
    let to_stdout = path == Path::new("-");
    if !to_stdout && !force && path.exists() {
        return Err(is_there(&path));
    }
    let mut session = context.session()?;
    let (shown, _) = status(&mut session, event)?;
    let known = read_status(session.api(), &shown)?;
    let call = Call::get(format!("/admin/events/{event}/bookings")).accepting("text/csv");
    let body = session.open_body(&call)?.into_body().into_reader();
    let progress = progress_bar(known.booked_tickets);
    let lost = |error: csv::Error| {
        progress.abandon();
        Failure::Unreachable { url: session.api().url.to_string(), reason: format!("the export broke off ({error}); no file was written") }
    };
    if to_stdout {
        let mut out = io::stdout().lock();
        let counted = copy(body, &mut out, &progress).map_err(|stopped| stopped.explain(lost, Failure::from))?;
        out.flush()?;
        progress.finish_and_clear();
        crate::output::note(&summary(counted, "standard output"));
        return Ok(());
    }
    let unwritable = |error: io::Error| Failure::Usage(format!("{} cannot be written: {error}", path.display()));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".bookings-").suffix(".part").tempfile_in(folder).map_err(unwritable)?;
    let counted = {
        let mut writer = BufWriter::new(file.as_file_mut());
        let counted = copy(body, &mut writer, &progress).map_err(|stopped| stopped.explain(lost, unwritable))?;
        writer.flush().map_err(unwritable)?;
        counted
    };
    file.as_file().sync_all().map_err(unwritable)?;
    keep(file, &path, force)?;
    progress.finish_and_clear();
    let document = json!({"file": path, "bookings": counted.bookings, "confirmedTickets": counted.confirmed_tickets});
    context.output.document(&document, || summary(counted, &path.display().to_string()))
}

fn summary(counted: Counted, place: &str) -> String {
    format!("{} bookings with {} confirmed tickets are in {place}.", counted.bookings, counted.confirmed_tickets)
}

fn is_there(path: &Path) -> Failure {
    Failure::Usage(format!("{} is there already. Choose another --output, or replace it with --force.", path.display()))
}

/// Renames the temporary file to its final name. Fails if the name exists, unless `force` is set.
fn keep(file: NamedTempFile, path: &Path, force: bool) -> Result<(), Failure> {
    let kept = if force { file.persist(path) } else { file.persist_noclobber(path) };
    match kept {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Err(is_there(path)),
        Err(failed) => Err(Failure::Usage(format!("{} cannot be written: {}", path.display(), failed.error))),
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
struct Counted {
    bookings: u64,
    confirmed_tickets: u64,
}

/// The side of the copy that failed.
#[derive(Debug)]
enum Stopped {
    Reading(csv::Error),
    Writing(io::Error),
}

impl Stopped {
    fn explain(self, reading: impl FnOnce(csv::Error) -> Failure, writing: impl FnOnce(io::Error) -> Failure) -> Failure {
        match self {
            Self::Reading(error) => reading(error),
            Self::Writing(error) => writing(error),
        }
    }
}

/// Copies the CSV unchanged and counts its rows and confirmed tickets.
fn copy(from: impl Read, to: &mut impl Write, progress: &ProgressBar) -> Result<Counted, Stopped> {
    let mut failed = None;
    let mut reader = csv::Reader::from_reader(Tee { from, to, failed: &mut failed });
    let mut counted = Counted::default();
    let mut record = csv::ByteRecord::new();
    let read = loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break Ok(counted),
            Err(error) => break Err(error),
        }
        counted.bookings += 1;
        if record.get(STATUS) == Some(b"confirmed") {
            let quantity = record.get(QUANTITY).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
            counted.confirmed_tickets += quantity.unwrap_or_default();
            progress.set_position(counted.confirmed_tickets);
        }
    };
    drop(reader);
    match (failed, read) {
        (Some(error), _) => Err(Stopped::Writing(error)),
        (None, Err(error)) => Err(Stopped::Reading(error)),
        (None, Ok(counted)) => Ok(counted),
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
    struct Broken<'a>(&'a [u8]);

    impl Read for Broken<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                count => Ok(count),
            }
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_csv_is_copied_to_the_letter_and_confirmed_tickets_are_counted() {
        let mut written = Vec::new();
        let progress = ProgressBar::hidden();
        let counted = copy(CSV.as_bytes(), &mut written, &progress).unwrap();
        assert_eq!(counted, Counted { bookings: 3, confirmed_tickets: 6 });
        assert_eq!(String::from_utf8(written).unwrap(), CSV);
        assert_eq!(progress.position(), 6);
    }

    #[test]
    fn a_copy_that_breaks_off_is_no_copy() {
        let stopped = copy(Broken(CSV.as_bytes()), &mut Vec::new(), &ProgressBar::hidden()).unwrap_err();
        assert!(matches!(stopped, Stopped::Reading(_)), "{stopped:?}");
        let stopped = copy(CSV.as_bytes(), &mut Full, &ProgressBar::hidden()).unwrap_err();
        assert!(matches!(stopped, Stopped::Writing(_)), "{stopped:?}");
    }

    #[test]
    fn a_file_that_came_in_between_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bookings.csv");
        std::fs::write(&path, "mine").unwrap();
        let new = || {
            let mut file = NamedTempFile::new_in(folder.path()).unwrap();
            file.write_all(b"new").unwrap();
            file
        };
        assert_eq!(keep(new(), &path, false).unwrap_err().exit_code(), 2);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        keep(new(), &path, true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }
}
