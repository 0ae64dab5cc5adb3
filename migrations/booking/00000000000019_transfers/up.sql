-- Transfers: the holder of a confirmed booking offers some of its tickets to an e-mail address. With the secret of the link in that
-- e-mail, any other account can accept: the tickets then leave the booking and become a booking of the receiver.

ALTER TABLE bookings
    DROP CONSTRAINT bookings_origin_check,
    ADD CONSTRAINT bookings_origin_check CHECK (origin IN ('direct', 'waitlist', 'transfer')),
    -- A booking whose last tickets were transferred is cancelled and has none. All its numbers are void.
    DROP CONSTRAINT bookings_quantity_check,
    ADD CONSTRAINT bookings_quantity_check CHECK (quantity >= CASE status WHEN 'cancelled' THEN 0 ELSE 1 END);

CREATE TABLE transfers (
    event_id         uuid NOT NULL,
    id               uuid NOT NULL,
    ticket_type_id   uuid NOT NULL,
    -- The booking from which the tickets come, and its account.
    booking_id       uuid NOT NULL,
    from_account     uuid NOT NULL,
    quantity         integer NOT NULL CHECK (quantity >= 1),
    status           text NOT NULL CHECK (status IN ('pending', 'accepted', 'withdrawn', 'declined', 'lapsed')),
    -- The address to which the link was sent. It is deleted when the transfer ends.
    to_email         text CHECK (char_length(to_email) BETWEEN 3 AND 254),
    -- SHA-256 of the secret in the link.
    token_hash       bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    created_at       timestamptz NOT NULL,
    -- The transfer ends at this time, or at the start of its event if that is earlier.
    expires_at       timestamptz NOT NULL,
    ended_at         timestamptz,
    -- The account that accepted, and its booking.
    to_account       uuid,
    received_booking uuid,
    -- When the transferred tickets were sold, and whether through the waiting list. The sales timeline counts them there.
    sold_at          timestamptz,
    sold_to_waitlist boolean,
    PRIMARY KEY (event_id, id),
    FOREIGN KEY (event_id, booking_id) REFERENCES bookings (event_id, id),
    FOREIGN KEY (event_id, received_booking) REFERENCES bookings (event_id, id),
    CONSTRAINT transfers_ended_at_a_time CHECK ((status = 'pending') = (ended_at IS NULL)),
    CONSTRAINT transfers_address_while_pending CHECK ((status = 'pending') = (to_email IS NOT NULL)),
    CONSTRAINT transfers_accepted_with_a_booking CHECK (
        CASE status WHEN 'accepted' THEN to_account IS NOT NULL AND received_booking IS NOT NULL AND sold_at IS NOT NULL AND sold_to_waitlist IS NOT NULL
             ELSE to_account IS NULL AND received_booking IS NULL AND sold_at IS NULL AND sold_to_waitlist IS NULL END)
);

-- The transfers of a booking.
CREATE INDEX transfers_of_booking ON transfers (event_id, booking_id);
-- A booking comes from one transfer.
CREATE UNIQUE INDEX transfers_received ON transfers (event_id, received_booking) WHERE received_booking IS NOT NULL;
-- The link names no event.
CREATE INDEX transfers_by_id ON transfers (id);
-- The transfers of an account, newest first, on either side.
CREATE INDEX transfers_sent ON transfers (from_account, id);
CREATE INDEX transfers_accepted ON transfers (to_account, id) WHERE to_account IS NOT NULL;
-- The transfers that can lapse.
CREATE INDEX transfers_pending ON transfers (expires_at) WHERE status = 'pending';
