-- The sales timeline: a read model that a consumer of the messages about ticket types writes, so that a chart of sales reads some
-- hundred rows instead of all bookings, and no booking writes anything for it. It can be rebuilt from the other tables at any
-- time: a type without a row in sales_progress is counted anew.
--
-- There is no foreign key to ticket_types, because its check would lock the row that every booking locks. Rows of deleted types
-- are deleted in the background.

-- How far the messages of a ticket type have been counted.
CREATE TABLE sales_progress (
    event_id         uuid NOT NULL,
    ticket_type_id   uuid NOT NULL,
    -- The version of the type up to which every message is counted in sales_minutes. A message with this number or a lower one
    -- is a duplicate.
    sequence         bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    -- The latest minute with a counted change.
    minute           timestamptz,
    -- The capacity before the first recorded change of it.
    initial_capacity integer NOT NULL CHECK (initial_capacity >= 0),
    PRIMARY KEY (event_id, ticket_type_id)
) WITH (fillfactor = 70);

-- The changes per ticket type and minute. Minutes without changes have no row.
CREATE TABLE sales_minutes (
    event_id       uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    minute         timestamptz NOT NULL CHECK (minute = date_bin('1 minute', minute, '2000-01-01 00:00:00+00')),
    -- Tickets booked from the available ones, returned, and given to the waiting list.
    booked         integer NOT NULL CHECK (booked >= 0),
    returned       integer NOT NULL CHECK (returned >= 0),
    promoted       integer NOT NULL CHECK (promoted >= 0),
    -- Entries of the waiting list that were promoted, that joined, and that left without tickets.
    promotions     integer NOT NULL CHECK (promotions >= 0),
    joined         integer NOT NULL CHECK (joined >= 0),
    withdrawn      integer NOT NULL CHECK (withdrawn >= 0),
    -- The capacity after its last change in this minute.
    capacity       integer CHECK (capacity >= 0),
    PRIMARY KEY (event_id, ticket_type_id, minute),
    FOREIGN KEY (event_id, ticket_type_id) REFERENCES sales_progress (event_id, ticket_type_id) ON DELETE CASCADE
) WITH (fillfactor = 70);

-- Messages that arrived before their predecessors. They are counted as soon as those have arrived. If a message is lost, the
-- type is counted anew from the minute of its last counted change.
CREATE TABLE sales_pending (
    event_id       uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    sequence       bigint NOT NULL CHECK (sequence >= 1),
    at             timestamptz NOT NULL,
    booked         integer NOT NULL CHECK (booked >= 0),
    returned       integer NOT NULL CHECK (returned >= 0),
    promoted       integer NOT NULL CHECK (promoted >= 0),
    promotions     integer NOT NULL CHECK (promotions >= 0),
    joined         integer NOT NULL CHECK (joined >= 0),
    withdrawn      integer NOT NULL CHECK (withdrawn >= 0),
    capacity       integer CHECK (capacity >= 0),
    PRIMARY KEY (event_id, ticket_type_id, sequence),
    FOREIGN KEY (event_id, ticket_type_id) REFERENCES sales_progress (event_id, ticket_type_id) ON DELETE CASCADE
);
