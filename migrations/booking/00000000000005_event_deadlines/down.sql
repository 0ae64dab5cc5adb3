DROP INDEX events_unsettled_waitlist;
ALTER TABLE events DROP COLUMN waitlist_ends_at;
ALTER TABLE events DROP COLUMN cancel_until;
ALTER TABLE events DROP COLUMN waitlist_until;
