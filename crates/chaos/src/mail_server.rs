//! A mail server that fails on schedule, and the list of the mails that it got.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rowlock_test_support::proxy::Proxy;
use rowlock_test_support::smtp_server::{Behavior, Received, SmtpServer};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::Fallible;
use crate::failing_peer::{FailureSchedule, lock};
use crate::postbox::Postbox;

/// Time between two collections of the received mails, whose contents are then thrown away.
const COLLECT_INTERVAL: Duration = Duration::from_millis(500);

/// The behaviors during a failure.
static FAILURES: [Behavior; 6] = [
    Behavior::RefuseRecipient("450 4.2.1 later"),
    Behavior::RefuseContent("452 4.3.1 later"),
    Behavior::CloseAtRecipient,
    Behavior::CloseAfterContent,
    Behavior::AcceptAndClose,
    Behavior::HangAfterContent,
];

/// The delivery that a mail belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeliveryId {
    /// Id of the message that reported the change.
    pub message: Uuid,
    /// Account that is told.
    pub recipient: Uuid,
}

/// The mails that were received.
#[derive(Debug, Default)]
struct Collected {
    taken: Vec<DeliveryId>,
    errors: Vec<String>,
}

/// A mail server behind a proxy.
#[derive(Debug)]
pub struct MailServer {
    /// The connections of the notifiers.
    pub connections: Proxy,
    /// The links of transfers in the mails.
    pub postbox: Postbox,
    server: Arc<SmtpServer>,
    schedule: Arc<FailureSchedule<Behavior>>,
    collected: Arc<Mutex<Collected>>,
    _collecting: AbortOnDropHandle<()>,
}

impl MailServer {
    /// Starts a server whose failures are drawn from this seed.
    pub async fn start(seed: u64) -> Self {
        let schedule = Arc::new(FailureSchedule::new(Behavior::Accept, &FAILURES, seed));
        let script = schedule.clone();
        let server = Arc::new(SmtpServer::scripted(move |_, _| script.now()));
        let connections = Proxy::start(server.address.to_string()).await;
        let collected = Arc::<Mutex<Collected>>::default();
        let postbox = Postbox::default();
        let (source, sink, links) = (server.clone(), collected.clone(), postbox.clone());
        let collecting = tokio::spawn(async move {
            let mut tick = tokio::time::interval(COLLECT_INTERVAL);
            loop {
                tick.tick().await;
                collect(&source, &sink, &links);
            }
        });
        Self { connections, postbox, server, schedule, collected, _collecting: AbortOnDropHandle::new(collecting) }
    }

    /// Stops failing.
    pub fn recover(&self) {
        self.schedule.recover();
        self.connections.pass();
    }

    /// Returns the deliveries of the mails that the server has taken, whether its response arrived or not, and a description of each
    /// mail that belongs to no delivery.
    pub fn taken(&self) -> (Vec<DeliveryId>, Vec<String>) {
        collect(&self.server, &self.collected, &self.postbox);
        let collected = std::mem::take(&mut *lock(&self.collected));
        (collected.taken, collected.errors)
    }
}

fn collect(server: &SmtpServer, collected: &Mutex<Collected>, postbox: &Postbox) {
    let mut collected = lock(collected);
    for mail in server.take_received().into_iter().filter(|mail| !mail.is_refused) {
        postbox.deliver(&mail.recipient, &mail.content);
        match delivery_of(&mail) {
            Ok(delivery) => collected.taken.push(delivery),
            Err(error) => collected.errors.push(format!("the mail to {} has no usable Message-ID: {error}", mail.recipient)),
        }
    }
}

/// Reads the delivery from the `Message-ID`, which is `<MESSAGE.RECIPIENT@DOMAIN>`.
fn delivery_of(mail: &Received) -> Fallible<DeliveryId> {
    let content = String::from_utf8_lossy(&mail.content);
    let id = content.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix("Message-ID: <"));
    let (message, recipient) = id.and_then(|id| id.split_once('@')?.0.split_once('.')).ok_or("the header is missing")?;
    Ok(DeliveryId { message: message.parse()?, recipient: recipient.parse()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delivery_of_a_mail_is_read_from_its_message_id() {
        let mail = |content: &str| Received { recipient: "ada@example.org".to_owned(), content: content.into(), is_refused: false };
        let (message, recipient) = (Uuid::from_u128(1), Uuid::from_u128(2));

        let read = delivery_of(&mail(&format!("From: a@b\r\nMessage-ID: <{message}.{recipient}@box.example>\r\n\r\nHello")));

        assert_eq!(read.unwrap(), DeliveryId { message, recipient });
        assert!(delivery_of(&mail("From: a@b\r\n\r\nMessage-ID: <x>")).is_err());
    }
}
