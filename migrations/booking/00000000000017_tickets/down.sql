DROP TABLE ticket_keys;
DROP TABLE checkins;
ALTER TABLE bookings
    DROP CONSTRAINT bookings_numbers_add_up,
    DROP COLUMN issued,
    DROP COLUMN void_numbers,
    DROP COLUMN void_reasons;
