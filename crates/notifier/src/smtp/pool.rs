//! The connections to the SMTP server, which are kept for further mails.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lettre::transport::smtp::client::{Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;

use super::connection::{Connection, Delivered};
use crate::mail::OutgoingMail;
use crate::settings::{Security, SmtpSettings};

/// How long an idle connection is kept. Servers close idle connections after a minute or more.
const MAX_IDLE: Duration = Duration::from_secs(15);

/// Idle time after which a connection is checked before it is used.
const CHECK_AFTER: Duration = Duration::from_secs(1);

/// Number of mails per connection, because some servers refuse more.
const MAX_MAILS: u32 = 100;

struct Idle {
    connection: Connection,
    since: Instant,
}

/// The connections of this notifier.
pub(crate) struct SmtpPool {
    settings: SmtpSettings,
    tls: Option<TlsParameters>,
    hello: ClientId,
    idle: Mutex<Vec<Idle>>,
}

impl SmtpPool {
    /// Creates a pool that connects when the first mail is sent. `domain` is the name with which the notifier greets the server.
    pub(crate) fn new(settings: SmtpSettings, domain: &str) -> Result<Self, lettre::transport::smtp::Error> {
        let tls = match settings.security {
            Security::None => None,
            Security::StartTls | Security::Tls => {
                let mut parameters = TlsParameters::builder(settings.host.clone());
                if let Some(certificates) = &settings.ca_certificates {
                    parameters = parameters.add_root_certificate(Certificate::from_pem(certificates.as_bytes())?);
                }
                Some(parameters.build()?)
            }
        };
        Ok(Self { settings, tls, hello: ClientId::Domain(domain.to_owned()), idle: Mutex::default() })
    }

    /// Hands over one mail, over an idle connection if there is one. The caller limits the number of concurrent calls.
    pub(crate) async fn deliver(&self, mail: &OutgoingMail) -> Delivered {
        if let Some(connection) = self.take_idle().await {
            let delivered = self.deliver_over(connection, mail).await;
            // The server may have closed the idle connection, which says nothing about a new one.
            if !matches!(delivered, Delivered::Disconnected(_)) {
                return delivered;
            }
        }
        match Connection::open(&self.settings, self.tls.as_ref(), &self.hello).await {
            Ok(connection) => self.deliver_over(connection, mail).await,
            Err(reason) => Delivered::Disconnected(reason),
        }
    }

    async fn deliver_over(&self, mut connection: Connection, mail: &OutgoingMail) -> Delivered {
        let delivered = connection.deliver(mail).await;
        if connection.usable && connection.mails >= MAX_MAILS {
            connection.close().await;
        } else if connection.usable {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(Idle { connection, since: Instant::now() });
        }
        delivered
    }

    /// Returns the most recently used idle connection.
    async fn take_idle(&self) -> Option<Connection> {
        loop {
            let Idle { mut connection, since } = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            let idle = since.elapsed();
            if idle < CHECK_AFTER || (idle < MAX_IDLE && connection.is_alive().await) {
                return Some(connection);
            }
        }
    }

    /// Ends all idle sessions.
    pub(crate) async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for Idle { connection, .. } in idle {
            connection.close().await;
        }
    }
}
