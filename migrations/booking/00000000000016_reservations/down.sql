-- The previous release does not know reserved bookings. Those that are still reserved become confirmed.
DELETE FROM idempotency_keys WHERE operation = 'confirm';

ALTER TABLE waitlist_entries
    DROP CONSTRAINT waitlist_promoted_to_a_booking,
    DROP CONSTRAINT waitlist_entries_status_check;
UPDATE waitlist_entries SET status = 'promoted' WHERE status = 'expired';
UPDATE waitlist_entries SET status = 'promoted' WHERE status = 'left' AND booking_id IS NOT NULL;
ALTER TABLE waitlist_entries
    ADD CONSTRAINT waitlist_entries_status_check CHECK (status IN ('waiting', 'promoted', 'left', 'closed')),
    ADD CONSTRAINT waitlist_promoted_to_a_booking CHECK ((status = 'promoted') = (booking_id IS NOT NULL)),
    DROP COLUMN for_guest;

DROP INDEX bookings_reserved;
ALTER TABLE bookings
    DROP CONSTRAINT bookings_confirmed_are_sold,
    DROP CONSTRAINT bookings_reserved_until_a_time,
    DROP CONSTRAINT bookings_status_check;
UPDATE bookings SET status = 'confirmed' WHERE status = 'reserved';
UPDATE bookings SET status = 'cancelled', cancelled_at = expires_at WHERE status = 'expired';
ALTER TABLE bookings
    ADD CONSTRAINT bookings_status_check CHECK (status IN ('confirmed', 'cancelled')),
    DROP COLUMN confirmed_at,
    DROP COLUMN expires_at;

ALTER TABLE ticket_types DROP CONSTRAINT tickets_add_up;
UPDATE ticket_types SET booked = booked + reserved WHERE reserved > 0;
ALTER TABLE ticket_types
    ADD CONSTRAINT tickets_add_up CHECK (capacity = available + booked + held),
    DROP COLUMN reserved;

ALTER TABLE events
    DROP COLUMN offer_minutes,
    DROP COLUMN checkout_minutes;
