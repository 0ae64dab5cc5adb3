//! One connection to the SMTP server.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::mail::OutgoingMail;
use crate::settings::{Security, SmtpSettings};

/// Code of the response of a server that closes the connection.
const CLOSING: &str = "421";

/// How far the delivery of a mail got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// The server has taken the mail.
    Taken,
    /// The server cannot take this mail now, and has not taken it.
    Deferred(String),
    /// The server refuses this mail for good.
    Refused(String),
    /// The connection failed before the content was sent, so the server has not taken the mail.
    Disconnected(String),
    /// The content was sent, but the server's response was lost.
    Unknown(String),
}

/// The reason why a step failed.
enum Failure {
    /// The server answered with an error.
    Code { permanent: bool, closing: bool, text: String },
    /// The server did not answer, or not in the way of SMTP.
    Lost(String),
}

impl Failure {
    fn text(self) -> String {
        match self {
            Self::Code { text, .. } | Self::Lost(text) => text,
        }
    }
}

/// A connection that is ready for the next mail.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    limit: Duration,
    /// Whether the connection can take another mail.
    pub(super) usable: bool,
    /// Number of mails that were sent over the connection.
    pub(super) mails: u32,
}

impl Connection {
    /// Connects, encrypts and logs in as the settings say. The error says which step failed.
    pub(super) async fn open(settings: &SmtpSettings, tls: Option<&TlsParameters>, hello: &ClientId) -> Result<Self, String> {
        let SmtpSettings { host, port, security, timeout: limit, .. } = settings;
        let server = format!("{host}:{port}");
        let connect = async {
            if let (Security::Tls, Some(tls)) = (security, tls) {
                let address = (host.as_str(), *port);
                return answer(*limit, AsyncSmtpConnection::connect_tokio1(address, Some(*limit), hello, Some(tls.clone()), None)).await;
            }
            let stream = connect(*limit, host, *port).await?;
            answer(*limit, AsyncSmtpConnection::connect_with_transport(Box::new(stream), hello)).await
        };
        let mut smtp = connect.await.map_err(|failure| format!("cannot connect to the SMTP server {server}: {}", failure.text()))?;
        if *security == Security::StartTls
            && let Some(tls) = tls
        {
            answer(*limit, smtp.starttls(tls.clone(), hello))
                .await
                .map_err(|failure| format!("cannot encrypt the connection to the SMTP server {server}: {}", failure.text()))?;
        }
        if let Some((user, password)) = &settings.credentials {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            answer(*limit, smtp.auth(&[Mechanism::Plain, Mechanism::Login], &credentials))
                .await
                .map_err(|failure| format!("the SMTP server {server} does not accept smtp.user and smtp.password: {}", failure.text()))?;
        }
        Ok(Self { smtp, limit: *limit, usable: true, mails: 0 })
    }

    /// Returns whether the server still answers on a connection that was idle.
    pub(super) async fn is_alive(&mut self) -> bool {
        answer(self.limit, self.smtp.command(Noop)).await.is_ok()
    }

    /// Hands over one mail.
    pub(super) async fn deliver(&mut self, mail: &OutgoingMail) -> Delivered {
        self.mails = self.mails.saturating_add(1);
        if let Err(failed) = self.envelope(&mail.from, &mail.to).await {
            if self.usable {
                // The server would refuse another sender while the failed transaction is open.
                self.usable = answer(self.limit, self.smtp.command(Rset)).await.is_ok();
            }
            return failed;
        }
        // From here on the server may have the mail, unless it answers with an error.
        match answer(self.limit, self.smtp.message(&mail.content)).await {
            Ok(_) => Delivered::Taken,
            Err(Failure::Lost(text)) => {
                self.usable = false;
                Delivered::Unknown(format!("the answer of the SMTP server to the content of the mail was lost: {text}"))
            }
            Err(refused) => self.not_taken(refused),
        }
    }

    /// Sends the commands before the content.
    async fn envelope(&mut self, from: &Address, to: &Address) -> Result<(), Delivered> {
        let mut parameters = Vec::new();
        if [from, to].iter().any(|address| !AsRef::<str>::as_ref(address).is_ascii()) {
            if !self.smtp.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Delivered::Refused("the SMTP server does not support the characters of the address (SMTPUTF8)".to_owned()));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        self.command(Mail::new(Some(from.clone()), parameters)).await?;
        self.command(Rcpt::new(to.clone(), Vec::new())).await?;
        self.command(Data).await
    }

    async fn command(&mut self, command: impl Display) -> Result<(), Delivered> {
        match answer(self.limit, self.smtp.command(command)).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(self.not_taken(failure)),
        }
    }

    /// Converts a failure after which the server does certainly not have the mail.
    fn not_taken(&mut self, failure: Failure) -> Delivered {
        match failure {
            Failure::Code { permanent: true, text, .. } => Delivered::Refused(text),
            Failure::Code { closing, text, .. } => {
                self.usable = !closing;
                Delivered::Deferred(text)
            }
            Failure::Lost(text) => {
                self.usable = false;
                Delivered::Disconnected(format!("the connection to the SMTP server was lost: {text}"))
            }
        }
    }

    /// Ends the session.
    pub(super) async fn close(mut self) {
        // The server notices the end of the connection as well.
        let _ = answer(self.limit, self.smtp.quit()).await;
    }
}

/// Opens a connection that sends each write at once. The end of a mail is a short write after a long one, which would otherwise wait
/// for an acknowledgement that most servers delay by 40 ms.
async fn connect(limit: Duration, host: &str, port: u16) -> Result<TcpStream, Failure> {
    let open = async {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok::<_, std::io::Error>(stream)
    };
    let Ok(opened) = timeout(limit, open).await else { return Err(Failure::Lost(format!("no answer within {limit:?}"))) };
    opened.map_err(|error| Failure::Lost(error.to_string()))
}

/// Waits for the end of a step.
async fn answer<T>(limit: Duration, step: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    let Ok(result) = timeout(limit, step).await else { return Err(Failure::Lost(format!("no answer within {limit:?}"))) };
    result.map_err(|error| {
        let text = with_causes(&error);
        if error.is_permanent() || error.is_transient() {
            let closing = error.status().is_some_and(|code| code.to_string() == CLOSING);
            Failure::Code { permanent: error.is_permanent(), closing, text }
        } else {
            Failure::Lost(text)
        }
    })
}

/// Returns an error with its causes, unless it contains them already.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let further = error.to_string();
        if !text.contains(&further) {
            text = format!("{text}: {further}");
        }
        cause = error.source();
    }
    text
}
