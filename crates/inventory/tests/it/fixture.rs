//! An inventory with a database and a helper to create events, for tests below HTTP.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowlock_domain::Timestamp;
use rowlock_domain::auditlog::{Actor, ActorRole};
use rowlock_domain::ids::{AccountId, AuditEntryId, BookingId, EventId, MessageId, TicketTypeId, TypeKey, WaitlistEntryId, WishId};
use rowlock_domain::messages::Urgency;
use rowlock_domain::states::WaitlistUntil;
use rowlock_domain::time_zone::TimeZoneName;
use rowlock_domain::values::{Capacity, CheckoutMinutes, OfferMinutes, Price, Quantity};
use rowlock_inventory::command::{
    Authority, Book, BookWish, CancelBooking, ChangeEntry, ChangeEvent, LeaveWaitlist, Reallocate, RenderedResponse, Target, TypeChange,
    WishedType,
};
use rowlock_inventory::create::{NewEvent, NewTicketType, create_event};
use rowlock_inventory::event_times::EventTimes;
use rowlock_inventory::views::Holder;
use rowlock_inventory::{Command, Inventory, InventoryConfig, MessageFormat, Outcome};
use rowlock_platform::clock::Clock;
use rowlock_postgres::{ConnectionLimits, Pool, build_keyed_pool};
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::system::BookingTemplate;

pub(crate) struct InventoryFixture {
    pub(crate) database: TestDatabase,
    pub(crate) pool: Pool,
    pub(crate) inventory: Inventory,
    pub(crate) clock: Clock,
    /// The urgencies of the messages of the transactions, in the order of the commits.
    pub(crate) urgencies: Arc<Mutex<Vec<Urgency>>>,
}

/// Creates a view of the messages in the outbox, of which a row contains one or more, in the order of `id, n`.
const OUTBOX_MESSAGES: &str = "CREATE VIEW outbox_messages AS
    SELECT o.id, m.n, (m.payload->'data'->>'eventId')::uuid AS event_id, o.routing_key, m.payload
      FROM outbox o CROSS JOIN LATERAL jsonb_array_elements(
           CASE WHEN left(o.payload, 1) = '[' THEN o.payload::jsonb ELSE jsonb_build_array(o.payload::jsonb) END) WITH ORDINALITY AS m (payload, n)";

impl InventoryFixture {
    pub(crate) async fn new() -> Self {
        Self::with(false).await
    }

    pub(crate) async fn with(one_event_per_transaction: bool) -> Self {
        let database = TestDatabase::new(&BookingTemplate).await;
        database.admin().await.batch_execute(OUTBOX_MESSAGES).await.unwrap();
        let pool = build_keyed_pool(&database.service_url(), 4, ConnectionLimits::default(), "a test").unwrap();
        let clock = Clock::system();
        let ids = clock.clone();
        let urgencies = Arc::<Mutex<Vec<Urgency>>>::default();
        let seen = Arc::clone(&urgencies);
        let inventory = Inventory::new(InventoryConfig {
            pool: pool.clone(),
            new_id: Arc::new(move || ids.uuid()),
            render: Arc::new(answer),
            on_messages: Arc::new(move |urgency| seen.lock().unwrap().push(urgency)),
            on_transaction: Arc::new(|_| {}),
            messages: MessageFormat { source: "/a/test", max_batch_items: NonZeroUsize::new(5).unwrap() },
            response_timeout: ConnectionLimits::default().response_timeout(),
            resolve_timeout: Duration::from_secs(1),
            one_event_per_transaction,
        });
        Self { database, pool, inventory, clock, urgencies }
    }

    pub(crate) async fn event(&self, capacity: u32) -> TypeKey {
        self.event_with(capacity, None, None).await
    }

    /// Creates an event whose bookings are reserved for `checkout` minutes and whose promoted entries for `offer` minutes.
    pub(crate) async fn event_with(&self, capacity: u32, checkout: Option<i64>, offer: Option<i64>) -> TypeKey {
        self.event_of(&[capacity], checkout, offer).await[0]
    }

    /// Creates an event with several ticket types, whose keys are in ascending order.
    pub(crate) async fn event_of(&self, capacities: &[u32], checkout: Option<i64>, offer: Option<i64>) -> Vec<TypeKey> {
        let id = EventId::from_uuid(self.clock.uuid());
        let new_type = |capacity: &u32| NewTicketType {
            id: TicketTypeId::from_uuid(self.clock.uuid()),
            name: "One of them".parse().unwrap(),
            price: Price { amount_minor: 0, currency: "EUR".parse().unwrap() },
            capacity: Capacity::new((*capacity).into()).unwrap(),
            max_per_booking: Quantity::new(10).unwrap(),
            max_per_account: None,
        };
        let mut types: Vec<_> = capacities.iter().map(new_type).collect();
        // Ids of the same millisecond are in no order.
        let mut ids: Vec<_> = types.iter().map(|new| new.id).collect();
        ids.sort_unstable();
        types.iter_mut().zip(&ids).for_each(|(new, id)| new.id = *id);
        let new = NewEvent {
            id,
            name: "A test".parse().unwrap(),
            description: None,
            venue: None,
            time_zone: TimeZoneName::UTC,
            times: EventTimes::default(),
            waitlist_until: WaitlistUntil::Start,
            checkout_minutes: checkout.map(|minutes| CheckoutMinutes::new(minutes).unwrap()),
            offer_minutes: offer.map(|minutes| OfferMinutes::new(minutes).unwrap()),
            publish: true,
            created_by: AccountId::from_uuid(self.clock.uuid()),
            types,
            message: MessageId::from_uuid(self.clock.uuid()),
            audit: (AuditEntryId::from_uuid(self.clock.uuid()), Actor { account_id: None, role: ActorRole::Operator, request_id: None }),
        };
        create_event(&self.pool, new, self.clock.now(), "/a/test").await.unwrap();
        ids.into_iter().map(|ticket_type| TypeKey { event: id, ticket_type }).collect()
    }

    pub(crate) fn account(&self) -> AccountId {
        AccountId::from_uuid(self.clock.uuid())
    }

    pub(crate) fn book(&self, key: TypeKey, account: AccountId, quantity: u32) -> Book {
        Book {
            key,
            holder: Holder { account, name: "Ada".to_owned(), email: "ada@example.org".to_owned() },
            quantity: Quantity::new(quantity.into()).unwrap(),
            min_quantity: None,
            join_waitlist: true,
            booking: BookingId::from_uuid(self.clock.uuid()),
            entry: WaitlistEntryId::from_uuid(self.clock.uuid()),
            idempotency: None,
            administrator: None,
            for_guest: false,
        }
    }

    /// Returns a wish for tickets of one of these types.
    pub(crate) fn wish(&self, types: &[TypeKey], account: AccountId, quantity: u32) -> BookWish {
        BookWish {
            event: types[0].event,
            wish: WishId::from_uuid(self.clock.uuid()),
            types: types
                .iter()
                .map(|key| WishedType { id: key.ticket_type, entry: WaitlistEntryId::from_uuid(self.clock.uuid()) })
                .collect(),
            holder: Holder { account, name: "Ada".to_owned(), email: "ada@example.org".to_owned() },
            quantity: Quantity::new(quantity.into()).unwrap(),
            min_quantity: None,
            join_waitlist: true,
            booking: BookingId::from_uuid(self.clock.uuid()),
            idempotency: None,
        }
    }

    /// Returns the routing keys of an event's messages, in their order.
    pub(crate) async fn routing_keys(&self, key: TypeKey) -> Vec<String> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            routing_key: String,
        }
        let sql = format!("SELECT routing_key FROM outbox_messages WHERE event_id = '{}' ORDER BY id, n", key.event);
        let rows: Vec<Row> = diesel::sql_query(sql).load(&mut self.database.admin().await).await.unwrap();
        rows.into_iter().map(|row| row.routing_key).collect()
    }

    pub(crate) async fn close(self) {
        drop((self.inventory, self.pool));
        self.database.close().await;
    }
}

pub(crate) fn cancel(book: &Book, quantity: Option<u32>) -> Command {
    Command::CancelBooking(CancelBooking {
        event: book.key.event,
        account: book.holder.account,
        target: Target::ById(book.booking, book.key.ticket_type),
        quantity: quantity.map(|quantity| Quantity::new(quantity.into()).unwrap()),
        idempotency: None,
        authority: Authority::Holder,
    })
}

pub(crate) fn leave(book: &Book) -> Command {
    Command::LeaveWaitlist(LeaveWaitlist {
        event: book.key.event,
        account: book.holder.account,
        target: Target::ById(book.entry, book.key.ticket_type),
        whole_wish: false,
        idempotency: None,
        authority: Authority::Holder,
    })
}

/// Returns one of the choices of a wish as if it were a request of its own.
pub(crate) fn choice(wish: &BookWish, index: usize) -> Book {
    let WishedType { id, entry } = wish.types[index];
    Book {
        key: TypeKey { event: wish.event, ticket_type: id },
        holder: wish.holder.clone(),
        quantity: wish.quantity,
        min_quantity: wish.min_quantity,
        join_waitlist: wish.join_waitlist,
        booking: wish.booking,
        entry,
        idempotency: None,
        administrator: None,
        for_guest: false,
    }
}

/// Leaves all lists of a wish, through one of its entries.
pub(crate) fn leave_wish(wish: &BookWish, index: usize) -> Command {
    let WishedType { id, entry } = wish.types[index];
    Command::LeaveWaitlist(LeaveWaitlist {
        event: wish.event,
        account: wish.holder.account,
        target: Target::ById(entry, id),
        whole_wish: true,
        idempotency: None,
        authority: Authority::Holder,
    })
}

pub(crate) fn change_entry(book: &Book, quantity: impl Into<Option<u32>>, min_quantity: Option<u32>) -> Command {
    let checked = |quantity: u32| Quantity::new(quantity.into()).unwrap();
    Command::ChangeEntry(ChangeEntry {
        event: book.key.event,
        account: book.holder.account,
        target: Target::ById(book.entry, book.key.ticket_type),
        quantity: quantity.into().map(checked),
        min_quantity: min_quantity.map(checked),
        idempotency: None,
    })
}

pub(crate) fn reallocate(key: TypeKey, limit: usize) -> Command {
    Command::Reallocate(Reallocate { key, limit })
}

/// Renders the stored response. It contains no id, so it is the same for every event.
fn answer(outcome: &Outcome) -> Option<RenderedResponse> {
    match outcome {
        Outcome::Booked(b) => Some(RenderedResponse { status: 201, body: format!("booked {}", b.booking.quantity), etag: None }),
        Outcome::Waitlisted(w) => Some(RenderedResponse { status: 202, body: format!("waits {}", w.entry.number), etag: None }),
        _ => None,
    }
}

pub(crate) fn change(key: TypeKey, set: impl FnOnce(&mut TypeChange)) -> Command {
    let mut types = TypeChange { id: key.ticket_type, name: None, capacity: None, max_per_booking: None, max_per_account: None };
    set(&mut types);
    Command::ChangeEvent(Box::new(ChangeEvent { types: vec![types], ..ChangeEvent::unchanged(key.event) }))
}

pub(crate) fn move_start(key: TypeKey, starts_at: Timestamp) -> Command {
    Command::ChangeEvent(Box::new(ChangeEvent { starts_at: Some(Some(starts_at)), ..ChangeEvent::unchanged(key.event) }))
}
