//! Making an event with its ticket types. Nothing is locked: what is made is seen by nobody before the commit.

use diesel::dsl::{exists, select};
use diesel::prelude::*;
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, TransactionManager};
use rowlock_domain::Timestamp;
use rowlock_domain::allocation::{Stock, Terms};
use rowlock_domain::auditlog::{Action, Actor, AuditEntry};
use rowlock_domain::ids::{AccountId, AuditEntryId, EventId, MessageId, TicketTypeId, TypeKey};
use rowlock_domain::messages::{Fact, Message, Subject};
use rowlock_domain::states::{EventStatus, WaitlistUntil};
use rowlock_domain::text::{Description, Title};
use rowlock_domain::values::{AccountLimit, Capacity, Price, Quantity};
use rowlock_postgres::{Connection, DatabaseError, Fault, Pool, checkout};

use crate::auditlog::record;
use crate::command::{CommandError, OutOfOrder};
use crate::create_once::{CreateOnce, Created};
use crate::schema::{events, ticket_types};
use crate::views::{Event, EventWithTypes, TicketType};

/// An event to be made.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its id, made beforehand.
    pub id: EventId,
    /// What it is called.
    pub name: Title,
    /// What it is about.
    pub description: Option<Description>,
    /// Where it takes place.
    pub venue: Option<Title>,
    /// When it begins and ends, and so on.
    pub times: EventTimes,
    /// What ends its waiting list.
    pub waitlist_until: WaitlistUntil,
    /// Public at once, or a draft.
    pub publish: bool,
    /// The administrator.
    pub created_by: AccountId,
    /// Its types, in their order.
    pub types: Vec<NewType>,
    /// The id of the message that tells of it.
    pub message: MessageId,
    /// Who makes it, and the id of the entry in the audit log.
    pub audit: (AuditEntryId, Actor),
}

/// A ticket type to be made.
#[derive(Debug, Clone)]
pub struct NewType {
    /// Its id, made beforehand.
    pub id: TicketTypeId,
    /// What it is called.
    pub name: Title,
    /// What it costs.
    pub price: Price,
    /// How many tickets there are.
    pub capacity: Capacity,
    /// The largest quantity of one booking.
    pub max_per_booking: Quantity,
    /// The most one account may have.
    pub max_per_account: Option<AccountLimit>,
}

/// The times of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventTimes {
    /// When it begins.
    pub starts_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// When sales begin.
    pub sales_start_at: Option<Timestamp>,
    /// When sales end.
    pub sales_end_at: Option<Timestamp>,
    /// The last moment at which holders can return tickets.
    pub cancel_until: Option<Timestamp>,
}

impl EventTimes {
    /// Checks that the times fit each other, and returns every field that does not.
    ///
    /// Sales must end by the end of the event and begin before they end, because a window that never opens is a mistake.
    pub fn check(&self) -> Vec<OutOfOrder> {
        let mut wrong = Vec::new();
        let mut refuse = |field, reason| wrong.push(OutOfOrder { field, reason });
        let &Self { starts_at, ends_at, sales_start_at, sales_end_at, cancel_until } = self;
        match (starts_at, ends_at) {
            (None, Some(_)) => refuse("endsAt", "needs startsAt"),
            (Some(start), Some(end)) if end < start => refuse("endsAt", "must not come before startsAt"),
            _ => {}
        }
        let sales_are_ordered = match (sales_start_at, sales_end_at) {
            (Some(start), Some(end)) => start < end,
            _ => true,
        };
        if !sales_are_ordered {
            refuse("salesEndAt", "must come after salesStartAt");
        }
        let event_end = ends_at.or(starts_at);
        if sales_are_ordered && event_end.is_some_and(|event_end| sales_end_at.is_some_and(|end| end > event_end)) {
            refuse("salesEndAt", "must not come after the end of the event (endsAt, or startsAt if there is no endsAt)");
        }
        if let (Some(sales_start), Some(start), None) = (sales_start_at, starts_at, sales_end_at)
            && sales_start >= start
        {
            refuse("salesStartAt", "must come before startsAt, when sales end unless salesEndAt says otherwise");
        }
        if cancel_until.is_some_and(|deadline| starts_at.is_some_and(|start| deadline > start)) {
            refuse("cancelUntil", "must not come after startsAt, from when tickets cannot be returned anyway");
        }
        wrong
    }
}

/// Makes an event. If the answer to the COMMIT is lost, looks whether the event is there.
pub async fn create_event(pool: &Pool, new: NewEvent, now: Timestamp, source: &'static str) -> Result<EventWithTypes, CommandError> {
    match create_event_once(pool, new, now, source, None).await? {
        Created::New(event) => Ok(*event),
        Created::Replayed(_) | Created::KeyReused => Err(CommandError::Failed("a request without a key was replayed".to_owned())),
    }
}

/// Makes an event, or finds that a request with the same key has made one.
pub async fn create_event_once(
    pool: &Pool,
    new: NewEvent,
    now: Timestamp,
    source: &'static str,
    once: Option<CreateOnce>,
) -> Result<Created, CommandError> {
    let pool = pool.clone();
    let made = tokio::spawn(async move {
        let id = new.id;
        let made = rows_of(new, now);
        let mut conn = checkout(&pool).await?;
        if let Some(once) = &once
            && let Some(known) = once.find(&mut conn).await.map_err(refused)?
        {
            return Ok(known);
        }
        AnsiTransactionManager::begin_transaction(&mut *conn).await.map_err(refused)?;
        let key_taken = match &once {
            Some(once) => once.take(&mut conn, &made.event).await,
            None => Ok(true),
        };
        if let (Some(once), Ok(false)) = (&once, &key_taken) {
            AnsiTransactionManager::rollback_transaction(&mut *conn).await.map_err(refused)?;
            let known = once.find(&mut conn).await.map_err(refused)?;
            return known.ok_or_else(|| CommandError::Busy("the idempotency key is in use".to_owned()));
        }
        let inserted = match key_taken {
            Ok(_) => insert(&mut conn, &made, source).await,
            Err(error) => Err(error),
        };
        if let Err(error) = inserted {
            let _ = AnsiTransactionManager::rollback_transaction(&mut *conn).await;
            return Err(refused(error));
        }
        match AnsiTransactionManager::commit_transaction(&mut *conn).await {
            Ok(()) => Ok(Created::New(Box::new(made.event))),
            Err(error) if Fault::of(&error) == Fault::Data => Err(refused(error)),
            Err(error) => {
                drop(Connection::take(conn));
                let mut conn = checkout(&pool).await.map_err(|_| CommandError::Unknown(error.to_string()))?;
                let found: bool = select(exists(events::table.find(id.as_uuid())))
                    .get_result(&mut conn)
                    .await
                    .map_err(|_| CommandError::Unknown(error.to_string()))?;
                // Without a lock to wait for, an absent event may still appear: only a present one is the truth.
                if found { Ok(Created::New(Box::new(made.event))) } else { Err(CommandError::Unknown(error.to_string())) }
            }
        }
    });
    made.await.unwrap_or_else(|error| Err(CommandError::Unknown(error.to_string())))
}

fn refused(error: diesel::result::Error) -> CommandError {
    DatabaseError::from(error).into()
}

/// What is written for a new event.
struct Made {
    event: EventWithTypes,
    message: MessageId,
    audit: AuditEntry,
}

fn rows_of(new: NewEvent, now: Timestamp) -> Made {
    let (id, actor) = new.audit;
    let total: u64 = new.types.iter().map(|new_type| u64::from(new_type.capacity.get())).sum();
    let details = [("name".to_owned(), new.name.as_str().into()), ("totalTickets".to_owned(), total.into())].into_iter().collect();
    let audit = AuditEntry { id, at: now, actor, action: Action::CreateEvent, subject: new.id.as_uuid(), details };

    let event = Event {
        id: new.id,
        name: new.name.into_string(),
        description: new.description.map(Description::into_string),
        venue: new.venue.map(Title::into_string),
        starts_at: new.times.starts_at,
        ends_at: new.times.ends_at,
        sales_start_at: new.times.sales_start_at,
        sales_end_at: new.times.sales_end_at,
        waitlist_until: new.waitlist_until,
        cancel_until: new.times.cancel_until,
        status: if new.publish { EventStatus::Published } else { EventStatus::Draft },
        published_at: new.publish.then_some(now),
        version: 1,
        created_by: new.created_by,
        created_at: now,
        updated_at: now,
    };
    let types = (0i16..).zip(new.types).map(|(position, new_type)| TicketType {
        key: TypeKey { event: new.id, ticket_type: new_type.id },
        position,
        name: new_type.name.into_string(),
        price_minor: new_type.price.amount_minor,
        currency: new_type.price.currency.as_str().to_owned(),
        stock: Stock {
            capacity: new_type.capacity.get(),
            available: new_type.capacity.get(),
            booked: 0,
            held: 0,
            waiting: 0,
            next_number: 1,
            version: 0,
        },
        terms: Terms { max_per_booking: new_type.max_per_booking.get(), max_per_account: new_type.max_per_account.map(AccountLimit::get) },
    });
    Made { event: EventWithTypes { types: types.collect(), event }, message: new.message, audit }
}

async fn insert(conn: &mut AsyncPgConnection, Made { event: made, message, audit }: &Made, source: &str) -> QueryResult<()> {
    let event = &made.event;
    record(conn, audit).await?;
    diesel::insert_into(events::table)
        .values((
            events::id.eq(event.id.as_uuid()),
            events::name.eq(&event.name),
            events::description.eq(&event.description),
            events::venue.eq(&event.venue),
            events::starts_at.eq(event.starts_at),
            events::ends_at.eq(event.ends_at),
            events::sales_start_at.eq(event.sales_start_at),
            events::sales_end_at.eq(event.sales_end_at),
            events::waitlist_until.eq(event.waitlist_until.as_str()),
            events::cancel_until.eq(event.cancel_until),
            events::status.eq(event.status.as_str()),
            events::published_at.eq(event.published_at),
            events::version.eq(event.version),
            events::created_by.eq(event.created_by.as_uuid()),
            events::created_at.eq(event.created_at),
            events::updated_at.eq(event.updated_at),
        ))
        .execute(conn)
        .await?;
    let int = |value: u32| i32::try_from(value).map_err(|error| diesel::result::Error::SerializationError(Box::new(error)));
    for ticket_type in &made.types {
        diesel::insert_into(ticket_types::table)
            .values((
                ticket_types::event_id.eq(event.id.as_uuid()),
                ticket_types::id.eq(ticket_type.key.ticket_type.as_uuid()),
                ticket_types::position.eq(ticket_type.position),
                ticket_types::name.eq(&ticket_type.name),
                ticket_types::price_minor.eq(ticket_type.price_minor),
                ticket_types::currency.eq(&ticket_type.currency),
                ticket_types::capacity.eq(int(ticket_type.stock.capacity)?),
                ticket_types::available.eq(int(ticket_type.stock.available)?),
                ticket_types::max_per_booking.eq(int(ticket_type.terms.max_per_booking)?),
                ticket_types::max_per_account.eq(ticket_type.terms.max_per_account.map(int).transpose()?),
            ))
            .execute(conn)
            .await?;
    }
    let fact = Fact::EventCreated { status: event.status };
    let message =
        Message { id: *message, subject: Subject::Event(event.id), sequence: event.version, time: event.created_at, fact, trace: None };
    crate::execute::insert_message(conn, &message, source).await
}
