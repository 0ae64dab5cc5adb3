//! A namespace on RabbitMQ for each test: a prefix of its own for the exchange and all queues.

#![allow(clippy::expect_used, reason = "a test cannot go on without its servers, and says why")]

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rowlock_messaging::amqp::{AmqpSettings, Delivery, QueueDeclaration, Tap, Topology, declare_queue, delete_queue, queue_depth};
use uuid::Uuid;

use crate::environment::env_url;

/// Where the tests find RabbitMQ.
pub const AMQP_ENV: &str = "ROWLOCK_TEST_AMQP_URL";

/// How long a test waits for a message that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// How old the queues of a test must be to be deleted. RabbitMQ 3.10 starts a process for each queue that dead-letters at
/// least once; if such a queue is deleted while its process starts, and another soon after, the supervisor of all of them
/// gives up (`rabbit_fifo_dlx_sup`), and from then on no such queue can be declared until the broker is restarted.
const GROWN_UP: Duration = Duration::from_secs(10);

/// What tests have left behind. The next test that ends deletes what is old enough; the rest goes with the broker.
static LEFT_BEHIND: Mutex<Vec<(Instant, AmqpSettings, Vec<String>)>> = Mutex::new(Vec::new());

/// A broker namespace of one test. Dropped, it is left to later tests to be deleted.
#[derive(Debug)]
pub struct TestBroker {
    settings: AmqpSettings,
    further_queues: Vec<String>,
}

impl TestBroker {
    /// A fresh namespace on the broker of the tests, with retry delays of 100 and 200 ms.
    ///
    /// # Panics
    ///
    /// When the environment names no broker.
    pub fn new() -> Self {
        Self::at(&env_url(AMQP_ENV))
    }

    /// A fresh namespace on another broker.
    pub fn at(url: &str) -> Self {
        let mut settings = AmqpSettings::new(url.into());
        settings.prefix = format!("test-{}", Uuid::new_v4().simple());
        settings.connection_name.clone_from(&settings.prefix);
        settings.retry_delays = [100, 200].map(Duration::from_millis).to_vec();
        Self { settings, further_queues: Vec::new() }
    }

    /// Settings with the prefix of this namespace.
    pub fn settings(&self) -> AmqpSettings {
        self.settings.clone()
    }

    /// The same settings, by way of another address, such as a proxy's.
    pub fn settings_at(&self, url: &str) -> AmqpSettings {
        AmqpSettings { url: url.into(), ..self.settings.clone() }
    }

    /// The names of the queues of messages about accounts.
    pub fn accounts(&self) -> Topology {
        Topology::accounts(&self.settings)
    }

    /// The names in this namespace.
    pub fn topology(&self) -> Topology {
        Topology::new(&self.settings)
    }

    /// Sees all messages of the events exchange from now on.
    ///
    /// # Panics
    ///
    /// When the broker is away.
    pub async fn tap(&self) -> MessageLog {
        MessageLog { tap: Tap::connect(&self.settings, "#").await.expect("a queue that sees all messages") }
    }

    /// A queue that takes `length` messages of a routing key and refuses all further ones, so that their publisher
    /// sees a `basic.nack`. Returns its name.
    ///
    /// # Panics
    ///
    /// When the broker is away.
    pub async fn full_queue(&mut self, binding_key: &str, length: u32) -> String {
        let name = format!("{}.full-{}", self.settings.prefix, self.further_queues.len());
        let queue =
            QueueDeclaration { name: name.clone(), binding_keys: vec![binding_key.to_owned()], max_length: Some(length), quorum: false };
        declare_queue(&self.settings, &queue).await.expect("a queue with a limit");
        self.further_queues.push(name.clone());
        name
    }

    /// How many messages are ready in a queue; none if there is no such queue.
    ///
    /// # Panics
    ///
    /// When the broker is away.
    pub async fn depth(&self, queue: &str) -> Option<u32> {
        queue_depth(&self.settings, queue).await.expect("the broker tells the depth of a queue")
    }

    /// Gives the namespace up, and deletes those that were given up long enough ago.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn close(self) {
        let grown_up: Vec<_> = {
            let mut left_behind = LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner);
            left_behind.extract_if(.., |(since, ..)| since.elapsed() > GROWN_UP).collect()
        };
        for (_, settings, queues) in grown_up {
            delete(&settings, &queues).await.expect("a broker namespace can be deleted");
        }
    }
}

impl Default for TestBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        let left = (Instant::now(), self.settings.clone(), std::mem::take(&mut self.further_queues));
        LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner).push(left);
    }
}

async fn delete(settings: &AmqpSettings, further_queues: &[String]) -> Result<(), String> {
    for queue in further_queues {
        delete_queue(settings, queue).await.map_err(|error| error.to_string())?;
    }
    Topology::delete(settings).await.map_err(|error| error.to_string())
}

/// All messages of the events exchange, in the order in which the broker got them.
#[derive(Debug)]
pub struct MessageLog {
    tap: Tap,
}

impl MessageLog {
    /// The next message.
    ///
    /// # Panics
    ///
    /// When none comes within twenty seconds.
    pub async fn next(&mut self) -> Delivery {
        let next = tokio::time::timeout(PATIENCE, self.tap.next()).await.expect("a message comes in time");
        next.expect("the link of the test stays up")
    }

    /// The next messages.
    ///
    /// # Panics
    ///
    /// When one of them does not come within twenty seconds.
    pub async fn take(&mut self, count: usize) -> Vec<Delivery> {
        let mut messages = Vec::with_capacity(count);
        while messages.len() < count {
            messages.push(self.next().await);
        }
        messages
    }

    /// The next message, if one comes within this time. For proving that none comes.
    ///
    /// # Panics
    ///
    /// When the link is lost.
    pub async fn next_within(&mut self, time: Duration) -> Option<Delivery> {
        let next = tokio::time::timeout(time, self.tap.next()).await.ok()?;
        Some(next.expect("the link of the test stays up"))
    }
}
