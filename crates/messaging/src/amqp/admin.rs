//! Administrative operations on queues. Each uses a link of its own, because the broker reports an error by closing the
//! channel.

use amqprs::FieldValue;
use amqprs::channel::{QueueBindArguments, QueueDeclareArguments, QueueDeleteArguments};

use super::link::Link;
use super::topology::table;
use super::{AmqpSettings, LinkError, Topology};

/// A queue that a consumer outside Rowlock binds to the events exchange.
#[derive(Debug, Clone, Default)]
pub struct QueueDeclaration {
    /// Name of the queue, 1 to 255 bytes.
    pub name: String,
    /// Routing keys or topic patterns of the events that are routed to the queue.
    pub binding_keys: Vec<String>,
    /// Maximum number of messages. A full queue rejects further messages with `basic.nack` to the publisher.
    pub max_length: Option<u32>,
    /// Whether to declare a quorum queue, as Rowlock's own are, whose confirmed messages survive a broker crash.
    pub quorum: bool,
}

/// Declares a durable queue and binds it to the events exchange.
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

/// Returns the number of ready messages in a queue, or `None` if the queue does not exist. Unacknowledged deliveries do not
/// count.
pub async fn queue_depth(settings: &AmqpSettings, queue: &str) -> Result<Option<u32>, LinkError> {
    check_name(queue)?;
    let mut link = Link::open(settings).await?;
    let declaration = QueueDeclareArguments::new(queue).passive(true).finish();
    let declared = link.call("reading a queue's depth", |channel| async move { channel.queue_declare(declaration).await }).await;
    match declared {
        Ok(declared) => {
            link.close().await;
            Ok(declared.map(|(_, messages, _)| messages))
        }
        Err(LinkError::Closed { code: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes a queue and all its messages. Succeeds if the queue does not exist.
pub async fn delete_queue(settings: &AmqpSettings, queue: &str) -> Result<(), LinkError> {
    check_name(queue)?;
    let mut link = Link::open(settings).await?;
    let arguments = QueueDeleteArguments::new(queue);
    link.call("deleting a queue", |channel| async move { channel.queue_delete(arguments).await }).await?;
    link.close().await;
    Ok(())
}

/// Checks the length of a name, because amqprs panics on longer ones.
fn check_name(name: &str) -> Result<(), LinkError> {
    if name.is_empty() || name.len() > 255 {
        return Err(LinkError::Settings("a queue name or routing key must be 1 to 255 bytes long".to_owned()));
    }
    Ok(())
}
