-- The queue log: what happened to the waiting list of a ticket type, with a chain of hashes. It contains no personal data.

CREATE TABLE queue_log (
    event_id        uuid NOT NULL,
    ticket_type_id  uuid NOT NULL,
    -- Assigned under the row lock of the type, from 1 and without gaps.
    position        bigint NOT NULL CHECK (position >= 1),
    kind            text NOT NULL,
    -- The number of the entry (after a move the new one), or for `restarted` the highest number that was assigned before.
    entry_number    bigint NOT NULL CHECK (entry_number >= 1),
    previous_number bigint CHECK (previous_number >= 1),
    -- The number of tickets that the entry waits for, or that it got.
    quantity        integer CHECK (quantity >= 1),
    min_quantity    integer CHECK (min_quantity BETWEEN 1 AND quantity),
    -- The limits that decided a promotion: the number of tickets that were held for the waiting list, and the limit per booking.
    free            integer,
    max_per_booking integer,
    recorded_at     timestamptz NOT NULL,
    -- SHA-256 of the hash before and of this record, as docs/queue-log.md describes it.
    hash            bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (event_id, ticket_type_id, position),
    CONSTRAINT queue_log_values_of_the_kind CHECK (CASE
        WHEN kind IN ('joined', 'changed', 'reopened', 'listed')
            THEN num_nulls(quantity, min_quantity) = 0 AND num_nonnulls(previous_number, free, max_per_booking) = 0
        WHEN kind = 'moved'
            THEN num_nulls(previous_number, quantity, min_quantity) = 0 AND num_nonnulls(free, max_per_booking) = 0 AND entry_number > previous_number
        WHEN kind = 'promoted'
            THEN num_nulls(quantity, free, max_per_booking) = 0 AND num_nonnulls(previous_number, min_quantity) = 0 AND quantity <= least(free, max_per_booking)
        WHEN kind IN ('left', 'removed', 'closed', 'restarted')
            THEN num_nonnulls(previous_number, quantity, min_quantity, free, max_per_booking) = 0
        ELSE false END)
);

ALTER TABLE ticket_types
    -- The end of the queue log: the position and the hash of its last record. Both are read with the lock and written with the
    -- counters, and only if the waiting list has changed.
    ADD COLUMN queue_position bigint NOT NULL DEFAULT 0 CHECK (queue_position >= 0),
    ADD COLUMN queue_hash bytea CHECK (octet_length(queue_hash) = 32),
    -- The version of the row up to which the log is complete. If it is behind, the previous release, which keeps no log, may have
    -- changed the queue, and the log starts anew with the entries that wait.
    ADD COLUMN queue_version bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT ticket_types_queue_version CHECK (queue_version <= version),
    ADD CONSTRAINT ticket_types_queue_end CHECK ((queue_position = 0) = (queue_hash IS NULL));
