DROP INDEX waitlist_heads;
CREATE INDEX waitlist_heads ON waitlist_entries (event_id, ticket_type_id, quantity, number) WHERE status = 'waiting';
ALTER TABLE waitlist_entries DROP COLUMN min_quantity;
