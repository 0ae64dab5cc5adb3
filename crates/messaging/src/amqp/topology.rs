//! The exchange and the queues. Their names start with the configured prefix, and every connection declares them.
//!
//! All queues are quorum queues, and every argument is explicit, because the defaults differ between RabbitMQ 3.10 and 4. The
//! arguments of a queue cannot be changed, so its name contains a version, and the name of a retry queue contains its delay.

use std::time::Duration;

use amqprs::channel::{
    Channel, ExchangeDeclareArguments, ExchangeDeleteArguments, ExchangeType, QueueBindArguments, QueueDeclareArguments,
    QueueDeleteArguments, QueueUnbindArguments,
};
use amqprs::{FieldTable, FieldValue};
use rowlock_domain::accounts::ACCOUNT_ROUTING_PATTERNS;
use rowlock_domain::messages::{NOTIFICATION_ROUTING_PATTERNS, SALES_ROUTING_PATTERNS, TICKETS_RELEASED, URGENT_NOTIFICATION_PATTERNS};

use super::link::Link;
use super::{AmqpSettings, LinkError};

/// Number of unsuccessful deliveries, such as those to a consumer that crashes, after which the broker dead-letters a message.
const DELIVERY_LIMIT: i64 = 20;
/// Delivery limit of the dead-letter queue, which the broker must never enforce: it would drop the message, and each listing
/// counts as a delivery. The number is explicit because an absent limit means 20 on RabbitMQ 4, and -1 allows no delivery on
/// 3.10.
const NO_DELIVERY_LIMIT: i64 = 1_000_000_000;
/// Patterns with which the queue of notifications was bound before there was one for urgent ones.
const FORMER_NOTIFICATION_PATTERNS: [&str; 3] = ["waitlist.*", "event.*", "account.*"];

/// A queue that holds failed deliveries until their retry delay has passed. The broker then moves them back to the work queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryQueue {
    /// Delay before a message is moved back to the work queue.
    pub delay: Duration,
    /// Name of the queue.
    pub queue: String,
}

/// The names of the exchange and of one queue family: a work queue with its retry queues and its dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// Name of the durable topic exchange for all events.
    pub exchange: String,
    /// Name of the queue that the services consume.
    pub work_queue: String,
    /// Topic patterns of the events that are routed to the work queue.
    patterns: Vec<&'static str>,
    /// Name of the dead-letter queue.
    pub dead_queue: String,
    /// The retry queues in the order of the attempts.
    pub retry_queues: Vec<RetryQueue>,
    /// Whether the broker delivers to one consumer at a time, and to the next one when it is gone.
    single_active_consumer: bool,
}

impl Topology {
    /// Returns the queue family of `tickets.released`, which all workers share.
    pub fn new(settings: &AmqpSettings) -> Self {
        Self::of(settings, "tickets-released", vec![TICKETS_RELEASED])
    }

    /// Returns the queue family of the account events of `auth-service`, which all replicas of `booking-service` share.
    pub fn accounts(settings: &AmqpSettings) -> Self {
        Self::of(settings, "accounts", ACCOUNT_ROUTING_PATTERNS.to_vec())
    }

    /// Returns the queue family of the messages about ticket types, from which `booking-service` counts sales. One replica
    /// consumes it at a time, because messages that several replicas receive in turn would arrive out of order everywhere.
    pub fn sales(settings: &AmqpSettings) -> Self {
        Self { single_active_consumer: true, ..Self::of(settings, "sales", SALES_ROUTING_PATTERNS.to_vec()) }
    }

    /// Returns the queue family of the messages about bookings and waiting lists, which all notifiers share. Only a notifier declares and
    /// binds it, so that an installation without one collects no messages for it.
    pub fn notifications(settings: &AmqpSettings) -> Self {
        Self::of(settings, "notifications", NOTIFICATION_ROUTING_PATTERNS.to_vec())
    }

    /// Returns the queue family of the other messages for the notifiers, which must not wait behind those about bookings.
    pub fn urgent_notifications(settings: &AmqpSettings) -> Self {
        Self::of(settings, "urgent-notifications", URGENT_NOTIFICATION_PATTERNS.to_vec())
    }

    /// Returns both queue families of the notifiers, the urgent one first.
    pub fn all_notifications(settings: &AmqpSettings) -> [Self; 2] {
        [Self::urgent_notifications(settings), Self::notifications(settings)]
    }

    /// Declares and binds the queue families of the notifiers. Bindings of earlier versions, in which one queue received all messages,
    /// end after those that replace them exist. A message may therefore be in both queues, but is never lost.
    pub async fn bind_notifications(settings: &AmqpSettings) -> Result<(), LinkError> {
        let mut link = Link::open(settings).await?;
        for family in Self::all_notifications(settings) {
            family.declare(&mut link).await?;
            family.bind(&mut link).await?;
        }
        Self::notifications(settings).unbind_patterns(&FORMER_NOTIFICATION_PATTERNS, &mut link).await?;
        link.close().await;
        Ok(())
    }

    /// Returns the queue families that every connection declares.
    pub fn all(settings: &AmqpSettings) -> [Self; 3] {
        [Self::new(settings), Self::accounts(settings), Self::sales(settings)]
    }

    fn of(settings: &AmqpSettings, name: &str, patterns: Vec<&'static str>) -> Self {
        let work_queue = format!("{}.{name}.v1", settings.prefix);
        let retry_queues = settings
            .retry_delays
            .iter()
            .map(|&delay| RetryQueue { delay, queue: format!("{work_queue}.retry.{}", delay_name(delay)) })
            .collect();
        Self {
            exchange: format!("{}.events", settings.prefix),
            dead_queue: format!("{work_queue}.dead"),
            retry_queues,
            work_queue,
            patterns,
            single_active_consumer: false,
        }
    }

    /// Returns the retry queue for a delivery whose attempt number `attempt` (from 1) has failed, or `None` after the last
    /// attempt.
    pub fn retry_after(&self, attempt: u32) -> Option<&RetryQueue> {
        let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
        self.retry_queues.get(index)
    }

    /// Declares the exchange and all queue families, so that no message is lost because its consumer has not started yet.
    pub(super) async fn declare_all(settings: &AmqpSettings, link: &mut Link) -> Result<(), LinkError> {
        for family in Self::all(settings) {
            family.declare(link).await?;
            // The queue of sales receives messages only if something consumes it, because each message costs the broker work.
            if !family.single_active_consumer {
                family.bind(link).await?;
            }
        }
        Ok(())
    }

    /// Returns the names of all queues of the family.
    pub fn queues(&self) -> impl Iterator<Item = &str> {
        [self.work_queue.as_str(), &self.dead_queue].into_iter().chain(self.retry_queues.iter().map(|retry| retry.queue.as_str()))
    }

    /// Declares the exchange and the queues of this family. It binds nothing.
    pub(super) async fn declare(&self, link: &mut Link) -> Result<(), LinkError> {
        let exchange = ExchangeDeclareArguments::of_type(&self.exchange, ExchangeType::Topic).durable(true).finish();
        link.call("declaring the exchange", |channel| async move { channel.exchange_declare(exchange).await }).await?;
        // A queue must exist before another one dead-letters into it.
        declare_queue(link, &self.dead_queue, vec![("x-delivery-limit", FieldValue::l(NO_DELIVERY_LIMIT))]).await?;
        let mut arguments = dead_lettering_to(&self.dead_queue);
        if self.single_active_consumer {
            arguments.push(("x-single-active-consumer", FieldValue::t(true)));
        }
        declare_queue(link, &self.work_queue, arguments).await?;
        for retry in &self.retry_queues {
            let mut arguments = dead_lettering_to(&self.work_queue);
            arguments.push(("x-message-ttl", FieldValue::l(i64::try_from(retry.delay.as_millis()).unwrap_or(i64::MAX))));
            declare_queue(link, &retry.queue, arguments).await?;
        }
        Ok(())
    }

    /// Binds the work queue to the exchange, from which it receives messages then.
    pub(super) async fn bind(&self, link: &mut Link) -> Result<(), LinkError> {
        for pattern in &self.patterns {
            let binding = QueueBindArguments::new(&self.work_queue, &self.exchange, pattern);
            link.call("binding the work queue", |channel| async move { channel.queue_bind(binding).await }).await?;
        }
        Ok(())
    }

    /// Ends the binding of the work queue, which keeps its messages but receives no more.
    pub async fn unbind(&self, settings: &AmqpSettings) -> Result<(), LinkError> {
        let mut link = Link::open(settings).await?;
        Self::declare_all(settings, &mut link).await?;
        self.unbind_patterns(&self.patterns, &mut link).await?;
        link.close().await;
        Ok(())
    }

    /// Ends bindings of the work queue, also those that do not exist.
    async fn unbind_patterns(&self, patterns: &[&str], link: &mut Link) -> Result<(), LinkError> {
        for pattern in patterns {
            let binding = QueueUnbindArguments::new(&self.work_queue, &self.exchange, pattern);
            link.call("unbinding the work queue", |channel| async move { channel.queue_unbind(binding).await }).await?;
        }
        Ok(())
    }

    /// Deletes the exchange and all queues with their messages. Meant for tests and for removing an installation.
    pub async fn delete(settings: &AmqpSettings) -> Result<(), LinkError> {
        let mut families = Self::all(settings).to_vec();
        families.extend(Self::all_notifications(settings));
        let mut link = Link::open(settings).await?;
        for queue in families.iter().flat_map(Self::queues) {
            let arguments = QueueDeleteArguments::new(queue);
            link.call("deleting a queue", |channel: Channel| async move { channel.queue_delete(arguments).await }).await?;
        }
        let arguments = ExchangeDeleteArguments::new(&Self::new(settings).exchange);
        link.call("deleting the exchange", |channel| async move { channel.exchange_delete(arguments).await }).await?;
        link.close().await;
        Ok(())
    }
}

fn delay_name(delay: Duration) -> String {
    if delay.subsec_nanos() == 0 { format!("{}s", delay.as_secs()) } else { format!("{}ms", delay.as_millis()) }
}

/// Returns the arguments of a queue that dead-letters into another. With the strategy `at-least-once` the broker keeps a message
/// until the other queue has confirmed it.
fn dead_lettering_to(queue: &str) -> Vec<(&'static str, FieldValue)> {
    vec![
        ("x-delivery-limit", FieldValue::l(DELIVERY_LIMIT)),
        ("x-dead-letter-exchange", FieldValue::from("")),
        ("x-dead-letter-routing-key", FieldValue::from(queue)),
        ("x-dead-letter-strategy", FieldValue::from("at-least-once")),
    ]
}

async fn declare_queue(link: &mut Link, name: &str, further: Vec<(&'static str, FieldValue)>) -> Result<(), LinkError> {
    let mut arguments = vec![("x-queue-type", FieldValue::from("quorum")), ("x-overflow", FieldValue::from("reject-publish"))];
    arguments.extend(further);
    let declaration = QueueDeclareArguments::durable_client_named(name).arguments(table(arguments)?).finish();
    link.call("declaring a queue", |channel| async move { channel.queue_declare(declaration).await }).await?;
    Ok(())
}

/// Builds an argument table. Each name must occur only once.
pub(super) fn table(arguments: Vec<(&'static str, FieldValue)>) -> Result<FieldTable, LinkError> {
    let mut table = FieldTable::new();
    for (name, value) in arguments {
        let name = name.try_into().map_err(|_| LinkError::Settings(format!("the argument name {name} is too long")))?;
        table.insert(name, value);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_contain_the_prefix_and_the_delays() {
        let mut settings = AmqpSettings::new("amqp://localhost".into());
        let topology = Topology::new(&settings);
        assert_eq!(topology.exchange, "rowlock.events");
        assert_eq!(
            topology.queues().collect::<Vec<_>>(),
            [
                "rowlock.tickets-released.v1",
                "rowlock.tickets-released.v1.dead",
                "rowlock.tickets-released.v1.retry.1s",
                "rowlock.tickets-released.v1.retry.10s",
                "rowlock.tickets-released.v1.retry.60s",
                "rowlock.tickets-released.v1.retry.300s",
            ]
        );
        settings.retry_delays = vec![Duration::from_millis(1500)];
        assert_eq!(Topology::new(&settings).retry_queues[0].queue, "rowlock.tickets-released.v1.retry.1500ms");
    }

    #[test]
    fn each_attempt_has_its_retry_queue_and_the_last_has_none() {
        let topology = Topology::new(&AmqpSettings::new("amqp://localhost".into()));
        let delays: Vec<_> = (0..=5).map(|attempt| topology.retry_after(attempt).map(|retry| retry.delay.as_secs())).collect();
        assert_eq!(delays, [None, Some(1), Some(10), Some(60), Some(300), None]);
    }
}
