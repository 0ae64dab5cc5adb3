//! The engine's limit: pgbench with the same writes over the same schema, in a database of its own that no relay reads.

use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;

use crate::Fallible;
use crate::fixtures::Place;

/// What pgbench does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// One booking per transaction.
    Full,
    /// One booking per transaction, spread over 200 events.
    Spread,
    /// So many bookings per transaction.
    Batch(u32),
}

/// How to start pgbench.
#[derive(Debug, Clone)]
pub struct Pgbench {
    /// Its path.
    pub program: PathBuf,
    /// The server's port.
    pub port: u16,
    /// The superuser's password.
    pub password: String,
    /// Where the scripts are written.
    pub scripts: PathBuf,
}

/// A message as long as a real one. It is constant, which is in the engine's favour.
const PAYLOAD: &str = concat!(
    r#"{"specversion":"1.0","id":"0199ae00-0000-7000-8000-000000000000","type":"booking.confirmed","source":"/rowlock/booking","subject":"0199ae00-0000-7000-8000-000000000000","#,
    r#""time":"2026-01-01T00:00:00.000000Z","sequence":123456,"dataschema":"urn:rowlock:schema:booking.confirmed:1","datacontenttype":"application/json","#,
    r#""data":{"eventId":"0199ae00-0000-7000-8000-000000000000","ticketTypeId":"0199ae00-0000-7000-8000-000000000000","bookingId":"0199ae00-0000-7000-8000-000000000000","quantity":1}}"#
);

impl Pgbench {
    /// Writes the scripts and tells how to start it.
    pub fn new(program: PathBuf, port: u16, password: String, scripts: PathBuf) -> Fallible<Self> {
        std::fs::create_dir_all(&scripts)?;
        std::fs::write(scripts.join("full_hot.sql"), include_str!("../sql/full_hot.sql"))?;
        std::fs::write(scripts.join("full_spread.sql"), include_str!("../sql/full_spread.sql"))?;
        std::fs::write(scripts.join("batch_hot.sql"), include_str!("../sql/batch_hot.sql"))?;
        Ok(Self { program, port, password, scripts })
    }

    /// Bookings per second and the mean latency in milliseconds.
    pub async fn run(&self, script: Script, clients: usize, time: Duration, place: Place) -> Fallible<(f64, f64)> {
        let (file, per_transaction) = match script {
            Script::Full => ("full_hot.sql", 1),
            Script::Spread => ("full_spread.sql", 1),
            Script::Batch(size) => ("batch_hot.sql", size),
        };
        let variables = [
            ("event", place.event(1)),
            ("type", place.ticket_type(1)),
            ("eventprefix", place.event_prefix()),
            ("typeprefix", place.type_prefix()),
            ("events", place.events.to_string()),
            ("batch", per_transaction.to_string()),
            ("payload", PAYLOAD.to_owned()),
        ];
        let mut command = Command::new(&self.program);
        command.env("PGPASSWORD", &self.password).args(["-n", "-M", "prepared", "-h", "127.0.0.1", "-U", "postgres", "-p"]);
        command.arg(self.port.to_string()).args(["-c", &clients.to_string(), "-j", "1"]);
        command.args(["-T", &time.as_secs().max(1).to_string(), "-f"]).arg(self.scripts.join(file));
        for (name, value) in variables {
            command.arg("-D").arg(format!("{name}={value}"));
        }
        let output = command.arg("rowlock_engine").kill_on_drop(true).output().await?;
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() || errors.contains("ERROR") {
            return Err(format!("pgbench failed: {errors}").into());
        }
        let number = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<f64>().ok());
        let tps = number("tps = ").ok_or("pgbench told no tps")?;
        Ok((tps * f64::from(per_transaction), number("latency average = ").unwrap_or_default()))
    }
}
