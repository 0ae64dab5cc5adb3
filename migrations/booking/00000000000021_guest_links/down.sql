DELETE FROM idempotency_keys WHERE operation = 'send-guest-link';
DROP INDEX bookings_one_of_a_guest;
ALTER TABLE bookings
    DROP CONSTRAINT bookings_of_guests_have_a_link,
    DROP COLUMN guest_link;
