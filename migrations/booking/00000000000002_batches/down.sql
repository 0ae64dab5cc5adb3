DROP INDEX waitlist_of_account;
CREATE INDEX waitlist_of_account ON waitlist_entries (account_id, id);
DROP INDEX bookings_of_account;
CREATE INDEX bookings_of_account ON bookings (account_id, id);
ALTER TABLE waitlist_entries ADD FOREIGN KEY (event_id, ticket_type_id) REFERENCES ticket_types (event_id, id);
DROP FUNCTION expect_rows(bigint, bigint, text);
