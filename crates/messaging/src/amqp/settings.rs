//! What a link needs to know about the broker.

use std::borrow::Cow;
use std::time::Duration;

use amqprs::connection::OpenConnectionArguments;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::LinkError;
use rowlock_platform::settings::SettingsReader;

/// How to reach the broker, and how patient to be with it.
#[derive(Debug, Clone)]
pub struct AmqpSettings {
    /// `amqp://user:password@host:port/vhost`. Name and password are percent-decoded; no path, or `/`, is the vhost `/`.
    pub url: SecretString,
    /// Begins the name of every exchange and queue, so that installations and tests can share a broker.
    pub prefix: String,
    /// What the broker's own tools show for the connection.
    pub connection_name: String,
    /// A silent broker is given up after twice this time. Less than two seconds makes the client spin, so it is raised to that.
    pub heartbeat: Duration,
    /// Limit for each step of connecting: login, channel, each declaration.
    pub connect_timeout: Duration,
    /// Limit for a confirm to arrive after the last one, and for anything that is sent without an answer.
    pub confirm_timeout: Duration,
    /// Delays before a failed delivery is tried again, one after the other; after the last it is a dead letter.
    pub retry_delays: Vec<Duration>,
}

impl AmqpSettings {
    /// Settings with the defaults: prefix `rowlock`, heartbeat and limits of 10 s, retries after 1, 10, 60 and 300 s.
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            prefix: "rowlock".to_owned(),
            connection_name: "rowlock".to_owned(),
            heartbeat: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            confirm_timeout: Duration::from_secs(10),
            retry_delays: [1, 10, 60, 300].map(Duration::from_secs).to_vec(),
        }
    }

    /// Reads the section `amqp`. `connection_name` is what the broker's own tools show.
    pub fn read(reader: &mut SettingsReader, connection_name: &str) -> Option<Self> {
        let url = reader.secret_url("amqp.url", &["amqp"]);
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
        // Queue names must stay below 256 bytes or amqprs panics; the longest suffix is about 40.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.prefix.is_empty() || self.prefix.len() > 100 || !self.prefix.chars().all(plain) {
            return Err(LinkError::Settings("the prefix must be 1 to 100 letters, digits, '-', '_' or '.'".to_owned()));
        }
        if self.connection_name.len() > 255 {
            return Err(LinkError::Settings("the connection name is longer than 255 bytes".to_owned()));
        }
        self.open_arguments().map(|_| ())
    }

    pub(super) fn open_arguments(&self) -> Result<OpenConnectionArguments, LinkError> {
        let wrong = |what: &str| LinkError::Settings(what.to_owned());
        // The parser's own message could quote the password, so it is not passed on.
        let url = Url::parse(self.url.expose_secret()).map_err(|_| wrong("the URL is not a URL"))?;
        if url.scheme() != "amqp" {
            return Err(wrong("the URL must begin with amqp://"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("the URL has no host"))?;
        let decode = |text: &str, what| percent_decode_str(text).decode_utf8().map(Cow::into_owned).map_err(|_| wrong(what));
        let (user, password) = match url.username() {
            "" => ("guest".to_owned(), "guest".to_owned()),
            user => (decode(user, "the user name is not UTF-8")?, decode(url.password().unwrap_or_default(), "the password is not UTF-8")?),
        };
        let vhost = match url.path().strip_prefix('/').unwrap_or_default() {
            "" => "/".to_owned(),
            vhost => decode(vhost, "the vhost is not UTF-8")?,
        };
        if vhost.len() > 255 {
            return Err(wrong("the vhost is longer than 255 bytes"));
        }
        let heartbeat = u16::try_from(self.heartbeat.as_secs()).unwrap_or(u16::MAX).max(2);
        let mut arguments = OpenConnectionArguments::new(host, url.port().unwrap_or(5672), &user, &password);
        arguments.virtual_host(&vhost).connection_name(&self.connection_name).heartbeat(heartbeat);
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
    fn a_url_is_taken_apart() {
        let arguments = settings("amqp://us%40er:p%2Fw@rabbit.example:5673/box%20office").open_arguments().unwrap();
        assert_eq!(arguments.get_host(), "rabbit.example");
        assert_eq!(arguments.get_port(), 5673);
        assert_eq!(arguments.get_virtual_host(), "box office");
        assert!(*arguments.get_credentials() == amqprs::security::SecurityCredentials::new_plain("us@er", "p/w"));
    }

    #[test]
    fn what_is_left_out_has_the_usual_meaning() {
        for url in ["amqp://localhost", "amqp://localhost/", "amqp://localhost/%2F"] {
            let arguments = settings(url).open_arguments().unwrap();
            assert_eq!((arguments.get_port(), arguments.get_virtual_host()), (5672, "/"), "{url}");
        }
    }

    #[test]
    fn wrong_settings_are_refused_without_showing_the_password() {
        for url in ["amqps://u:secret@host", "http://u:secret@host", "amqp://u:secret@", "amqp://u:secret@host:99999", "nonsense"] {
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
