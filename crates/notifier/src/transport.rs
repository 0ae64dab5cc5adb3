//! The ways in which mails leave the notifier.

use std::path::PathBuf;

use crate::delivery::Outcome;
use crate::folder;
use crate::mail::OutgoingMail;
use crate::settings::{MailSettings, TransportSettings};
use crate::smtp::{Delivered, SmtpPool};

/// Sends mails.
pub(crate) enum Transport {
    /// To an SMTP server.
    Smtp(SmtpPool),
    /// Into a folder.
    Folder(PathBuf),
}

/// The result of sending a mail.
pub(crate) struct Attempt {
    /// The outcome of the delivery.
    pub(crate) outcome: Outcome,
    /// Whether the server could not be reached, so that other mails would fare the same.
    pub(crate) unreachable: bool,
}

impl From<Outcome> for Attempt {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, unreachable: false }
    }
}

impl Transport {
    /// Creates the transport of the settings.
    pub(crate) fn new(settings: &MailSettings) -> Result<Self, lettre::transport::smtp::Error> {
        Ok(match &settings.transport {
            TransportSettings::Smtp(smtp) => Self::Smtp(SmtpPool::new(smtp.clone(), settings.from.email.domain())?),
            TransportSettings::Folder(folder) => Self::Folder(folder.clone()),
        })
    }

    /// Sends a mail.
    pub(crate) async fn send(&self, mail: &OutgoingMail) -> Attempt {
        match self {
            Self::Smtp(pool) => match pool.deliver(mail).await {
                Delivered::Taken => Outcome::Sent.into(),
                Delivered::Deferred(reason) => Outcome::Retry(reason).into(),
                Delivered::Refused(reason) => Outcome::Failed(reason).into(),
                Delivered::Unknown(reason) => Outcome::Unclear(reason).into(),
                Delivered::Disconnected(reason) => Attempt { outcome: Outcome::Retry(reason), unreachable: true },
            },
            Self::Folder(folder) => match folder::write(folder, mail).await {
                Ok(()) => Outcome::Sent.into(),
                Err(error) => {
                    let reason = format!("cannot write into the folder {}: {error}", folder.display());
                    Attempt { outcome: Outcome::Retry(reason), unreachable: true }
                }
            },
        }
    }

    /// Ends the connections.
    pub(crate) async fn close(&self) {
        if let Self::Smtp(pool) = self {
            pool.close().await;
        }
    }
}
