//! Creates a RabbitMQ namespace for each test: a unique name prefix for its exchange and all its queues.

#![allow(clippy::expect_used, reason = "a test cannot continue without its servers and reports the cause by panicking")]

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rowlock_messaging::amqp::{AmqpSettings, Delivery, QueueDeclaration, Tap, Topology, declare_queue, delete_queue, queue_depth};
use uuid::Uuid;

use crate::environment::env_url;

/// Environment variable with the URL of the test RabbitMQ server.
pub const AMQP_ENV: &str = "ROWLOCK_TEST_AMQP_URL";

/// Timeout for a message that a test expects.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(20);

/// Minimum age of a test's queues before they are deleted. RabbitMQ 3.10 starts a process for each queue with at-least-once
/// dead-lettering. If such a queue is deleted while its process starts, and another one soon after, their supervisor
/// (`rabbit_fifo_dlx_sup`) gives up, and no such queue can be declared until the broker restarts.
const MIN_QUEUE_AGE: Duration = Duration::from_secs(10);

/// Namespaces of finished tests. The next test that closes its namespace deletes those that are old enough; the rest
/// disappears with the test broker.
static PENDING_DELETION: Mutex<Vec<(Instant, AmqpSettings, Vec<String>)>> = Mutex::new(Vec::new());

/// Broker namespace of one test. Dropping it queues it for deletion by a later test.
#[derive(Debug)]
pub struct TestBroker {
    settings: AmqpSettings,
    further_queues: Vec<String>,
}

impl TestBroker {
    /// Creates a namespace on the test broker, with retry delays of 100 and 200 ms.
    ///
    /// # Panics
    ///
    /// Panics if the environment variable is not set.
    pub fn new() -> Self {
        Self::at(&env_url(AMQP_ENV))
    }

    /// Creates a namespace on the broker at this URL.
    pub fn at(url: &str) -> Self {
        let mut settings = AmqpSettings::new(url.into());
        settings.prefix = format!("test-{}", Uuid::new_v4().simple());
        settings.connection_name.clone_from(&settings.prefix);
        settings.retry_delays = [100, 200].map(Duration::from_millis).to_vec();
        Self { settings, further_queues: Vec::new() }
    }

    /// Returns the AMQP settings with the prefix of this namespace.
    pub fn settings(&self) -> AmqpSettings {
        self.settings.clone()
    }

    /// Returns the same settings with another URL, such as that of a proxy.
    pub fn settings_at(&self, url: &str) -> AmqpSettings {
        AmqpSettings { url: url.into(), ..self.settings.clone() }
    }

    /// Returns the names of the exchange and queues for account messages.
    pub fn accounts(&self) -> Topology {
        Topology::accounts(&self.settings)
    }

    /// Returns the names of the exchange and queues for messages about ticket types.
    pub fn sales(&self) -> Topology {
        Topology::sales(&self.settings)
    }

    /// Returns the names of the exchange and queues for messages about bookings and waiting lists that people are told about.
    pub fn notifications(&self) -> Topology {
        Topology::notifications(&self.settings)
    }

    /// Returns the names of the exchange and queues for the other messages that people are told about.
    pub fn urgent_notifications(&self) -> Topology {
        Topology::urgent_notifications(&self.settings)
    }

    /// Returns the names of the exchange and queues in this namespace.
    pub fn topology(&self) -> Topology {
        Topology::new(&self.settings)
    }

    /// Records all messages published to the events exchange from now on.
    ///
    /// # Panics
    ///
    /// Panics if the broker is unavailable.
    pub async fn tap(&self) -> MessageLog {
        MessageLog { tap: Tap::connect(&self.settings, "#").await.expect("cannot declare a queue that receives all messages") }
    }

    /// Declares a queue that accepts `length` messages with a routing key and rejects further ones, so that their publisher
    /// receives a `basic.nack`. Returns the name of the queue.
    ///
    /// # Panics
    ///
    /// Panics if the broker is unavailable.
    pub async fn full_queue(&mut self, binding_key: &str, length: u32) -> String {
        let name = format!("{}.full-{}", self.settings.prefix, self.further_queues.len());
        let queue =
            QueueDeclaration { name: name.clone(), binding_keys: vec![binding_key.to_owned()], max_length: Some(length), quorum: false };
        declare_queue(&self.settings, &queue).await.expect("cannot declare a queue with a length limit");
        self.further_queues.push(name.clone());
        name
    }

    /// Returns the number of ready messages in a queue, or None if the queue does not exist.
    ///
    /// # Panics
    ///
    /// Panics if the broker is unavailable.
    pub async fn depth(&self, queue: &str) -> Option<u32> {
        queue_depth(&self.settings, queue).await.expect("cannot read the depth of a queue")
    }

    /// Queues this namespace for deletion, and deletes the queued namespaces that are old enough.
    ///
    /// # Panics
    ///
    /// Panics if a namespace cannot be deleted.
    pub async fn close(self) {
        let deletable: Vec<_> = {
            let mut pending = PENDING_DELETION.lock().unwrap_or_else(PoisonError::into_inner);
            pending.extract_if(.., |(since, ..)| since.elapsed() > MIN_QUEUE_AGE).collect()
        };
        for (_, settings, queues) in deletable {
            delete(&settings, &queues).await.expect("cannot delete a broker namespace");
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
        let namespace = (Instant::now(), self.settings.clone(), std::mem::take(&mut self.further_queues));
        PENDING_DELETION.lock().unwrap_or_else(PoisonError::into_inner).push(namespace);
    }
}

async fn delete(settings: &AmqpSettings, further_queues: &[String]) -> Result<(), String> {
    for queue in further_queues {
        delete_queue(settings, queue).await.map_err(|error| error.to_string())?;
    }
    Topology::delete(settings).await.map_err(|error| error.to_string())
}

/// Log of all messages published to the events exchange, in the order in which the broker received them.
#[derive(Debug)]
pub struct MessageLog {
    tap: Tap,
}

impl MessageLog {
    /// Waits for the next message.
    ///
    /// # Panics
    ///
    /// Panics if no message arrives within 20 seconds.
    pub async fn next(&mut self) -> Delivery {
        let next = tokio::time::timeout(MESSAGE_TIMEOUT, self.tap.next()).await.expect("no message arrived in time");
        next.expect("the connection of the test to the broker was lost")
    }

    /// Waits for the next `count` messages.
    ///
    /// # Panics
    ///
    /// Panics if no message arrives for 20 seconds.
    pub async fn take(&mut self, count: usize) -> Vec<Delivery> {
        let mut messages = Vec::with_capacity(count);
        while messages.len() < count {
            messages.push(self.next().await);
        }
        messages
    }

    /// Waits for the next message for a limited time; returns None if none arrives. Also proves that nothing was published.
    ///
    /// # Panics
    ///
    /// Panics if the connection to the broker is lost.
    pub async fn next_within(&mut self, time: Duration) -> Option<Delivery> {
        let next = tokio::time::timeout(time, self.tap.next()).await.ok()?;
        Some(next.expect("the connection of the test to the broker was lost"))
    }
}
