//! Measures Redis as another engine: a Lua script takes a ticket or joins a queue, and each change is on the disk before it is answered.
//! There are no accounts, no messages, no keys for repeated requests and no HTTP.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::Fallible;

/// Takes a ticket and stores the booking, or stores a place in the queue if none is left.
const SCRIPT: &str = "if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then \
    redis.call('DECR', KEYS[1]) return redis.call('RPUSH', KEYS[2], ARGV[1]) \
    end return -redis.call('RPUSH', KEYS[3], ARGV[1])";

/// The last argument of each call, as long as the ids of an account and of a booking.
const BOOKING: &str = "0199ae00-0000-7000-8000-000000000000 0199ae00-0000-7000-8000-000000000001";

/// A running server. It is killed when the value is dropped.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    script: String,
    _server: Child,
}

impl Redis {
    /// Starts a server with its data in a folder, which is emptied before.
    pub async fn start(port: u16, folder: &Path) -> Fallible<Self> {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => std::fs::create_dir_all(folder)?,
        }
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
        command.arg("--dir").arg(folder).arg("--logfile").arg(folder.join("redis.log"));
        let server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if Instant::now() > deadline {
                return Err(format!("Redis is not ready after 10 seconds; see {}", folder.join("redis.log").display()).into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let script = output(Command::new("redis-cli").args(["-p", &port.to_string(), "SCRIPT", "LOAD", SCRIPT])).await?;
        Ok(Self { port, script: script.trim().to_owned(), _server: server })
    }

    /// Calls the script for about as long as this time and returns the calls per second.
    pub async fn run(&self, clients: usize, time: Duration) -> Fallible<f64> {
        output(Command::new("redis-cli").args(["-p", &self.port.to_string(), "SET", "tickets", "100000000"])).await?;
        let (trial, started) = (200 * clients.max(5), Instant::now());
        self.call(clients, trial).await?;
        let most = usize::try_from(time.as_micros() / started.elapsed().as_micros().max(1))?;
        self.call(clients, trial * most.max(1)).await
    }

    async fn call(&self, clients: usize, calls: usize) -> Fallible<f64> {
        let mut command = Command::new("redis-benchmark");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-c", &clients.to_string(), "-n", &calls.to_string(), "--csv"]);
        command.args(["EVALSHA", &self.script, "3", "tickets", "bookings", "queue", BOOKING]);
        let text = output(&mut command).await?;
        rate(&text).ok_or_else(|| format!("the output of redis-benchmark contains no rate: {text}").into())
    }
}

async fn output(command: &mut Command) -> Fallible<String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() && !text.starts_with("ERR") && !text.contains("Error") {
        return Ok(text);
    }
    Err(format!("Redis failed: {text}{}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Returns the rate in the table that `redis-benchmark --csv` prints: the second column of the line after the names of the columns.
fn rate(text: &str) -> Option<f64> {
    let line = text.lines().skip_while(|line| !line.starts_with("\"test\"")).nth(1)?;
    line.rsplit("\",\"").nth(6).and_then(|field| field.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_the_table() {
        let text = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n\
            \"EVALSHA abc 3 a b c d\",\"24630.54\",\"2.560\",\"0.592\",\"2.519\",\"3.735\",\"4.471\",\"5.415\"\n";
        assert_eq!(rate(text), Some(24_630.54));
        assert_eq!(rate("nothing"), None);
    }
}
