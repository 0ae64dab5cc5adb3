//! Measures the limit of the database: pgbench performs the same writes on the same schema, in a separate database without a
//! relay.

use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;

use crate::Fallible;
use crate::fixtures::SampleFixture;

/// A pgbench script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// One booking per transaction, of one event.
    Full,
    /// One booking per transaction, spread over 200 events.
    Spread,
    /// This number of bookings per transaction, of one event.
    Batch(u32),
}

/// Runs pgbench.
#[derive(Debug, Clone)]
pub struct Pgbench {
    /// Path of the program.
    pub program: PathBuf,
    /// Port of the server.
    pub port: u16,
    /// Password of the superuser.
    pub password: String,
    /// Directory for the scripts.
    pub scripts: PathBuf,
}

/// Message payload of realistic length. It is constant, which favors pgbench.
const PAYLOAD: &str = concat!(
    r#"{"specversion":"1.0","id":"0199ae00-0000-7000-8000-000000000000","type":"booking.confirmed","source":"/rowlock/booking","subject":"0199ae00-0000-7000-8000-000000000000","#,
    r#""time":"2026-01-01T00:00:00.000000Z","sequence":123456,"dataschema":"urn:rowlock:schema:booking.confirmed:1","datacontenttype":"application/json","#,
    r#""data":{"eventId":"0199ae00-0000-7000-8000-000000000000","ticketTypeId":"0199ae00-0000-7000-8000-000000000000","bookingId":"0199ae00-0000-7000-8000-000000000000","quantity":1}}"#
);

impl Pgbench {
    /// Writes the scripts to a directory.
    pub fn new(program: PathBuf, port: u16, password: String, scripts: PathBuf) -> Fallible<Self> {
        std::fs::create_dir_all(&scripts)?;
        std::fs::write(scripts.join("full_hot.sql"), include_str!("../sql/full_hot.sql"))?;
        std::fs::write(scripts.join("full_spread.sql"), include_str!("../sql/full_spread.sql"))?;
        std::fs::write(scripts.join("batch_hot.sql"), include_str!("../sql/batch_hot.sql"))?;
        Ok(Self { program, port, password, scripts })
    }

    /// Runs a script and returns the bookings per second and the mean latency in milliseconds.
    pub async fn run(&self, script: Script, clients: usize, time: Duration, fixture: SampleFixture) -> Fallible<(f64, f64)> {
        let (file, per_transaction) = match script {
            Script::Full => ("full_hot.sql", 1),
            Script::Spread => ("full_spread.sql", 1),
            Script::Batch(size) => ("batch_hot.sql", size),
        };
        let variables = [
            ("event", fixture.event(1)),
            ("type", fixture.ticket_type(1)),
            ("eventprefix", fixture.event_prefix()),
            ("typeprefix", fixture.type_prefix()),
            ("events", fixture.events.to_string()),
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
        let output = command.arg("rowlock_pgbench").kill_on_drop(true).output().await?;
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() || errors.contains("ERROR") {
            return Err(format!("pgbench failed: {errors}").into());
        }
        let number = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<f64>().ok());
        let tps = number("tps = ").ok_or("the output of pgbench contains no tps")?;
        Ok((tps * f64::from(per_transaction), number("latency average = ").unwrap_or_default()))
    }
}
