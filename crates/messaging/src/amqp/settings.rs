//! Settings of the broker connection.

use std::borrow::Cow;
use std::time::Duration;

use amqprs::connection::OpenConnectionArguments;
use percent_encoding::percent_decode_str;
use rowlock_platform::settings::SettingsReader;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{AmqpTlsSettings, LinkError};

/// Address, timeouts and retry delays of the broker connection.
#[derive(Debug, Clone)]
pub struct AmqpSettings {
    /// `amqp://user:password@host:port/vhost`, or `amqps://` for an encrypted connection. User and password are percent-decoded.
    /// Without a path, or with the path `/`, the vhost is `/`.
    pub url: SecretString,
    /// Certificates of an encrypted connection.
    pub tls: AmqpTlsSettings,
    /// Prefix of the name of every exchange and queue, so that installations and tests can share a broker.
    pub prefix: String,
    /// Name of the connection in RabbitMQ's management tools.
    pub connection_name: String,
    /// Heartbeat interval. The connection ends after two silent intervals. Values below 2 s are raised to 2 s, because they make
    /// the client spin.
    pub heartbeat: Duration,
    /// Timeout for each step of connecting: login, opening the channel, and each declaration.
    pub connect_timeout: Duration,
    /// Maximum time between two confirms of a batch, and timeout for sending a frame that has no response.
    pub confirm_timeout: Duration,
    /// Delays before the successive retries of a failed delivery. After the last retry the message becomes a dead letter.
    pub retry_delays: Vec<Duration>,
}

impl AmqpSettings {
    /// Returns the defaults: prefix `rowlock`, heartbeat and timeouts of 10 s, and retries after 1, 10, 60 and 300 s.
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            tls: AmqpTlsSettings::default(),
            prefix: "rowlock".to_owned(),
            connection_name: "rowlock".to_owned(),
            heartbeat: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            confirm_timeout: Duration::from_secs(10),
            retry_delays: [1, 10, 60, 300].map(Duration::from_secs).to_vec(),
        }
    }

    /// Reads the section `amqp`. `connection_name` is the name of the connection in RabbitMQ's management tools.
    pub fn read(reader: &mut SettingsReader, connection_name: &str) -> Option<Self> {
        let url = reader.secret_url("amqp.url", &["amqp", "amqps"]);
        let tls = AmqpTlsSettings::read(reader);
        let prefix = reader.value("amqp.prefix");
        let heartbeat = reader.number("amqp.heartbeat_seconds", 2..=600).map(Duration::from_secs);
        let connect_timeout = reader.millis("amqp.connect_timeout_ms", 100..=120_000);
        let confirm_timeout = reader.millis("amqp.confirm_timeout_ms", 100..=120_000);
        let retry_delays = reader.millis_list("amqp.retry_delays_ms", 1..=86_400_000);
        let settings = Self {
            retry_delays: retry_delays?,
            prefix: prefix?,
            connection_name: connection_name.to_owned(),
            heartbeat: heartbeat?,
            connect_timeout: connect_timeout?,
            confirm_timeout: confirm_timeout?,
            tls: tls?,
            ..Self::new(url?)
        };
        if let Err(error) = settings.check() {
            reader.add_error("amqp.url", error);
            return None;
        }
        Some(settings)
    }

    /// Checks the settings without connecting, so that a service can refuse to start with wrong ones.
    pub fn check(&self) -> Result<(), LinkError> {
        self.checked_arguments().map(|_| ())
    }

    /// Checks the settings and returns the arguments with which amqprs connects.
    pub(super) fn checked_arguments(&self) -> Result<OpenConnectionArguments, LinkError> {
        // amqprs panics on queue names of more than 255 bytes; the longest suffix has about 40 bytes.
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.prefix.is_empty() || self.prefix.len() > 100 || !self.prefix.chars().all(is_allowed) {
            return Err(LinkError::Settings("the prefix must consist of 1 to 100 letters, digits, '-', '_' or '.'".to_owned()));
        }
        if self.connection_name.len() > 255 {
            return Err(LinkError::Settings("the connection name is longer than 255 bytes".to_owned()));
        }
        self.open_arguments()
    }

    fn open_arguments(&self) -> Result<OpenConnectionArguments, LinkError> {
        let invalid = |problem: &str| LinkError::Settings(problem.to_owned());
        // The parser's message is not passed on, because it could quote the password.
        let url = Url::parse(self.url.expose_secret()).map_err(|_| invalid("the URL cannot be parsed"))?;
        let (is_encrypted, standard_port) = match url.scheme() {
            "amqp" => (false, 5672),
            "amqps" => (true, 5671),
            _ => return Err(invalid("the URL must begin with amqp:// or amqps://")),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| invalid("the URL has no host"))?;
        let decode = |text: &str, problem| percent_decode_str(text).decode_utf8().map(Cow::into_owned).map_err(|_| invalid(problem));
        let (user, password) = match url.username() {
            "" => ("guest".to_owned(), "guest".to_owned()),
            user => (decode(user, "the user name is not UTF-8")?, decode(url.password().unwrap_or_default(), "the password is not UTF-8")?),
        };
        let vhost = match url.path().strip_prefix('/').unwrap_or_default() {
            "" => "/".to_owned(),
            vhost => decode(vhost, "the vhost is not UTF-8")?,
        };
        if vhost.len() > 255 {
            return Err(invalid("the vhost is longer than 255 bytes"));
        }
        let heartbeat = u16::try_from(self.heartbeat.as_secs()).unwrap_or(u16::MAX).max(2);
        let mut arguments = OpenConnectionArguments::new(host, url.port().unwrap_or(standard_port), &user, &password);
        arguments.virtual_host(&vhost).connection_name(&self.connection_name).heartbeat(heartbeat);
        if is_encrypted {
            arguments.tls_adaptor(self.tls.adaptor(host)?);
        } else if !self.tls.is_empty() {
            return Err(invalid(
                "the certificates and the key are for encrypted connections, but the URL begins with amqp://, not amqps://",
            ));
        }
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> AmqpSettings {
        AmqpSettings::new(url.into())
    }

    #[test]
    fn a_url_is_parsed_into_its_parts() {
        let arguments = settings("amqp://us%40er:p%2Fw@rabbit.example:5673/box%20office").open_arguments().unwrap();
        assert_eq!(arguments.get_host(), "rabbit.example");
        assert_eq!(arguments.get_port(), 5673);
        assert_eq!(arguments.get_virtual_host(), "box office");
        assert!(*arguments.get_credentials() == amqprs::security::SecurityCredentials::new_plain("us@er", "p/w"));
    }

    #[test]
    fn omitted_parts_of_a_url_have_the_usual_defaults() {
        for (url, port) in [("amqp://localhost", 5672), ("amqp://localhost/", 5672), ("amqps://localhost/%2F", 5671)] {
            let mut settings = settings(url);
            settings.tls.ca_certificates = (port == 5671).then(certificate);
            let arguments = settings.open_arguments().unwrap();
            assert_eq!((arguments.get_port(), arguments.get_virtual_host()), (port, "/"), "{url}");
            assert_eq!(arguments.get_tls_adaptor().is_some(), port == 5671, "{url}");
        }
    }

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn certificates_are_refused_for_a_connection_that_is_not_encrypted() {
        let mut settings = settings("amqp://u:secret@localhost");
        settings.tls.ca_certificates = Some(certificate());
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains("not amqps://") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn invalid_settings_are_rejected_without_revealing_the_password() {
        for url in ["http://u:secret@host", "amqp://u:secret@", "amqp://u:secret@host:99999", "nonsense"] {
            let error = settings(url).check().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let mut wrong = settings("amqp://localhost");
        wrong.prefix = "with space".to_owned();
        assert!(wrong.check().is_err());
    }

    #[test]
    fn a_heartbeat_below_two_seconds_is_raised() {
        let mut quick = settings("amqp://localhost");
        quick.heartbeat = Duration::from_millis(10);
        assert_eq!(quick.open_arguments().unwrap().get_heartbeat(), 2);
    }
}
