-- Events, bookings, waiting lists and the outbox. Every key begins with event_id, so that the tables can be distributed by
-- event. The CHECK constraints are the invariants: faulty code causes an error instead of overselling.

CREATE TABLE events (
    id             uuid PRIMARY KEY,
    name           text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    description    text CHECK (char_length(description) <= 10000),
    venue          text CHECK (char_length(venue) BETWEEN 1 AND 200),
    starts_at      timestamptz,
    ends_at        timestamptz,
    sales_start_at timestamptz,
    sales_end_at   timestamptz,
    status         text NOT NULL CHECK (status IN ('draft', 'published', 'cancelled')),
    -- When the event was first published; null if it never was.
    published_at   timestamptz,
    -- Incremented by each change by an administrator; the ETag.
    version        bigint NOT NULL DEFAULT 1 CHECK (version >= 1),
    -- Set once an event that has started or was cancelled has nothing left to close; the sweep then skips it.
    settled_at     timestamptz,
    created_by     uuid NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    CONSTRAINT events_ends_after_start CHECK (ends_at IS NULL OR (starts_at IS NOT NULL AND ends_at >= starts_at)),
    CONSTRAINT events_sales_end_after_start CHECK (sales_end_at IS NULL OR sales_start_at IS NULL OR sales_end_at > sales_start_at),
    CONSTRAINT events_published_are_public CHECK (status <> 'published' OR published_at IS NOT NULL)
);

-- The public list: ordered by start, events without a start last, then by creation.
CREATE INDEX events_public ON events ((coalesce(starts_at, 'infinity'::timestamptz)), created_at, id) WHERE status = 'published';
-- The sweep: events that may have something to close.
CREATE INDEX events_unsettled ON events (starts_at) WHERE settled_at IS NULL;
CREATE INDEX events_unsettled_cancelled ON events (id) WHERE settled_at IS NULL AND status = 'cancelled';

CREATE TABLE ticket_types (
    event_id             uuid NOT NULL REFERENCES events (id),
    id                   uuid NOT NULL,
    -- Position in the list of ticket types of the event.
    position             smallint NOT NULL CHECK (position >= 0),
    name                 text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    price_minor          bigint NOT NULL CHECK (price_minor >= 0),
    currency             text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    capacity             integer NOT NULL CHECK (capacity >= 0),
    available            integer NOT NULL CHECK (available >= 0),
    booked               integer NOT NULL DEFAULT 0 CHECK (booked >= 0),
    held                 integer NOT NULL DEFAULT 0 CHECK (held >= 0),
    waiting              integer NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    next_waitlist_number bigint NOT NULL DEFAULT 1 CHECK (next_waitlist_number >= 1),
    version              bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
    max_per_booking      integer NOT NULL CHECK (max_per_booking BETWEEN 1 AND 100),
    max_per_account      integer CHECK (max_per_account >= 1),
    PRIMARY KEY (event_id, id),
    CONSTRAINT tickets_add_up CHECK (capacity = available + booked + held),
    CONSTRAINT tickets_held_only_for_waiting CHECK (held = 0 OR (available = 0 AND waiting > 0))
) WITH (fillfactor = 50);
-- Leaves space on each page for new versions of a row (HOT updates), because every batch of bookings updates the row.

-- The sweep: ticket types with tickets to reallocate.
CREATE INDEX ticket_types_held ON ticket_types (event_id, id) WHERE held > 0;

CREATE TABLE bookings (
    event_id       uuid NOT NULL,
    id             uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    account_id     uuid NOT NULL,
    holder_name    text NOT NULL,
    holder_email   text NOT NULL,
    -- Number of booked tickets; for a cancelled booking, the number before its cancellation.
    quantity       integer NOT NULL CHECK (quantity >= 1),
    status         text NOT NULL CHECK (status IN ('confirmed', 'cancelled')),
    origin         text NOT NULL CHECK (origin IN ('direct', 'waitlist')),
    booked_at      timestamptz NOT NULL,
    cancelled_at   timestamptz,
    PRIMARY KEY (event_id, id),
    FOREIGN KEY (event_id, ticket_type_id) REFERENCES ticket_types (event_id, id),
    CONSTRAINT bookings_cancelled_at_a_time CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL))
);

-- Bookings of an account, newest first: ids are UUIDv7.
CREATE INDEX bookings_of_account ON bookings (account_id, id);

CREATE TABLE waitlist_entries (
    event_id       uuid NOT NULL,
    id             uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    account_id     uuid NOT NULL,
    holder_name    text NOT NULL,
    holder_email   text NOT NULL,
    quantity       integer NOT NULL CHECK (quantity >= 1),
    -- Position in the waiting list of the ticket type. Assigned under the row lock of the type, so it never repeats and never
    -- decreases.
    number         bigint NOT NULL CHECK (number >= 1),
    status         text NOT NULL CHECK (status IN ('waiting', 'promoted', 'left', 'closed')),
    -- The booking that a promoted entry became. Both are written in the same transaction, so a foreign key is not needed.
    booking_id     uuid,
    joined_at      timestamptz NOT NULL,
    ended_at       timestamptz,
    PRIMARY KEY (event_id, id),
    FOREIGN KEY (event_id, ticket_type_id) REFERENCES ticket_types (event_id, id),
    CONSTRAINT waitlist_promoted_to_a_booking CHECK ((status = 'promoted') = (booking_id IS NOT NULL)),
    CONSTRAINT waitlist_ended_at_a_time CHECK ((status = 'waiting') = (ended_at IS NULL))
);

-- The waiting list of a ticket type in order.
CREATE UNIQUE INDEX waitlist_order ON waitlist_entries (event_id, ticket_type_id, number) WHERE status = 'waiting';
-- The first entries per quantity, which an allocation pass merges.
CREATE INDEX waitlist_heads ON waitlist_entries (event_id, ticket_type_id, quantity, number) WHERE status = 'waiting';
-- Entries of an account, newest first.
CREATE INDEX waitlist_of_account ON waitlist_entries (account_id, id);

-- Number of waiting entries per bucket of sequence numbers, with buckets of 64, 4,096 and 262,144 numbers, so that the cost of
-- computing a position does not depend on the length of the waiting list.
CREATE TABLE waitlist_counts (
    event_id       uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    level          smallint NOT NULL CHECK (level BETWEEN 0 AND 2),
    bucket         bigint NOT NULL CHECK (bucket >= 0),
    waiting        integer NOT NULL CHECK (waiting >= 0),
    PRIMARY KEY (event_id, ticket_type_id, level, bucket)
) WITH (fillfactor = 70);

-- Stored responses of requests with an idempotency key. A repeated request gets the identical response. Kept for 24 hours.
CREATE TABLE idempotency_keys (
    event_id     uuid NOT NULL,
    account_id   uuid NOT NULL,
    key          text NOT NULL,
    operation    text NOT NULL CHECK (operation IN ('book', 'cancel', 'leave')),
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    status       smallint NOT NULL CHECK (status BETWEEN 200 AND 299),
    response     text NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (event_id, account_id, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Evidence that a transaction without a new booking or entry was committed. It is looked up if the response to COMMIT was lost.
-- Kept for some minutes.
CREATE TABLE committed_batches (
    event_id     uuid NOT NULL,
    id           uuid NOT NULL,
    committed_at timestamptz NOT NULL,
    PRIMARY KEY (event_id, id)
);

-- Outbox: messages written in the transaction that made them true, until the relay has published them. Rows exist for
-- milliseconds.
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    uuid NOT NULL,
    message_id  uuid NOT NULL,
    routing_key text NOT NULL,
    payload     text NOT NULL,
    occurred_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);

-- Messages that the broker rejected several times, for operators.
CREATE TABLE outbox_failed (
    id          bigint PRIMARY KEY,
    event_id    uuid NOT NULL,
    message_id  uuid NOT NULL,
    routing_key text NOT NULL,
    payload     text NOT NULL,
    occurred_at timestamptz NOT NULL,
    failed_at   timestamptz NOT NULL DEFAULT now(),
    attempts    integer NOT NULL,
    reason      text NOT NULL
);
