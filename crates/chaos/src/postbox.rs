//! The links of transfers that the mail server got, by the address to which they were sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use uuid::Uuid;

use crate::failing_peer::lock;

/// The link of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferLink {
    /// The transfer.
    pub transfer: Uuid,
    /// The secret of the link.
    pub token: String,
}

#[derive(Debug, Default)]
struct Contents {
    links: BTreeMap<String, Vec<TransferLink>>,
    /// The events of transfers, which the links do not name.
    events: BTreeMap<Uuid, Uuid>,
}

/// The links that have arrived. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Postbox(Arc<Mutex<Contents>>);

impl Postbox {
    /// Adds the link of a mail, if it has one.
    pub fn deliver(&self, recipient: &str, mail: &[u8]) {
        if let Some(link) = link_in(&String::from_utf8_lossy(mail)) {
            lock(&self.0).links.entry(recipient.to_ascii_lowercase()).or_default().push(link);
        }
    }

    /// Remembers the event of a transfer.
    pub fn add_event(&self, transfer: Uuid, event: Uuid) {
        lock(&self.0).events.insert(transfer, event);
    }

    /// Removes and returns a link that was sent to this address, with the event of its transfer.
    pub fn take(&self, recipient: &str) -> Option<(TransferLink, Uuid)> {
        let contents = &mut *lock(&self.0);
        let links = contents.links.get_mut(recipient)?;
        let index = links.iter().position(|link| contents.events.contains_key(&link.transfer))?;
        let link = links.swap_remove(index);
        let event = contents.events.get(&link.transfer).copied()?;
        Some((link, event))
    }
}

/// Finds the link of a transfer in a mail.
fn link_in(mail: &str) -> Option<TransferLink> {
    let (before, link) = mail.split_once("/transfers/")?;
    let encoding = before.rsplit_once("Content-Transfer-Encoding: ").and_then(|(_, header)| header.lines().next());
    let is_quoted = encoding == Some("quoted-printable");
    let link = if is_quoted { link.replace("=\r\n", "").replace("=3D", "=") } else { link.to_owned() };
    let (transfer, rest) = link.split_once("?token=")?;
    let token = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').next().unwrap_or_default();
    (!token.is_empty()).then_some(())?;
    Some(TransferLink { transfer: transfer.parse().ok()?, token: token.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_once_its_event_is_known() {
        let (postbox, transfer, event) = (Postbox::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        let id = transfer.to_string();
        let (start, end) = id.split_at(8);
        let quoted = "Content-Transfer-Encoding: quoted-printable\r\n\r\nShow:\r\nhttp://box.example";
        let broken = format!("{quoted}/transfers/{start}=\r\n{end}?token=3Dab-_=\r\n9\r\n");
        let plain = format!("Content-Transfer-Encoding: 7bit\r\n\r\nhttp://box.example/transfers/{id}?token=3Dab\r\n");
        postbox.deliver("Ben@example.org", broken.as_bytes());
        postbox.deliver("eve@example.org", plain.as_bytes());
        postbox.deliver("ada@example.org", b"Your tickets for Chess");
        assert_eq!(postbox.take("ben@example.org"), None);
        postbox.add_event(transfer, event);
        let link = TransferLink { transfer, token: "ab-_9".to_owned() };
        assert_eq!(postbox.take("ben@example.org"), Some((link, event)));
        assert_eq!((postbox.take("ben@example.org"), postbox.take("ada@example.org")), (None, None));
        assert_eq!(postbox.take("eve@example.org"), Some((TransferLink { transfer, token: "3Dab".to_owned() }, event)));
    }
}
