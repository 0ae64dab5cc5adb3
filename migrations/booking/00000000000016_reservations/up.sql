-- Reserved bookings: their tickets are set aside for one account until `expires_at`. A checkout reserves available tickets, and an
-- offer reserves the tickets of a promoted waiting-list entry. Both settings are NULL by default, and then nothing is reserved.

ALTER TABLE events
    -- Minutes for which a booking is reserved until its account confirms it. NULL: bookings are confirmed at once.
    ADD COLUMN checkout_minutes integer CHECK (checkout_minutes BETWEEN 1 AND 1440),
    -- Minutes for which a promoted entry of the waiting list can be accepted. NULL: promoted entries are confirmed at once.
    ADD COLUMN offer_minutes integer CHECK (offer_minutes BETWEEN 1 AND 10080);

ALTER TABLE ticket_types
    -- Number of tickets in reserved bookings.
    ADD COLUMN reserved integer NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    DROP CONSTRAINT tickets_add_up,
    ADD CONSTRAINT tickets_add_up CHECK (capacity = available + booked + reserved + held);

ALTER TABLE bookings
    -- The time at which a reservation ends. It stays when the booking expires or is cancelled while it is reserved, and is cleared
    -- when the booking is confirmed. It is therefore NULL exactly for bookings whose tickets were sold.
    ADD COLUMN expires_at timestamptz,
    -- The time at which a reserved booking was confirmed. NULL: the booking was confirmed when it was made, or never.
    ADD COLUMN confirmed_at timestamptz,
    DROP CONSTRAINT bookings_status_check,
    ADD CONSTRAINT bookings_status_check CHECK (status IN ('reserved', 'confirmed', 'cancelled', 'expired')),
    ADD CONSTRAINT bookings_reserved_until_a_time CHECK (
        CASE status WHEN 'confirmed' THEN expires_at IS NULL WHEN 'cancelled' THEN true ELSE expires_at IS NOT NULL END),
    ADD CONSTRAINT bookings_confirmed_are_sold CHECK (confirmed_at IS NULL OR expires_at IS NULL);

-- The reservations that end next, of all events and of one ticket type. Bookings that are confirmed at once are never in it.
CREATE INDEX bookings_reserved ON bookings (expires_at, event_id, ticket_type_id) WHERE status = 'reserved';

ALTER TABLE waitlist_entries
    -- Whether an administrator put a guest without an account on the list. Guests cannot accept an offer, so their bookings are
    -- confirmed at once.
    ADD COLUMN for_guest boolean NOT NULL DEFAULT false,
    -- An entry that was promoted keeps its booking when its offer expires (`expired`) or is declined (`left`).
    DROP CONSTRAINT waitlist_entries_status_check,
    ADD CONSTRAINT waitlist_entries_status_check CHECK (status IN ('waiting', 'promoted', 'left', 'closed', 'expired')),
    DROP CONSTRAINT waitlist_promoted_to_a_booking,
    ADD CONSTRAINT waitlist_promoted_to_a_booking CHECK (
        CASE status WHEN 'promoted' THEN booking_id IS NOT NULL WHEN 'expired' THEN booking_id IS NOT NULL WHEN 'left' THEN true ELSE booking_id IS NULL END);
