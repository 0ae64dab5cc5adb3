DROP INDEX deliveries_of_entry;
DROP INDEX deliveries_of_booking;
ALTER TABLE deliveries DROP CONSTRAINT deliveries_place, DROP COLUMN sequence, DROP COLUMN waitlist_entry_id, DROP COLUMN booking_id;
