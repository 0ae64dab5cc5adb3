ALTER TABLE waitlist_entries ADD FOREIGN KEY (event_id, ticket_type_id) REFERENCES ticket_types (event_id, id);
DROP FUNCTION expect_rows(bigint, bigint, text);
