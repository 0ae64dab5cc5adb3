//! Decides whether a delivery is sent, and writes its mail.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::future::join_all;
use lettre::Address;
use lettre::message::Mailbox;
use rowlock_domain::ids::{AccountId, EventId};
use rowlock_domain::states::{EventStatus, Language};
use rowlock_platform::clock::Clock;
use rowlock_sealing::{ACCOUNT_NOTICE, AccountNotice, MailingList, TRANSFER_NOTICE, TransferNotice};
use serde::Deserialize;

use crate::attachments::{Attachments, TicketAttacher};
use crate::broadcast::{CHANGED_BACK, ChangeData, NOT_VISIBLE_YET, ReminderTimes, reason_to_skip};
use crate::contacts::{Contact, Contacts, Preferences};
use crate::delivery::{ClaimedDelivery, Kind, NoticeData, Outcome, TicketData, TransferData, WebhookData};
use crate::events::{Event, Events};
use crate::guests::{Guest, Guests};
use crate::mail::{Composer, OfferedTickets, OutgoingMail, Recipient, Topic};
use crate::states::{StateReader, States};
use crate::tickets::TicketsOfBatch;

/// The answers of other services about the deliveries of a batch.
pub(crate) struct LookedUp {
    contacts: Result<HashMap<AccountId, Contact>, String>,
    events: HashMap<EventId, Result<Option<Arc<Event>>, String>>,
    states: Result<States, String>,
    /// The guests among the recipients that have no account.
    guests: Result<HashMap<(EventId, AccountId), Guest>, String>,
    tickets: TicketsOfBatch,
}

impl LookedUp {
    /// Returns whether the other services answered.
    pub(crate) fn is_complete(&self) -> bool {
        self.contacts.is_ok() && self.states.is_ok() && self.guests.is_ok() && self.events.values().all(Result::is_ok)
    }

    fn event(&self, id: EventId) -> Result<&Event, Outcome> {
        match self.events.get(&id) {
            Some(Ok(Some(event))) => Ok(event),
            Some(Ok(None)) => Err(Outcome::Skipped("the event no longer exists or is not public".to_owned())),
            Some(Err(reason)) => Err(Outcome::Postponed(reason.clone())),
            None => Err(Outcome::Postponed("the event was not looked up".to_owned())),
        }
    }

    fn contact(&self, account: AccountId) -> Result<&Contact, Outcome> {
        self.known_contact(account)?.ok_or_else(Self::gone)
    }

    /// Returns the guest who holds tickets or a place at an event.
    fn guest(&self, event: EventId, account: AccountId) -> Result<&Guest, Outcome> {
        let guests = self.guests.as_ref().map_err(|reason| Outcome::Postponed(reason.clone()))?;
        guests.get(&(event, account)).ok_or_else(Self::gone)
    }

    fn known_contact(&self, account: AccountId) -> Result<Option<&Contact>, Outcome> {
        let contacts = self.contacts.as_ref().map_err(|reason| Outcome::Postponed(reason.clone()))?;
        Ok(contacts.get(&account))
    }

    fn gone() -> Outcome {
        Outcome::Skipped("the account no longer exists or is disabled".to_owned())
    }
}

/// The person to whom a mail about tickets is written.
struct Addressee {
    recipient: Recipient,
    /// The mails that the person wants, or `None` for a guest, who gets only mails about tickets that an administrator has booked.
    preferences: Option<Preferences>,
}

/// A delivery that is ready to be sent, or the reason why it is not sent.
pub(crate) enum Prepared {
    /// The mail to send.
    Mail(Box<OutgoingMail>),
    /// Nothing is sent.
    Nothing(Outcome),
}

impl From<Result<OutgoingMail, Outcome>> for Prepared {
    fn from(result: Result<OutgoingMail, Outcome>) -> Self {
        result.map_or_else(Self::Nothing, |mail| Self::Mail(Box::new(mail)))
    }
}

/// Prepares deliveries.
pub(crate) struct Preparer {
    pub(crate) contacts: Contacts,
    pub(crate) events: Events,
    pub(crate) states: StateReader,
    pub(crate) guests: Guests,
    /// Attaches tickets; `None` if mails carry none.
    pub(crate) tickets: Option<TicketAttacher>,
    pub(crate) composer: Composer,
    pub(crate) clock: Clock,
    pub(crate) reminders: ReminderTimes,
    pub(crate) default_language: Language,
}

/// Reads the column `data`.
fn data<'a, T: Deserialize<'a>>(delivery: &'a ClaimedDelivery) -> Result<T, Outcome> {
    T::deserialize(&delivery.data).map_err(|error| Outcome::Failed(format!("the data of the delivery cannot be read: {error}")))
}

/// Returns the kind of a delivery.
fn kind(delivery: &ClaimedDelivery) -> Result<Kind, Outcome> {
    Kind::of_name(&delivery.kind).ok_or_else(|| Outcome::Failed(format!("this build does not know the kind `{}`", delivery.kind)))
}

/// Reads the change that a delivery is about. Fails if the event does not show it yet, or is again as it was.
fn visible_change(delivery: &ClaimedDelivery, event: &Event) -> Result<ChangeData, Outcome> {
    let change: ChangeData = data(delivery)?;
    if event.version < change.version {
        return Err(Outcome::Postponed(NOT_VISIBLE_YET.to_owned()));
    }
    if change.previous.differ_from(event) { Ok(change) } else { Err(Outcome::Skipped(CHANGED_BACK.to_owned())) }
}

/// Returns the list from which people can unsubscribe, or `None` for mails about their own tickets.
const fn list_of(kind: Kind) -> Option<MailingList> {
    match kind {
        Kind::Waitlisted | Kind::WaitlistClosed => Some(MailingList::Waitlist),
        Kind::Reminder => Some(MailingList::Reminders),
        _ => None,
    }
}

impl Preparer {
    /// Asks the other services about the recipients and events of claimed deliveries.
    pub(crate) async fn look_up(&self, claimed: &[ClaimedDelivery]) -> LookedUp {
        let mut accounts = BTreeSet::new();
        let mut events = BTreeSet::new();
        let mut about_tickets = Vec::with_capacity(claimed.len());
        for delivery in claimed {
            let Ok(kind) = kind(delivery) else { continue };
            if kind == Kind::AccountNotice {
                continue;
            }
            accounts.insert(delivery.key.recipient);
            if let Ok(tickets) = data::<TicketData>(delivery) {
                events.insert(tickets.event_id);
                about_tickets.push((kind, delivery, tickets));
            }
        }
        let events = events.into_iter().map(|event| async move { (event, self.events.look_up(event).await) });
        let tickets = async {
            match &self.tickets {
                Some(attacher) => attacher.reader.look_up(&about_tickets).await,
                None => TicketsOfBatch::default(),
            }
        };
        let states = self.states.look_up(&about_tickets);
        let (contacts, events, states, tickets) = tokio::join!(self.contacts.look_up(&accounts), join_all(events), states, tickets);
        let unknown = contacts.as_ref().map(|contacts| {
            let holders = about_tickets.iter().map(|(_, delivery, tickets)| (tickets.event_id, delivery.key.recipient));
            holders.filter(|(_, account)| !contacts.contains_key(account)).collect()
        });
        let guests = self.guests.look_up(&unknown.unwrap_or_default()).await;
        for reason in [contacts.as_ref().err(), states.as_ref().err(), guests.as_ref().err()].into_iter().flatten() {
            tracing::warn!(%reason, "deliveries are postponed");
        }
        LookedUp { contacts, events: events.into_iter().collect(), states, guests, tickets }
    }

    /// Writes the mail of a delivery.
    pub(crate) async fn prepare(&self, delivery: &ClaimedDelivery, looked_up: &LookedUp) -> Prepared {
        let mail = match kind(delivery) {
            Ok(Kind::AccountNotice) => self.notice(delivery),
            Ok(Kind::WebhookDisabled) => self.about_webhook(delivery, looked_up),
            Ok(Kind::TransferOffered) => self.about_offered_tickets(delivery, looked_up),
            Ok(kind) => self.about_tickets(delivery, kind, looked_up).await,
            Err(outcome) => Err(outcome),
        };
        mail.into()
    }

    async fn about_tickets(&self, delivery: &ClaimedDelivery, kind: Kind, looked_up: &LookedUp) -> Result<OutgoingMail, Outcome> {
        let tickets: TicketData = data(delivery)?;
        let skipped = |reason: &str| Outcome::Skipped(reason.to_owned());
        let Addressee { recipient, preferences } = self.addressee(delivery, tickets.event_id, looked_up)?;
        let list = list_of(kind).filter(|_| preferences.is_some());
        match (list, preferences) {
            (Some(MailingList::Waitlist), Some(preferences)) if !preferences.waitlist => {
                return Err(skipped("the account does not want mails about its places in waiting lists"));
            }
            (Some(MailingList::Reminders), Some(preferences)) if !preferences.reminders => {
                return Err(skipped("the account does not want reminders"));
            }
            _ => {}
        }
        let event = looked_up.event(tickets.event_id)?;
        if let Some(reason) = self.reason_to_skip(kind, tickets, event) {
            return Err(skipped(reason));
        }
        let states = looked_up.states.as_ref().map_err(|reason| Outcome::Postponed(reason.clone()))?;
        let mut tickets = states.current(kind, delivery, tickets).map_err(skipped)?;
        let booking = looked_up.tickets.of(kind, delivery, states.is_confirmed(delivery))?;
        let attachments = match (booking, &self.tickets) {
            (Some(booking), Some(TicketAttacher { printer, .. })) => {
                tickets = TicketData { quantity: booking.quantity, remaining: booking.quantity, ..tickets };
                // An address that is not confirmed is not addressed by name.
                let printed = printer.print(booking, recipient.mailbox.name.is_some(), recipient.language).await;
                printed.map_err(Outcome::Failed)?
            }
            _ => Attachments::default(),
        };
        let change = if kind == Kind::EventChanged { Some(visible_change(delivery, event)?) } else { None };
        let topic = match &change {
            Some(ChangeData { previous, .. }) => Topic::Changed { previous, tickets, event },
            None => Topic::Tickets { kind, tickets, event },
        };
        self.composer.compose_with(delivery.key, &recipient, &topic, list, attachments).map_err(Outcome::Failed)
    }

    /// Returns the owner of the account, or else the guest with the token of the link.
    fn addressee(&self, delivery: &ClaimedDelivery, event: EventId, looked_up: &LookedUp) -> Result<Addressee, Outcome> {
        let account = delivery.key.recipient;
        if let Some(contact) = looked_up.known_contact(account)? {
            let invalid = || Outcome::Failed("the account's address is not a valid e-mail address".to_owned());
            let address = contact.address().ok_or_else(invalid)?;
            let language = contact.language.as_deref().and_then(|language| language.parse().ok());
            let recipient = self.recipient(address, contact.name(), language);
            return Ok(Addressee { recipient, preferences: Some(contact.notifications) });
        }
        let guest = looked_up.guest(event, account)?;
        let invalid = |_| Outcome::Failed("the address of the guest is not a valid e-mail address".to_owned());
        let address: Address = guest.email.parse().map_err(invalid)?;
        let token = guest.token(&self.composer.keys).map_err(|error| Outcome::Failed(error.to_string()))?;
        let recipient = Recipient { guest_token: Some(token), ..self.recipient(address, Some(&guest.name), None) };
        Ok(Addressee { recipient, preferences: None })
    }

    /// Returns why a mail about tickets is not sent because of its event or of the time, or `None` if it is.
    fn reason_to_skip(&self, kind: Kind, tickets: TicketData, event: &Event) -> Option<&'static str> {
        let now = self.clock.now();
        let is_called_off = tickets.is_called_off || event.status == EventStatus::Cancelled;
        match kind {
            Kind::EventChanged | Kind::Reminder => reason_to_skip(kind, event, self.reminders, now),
            // The account gets another mail if it lost tickets or its place.
            Kind::Confirmed
            | Kind::Promoted
            | Kind::Offered
            | Kind::Waitlisted
            | Kind::OfferLapsed
            | Kind::TransferReceived
            | Kind::GuestLink
            | Kind::WaitingGuestLink
                if is_called_off =>
            {
                Some("the event was called off")
            }
            Kind::Offered if tickets.offer.is_none_or(|offer| offer.expires_at <= now) => Some("the offer has lapsed"),
            // Nobody was told about the reservation.
            Kind::Withdrawn if !is_called_off => Some("the account returned tickets that were only reserved for it"),
            _ => None,
        }
    }

    fn about_webhook(&self, delivery: &ClaimedDelivery, looked_up: &LookedUp) -> Result<OutgoingMail, Outcome> {
        let webhook: WebhookData = data(delivery)?;
        let contact = looked_up.contact(delivery.key.recipient)?;
        let address = contact.address().ok_or_else(|| Outcome::Failed("the account's address is not a valid e-mail address".to_owned()))?;
        let language = contact.language.as_deref().and_then(|language| language.parse().ok());
        let recipient = self.recipient(address, contact.name(), language);
        self.composer.compose(delivery.key, &recipient, &Topic::Webhook(&webhook), None).map_err(Outcome::Failed)
    }

    /// Writes to the address to which an account offers tickets. It names nothing that the account has chosen, because anybody can
    /// have such a mail sent to any address. The language is that of the account.
    fn about_offered_tickets(&self, delivery: &ClaimedDelivery, looked_up: &LookedUp) -> Result<OutgoingMail, Outcome> {
        let tickets: TicketData = data(delivery)?;
        let TransferData { transfer_id, expires_at, sealed } = data(delivery)?;
        let contact = looked_up.contact(delivery.key.recipient)?;
        let event = looked_up.event(tickets.event_id)?;
        if event.status == EventStatus::Cancelled {
            return Err(Outcome::Skipped("the event was called off".to_owned()));
        }
        if expires_at <= self.clock.now() {
            return Err(Outcome::Skipped("the transfer has lapsed".to_owned()));
        }
        let notice: TransferNotice = self
            .composer
            .keys
            .open(TRANSFER_NOTICE, &sealed.0)
            .map_err(|error| Outcome::Failed(format!("the link of the transfer cannot be opened: {error}")))?;
        let invalid = |_| Outcome::Failed("the address of the transfer is not a valid e-mail address".to_owned());
        let address: Address = notice.email.parse().map_err(invalid)?;
        let language = contact.language.as_deref().and_then(|language| language.parse().ok());
        let recipient = self.recipient(address, None, language);
        let topic = Topic::Transfer(OfferedTickets { tickets, event, transfer: transfer_id, expires_at, token: &notice.token });
        self.composer.compose(delivery.key, &recipient, &topic, None).map_err(Outcome::Failed)
    }

    fn notice(&self, delivery: &ClaimedDelivery) -> Result<OutgoingMail, Outcome> {
        let NoticeData { sealed } = data(delivery)?;
        let notice: AccountNotice = self
            .composer
            .keys
            .open(ACCOUNT_NOTICE, &sealed.0)
            .map_err(|error| Outcome::Failed(format!("the notice of auth-service cannot be opened: {error}")))?;
        let invalid = |_| Outcome::Failed("the address in the notice is not a valid e-mail address".to_owned());
        let address: Address = notice.email.parse().map_err(invalid)?;
        let recipient = self.recipient(address, notice.name.as_deref(), notice.language);
        let topic = Topic::Account { notice: notice.notice, token: notice.token.as_deref() };
        self.composer.compose(delivery.key, &recipient, &topic, None).map_err(Outcome::Failed)
    }

    fn recipient(&self, address: Address, name: Option<&str>, language: Option<Language>) -> Recipient {
        let name = name.map(crate::mail::single_line).filter(|name| !name.is_empty());
        Recipient { mailbox: Mailbox::new(name, address), language: language.unwrap_or(self.default_language), guest_token: None }
    }
}
