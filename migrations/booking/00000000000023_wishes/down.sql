-- The entries of a wish become separate entries, each of which may become a booking.
DROP INDEX waitlist_one_booking_per_wish;
DROP INDEX waitlist_wishes;
ALTER TABLE waitlist_entries DROP COLUMN wish_id, DROP COLUMN preference;
