//! Questions and errands outside the daily traffic. Each uses a link of its own, because the broker answers a
//! wrong one by closing the channel.

use amqprs::FieldValue;
use amqprs::channel::{QueueBindArguments, QueueDeclareArguments, QueueDeleteArguments};

use super::link::Link;
use super::topology::table;
use super::{AmqpSettings, LinkError, Topology};

/// A queue of somebody outside Rowlock who listens to the events exchange.
#[derive(Debug, Clone, Default)]
pub struct QueueDeclaration {
    /// Its name.
    pub name: String,
    /// Routing keys, or patterns of them, that it gets from the events exchange.
    pub binding_keys: Vec<String>,
    /// How many messages it holds; beyond that it refuses more, and the publisher sees a `basic.nack`.
    pub max_length: Option<u32>,
    /// Whether it is a quorum queue, which keeps what it has confirmed when the broker is killed, as Rowlock's own do.
    pub quorum: bool,
}

/// Declares a durable queue and binds it.
pub async fn declare_queue(settings: &AmqpSettings, queue: &QueueDeclaration) -> Result<(), LinkError> {
    check_name(&queue.name)?;
    let topology = Topology::new(settings);
    let mut link = Link::open(settings).await?;
    Topology::declare_all(settings, &mut link).await?;
    let mut arguments = vec![
        ("x-queue-type", FieldValue::from(if queue.quorum { "quorum" } else { "classic" })),
        ("x-overflow", FieldValue::from("reject-publish")),
    ];
    if let Some(length) = queue.max_length {
        arguments.push(("x-max-length", FieldValue::l(i64::from(length))));
    }
    let declaration = QueueDeclareArguments::durable_client_named(&queue.name).arguments(table(arguments)?).finish();
    link.call("declaring a queue", |channel| async move { channel.queue_declare(declaration).await }).await?;
    for key in &queue.binding_keys {
        check_name(key)?;
        let binding = QueueBindArguments::new(&queue.name, &topology.exchange, key);
        link.call("binding a queue", |channel| async move { channel.queue_bind(binding).await }).await?;
    }
    link.close().await;
    Ok(())
}

/// How many messages are ready in a queue; none if there is no such queue. Those that a consumer holds do not count.
pub async fn queue_depth(settings: &AmqpSettings, queue: &str) -> Result<Option<u32>, LinkError> {
    check_name(queue)?;
    let mut link = Link::open(settings).await?;
    let question = QueueDeclareArguments::new(queue).passive(true).finish();
    let answer = link.call("asking for a queue's depth", |channel| async move { channel.queue_declare(question).await }).await;
    match answer {
        Ok(answer) => {
            link.close().await;
            Ok(answer.map(|(_, messages, _)| messages))
        }
        Err(LinkError::Closed { code: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes a queue with all that is in it. No error if there is none.
pub async fn delete_queue(settings: &AmqpSettings, queue: &str) -> Result<(), LinkError> {
    check_name(queue)?;
    let mut link = Link::open(settings).await?;
    let arguments = QueueDeleteArguments::new(queue);
    link.call("deleting a queue", |channel| async move { channel.queue_delete(arguments).await }).await?;
    link.close().await;
    Ok(())
}

/// amqprs panics on longer names.
fn check_name(name: &str) -> Result<(), LinkError> {
    if name.is_empty() || name.len() > 255 {
        return Err(LinkError::Settings("a queue name or routing key must have 1 to 255 bytes".to_owned()));
    }
    Ok(())
}
