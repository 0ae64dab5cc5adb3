-- Distributes the tables of rowlock_booking by event, for PostgreSQL with Citus.
--
--   psql -v ON_ERROR_STOP=1 -d postgres://rowlock_booking_owner@COORDINATOR/rowlock_booking -f deploy/citus/distribute.sql
--
-- Run it once, on the coordinator, after `booking-service migrate` and before the first event is created. A superuser must have
-- run CREATE EXTENSION citus in the database and added the workers before. A migration that adds a table must add the table
-- here as well; a test checks that. README.md in this folder says what has and has not been tested.
BEGIN;

-- The workers need both functions before the table: the first computes a generated column of events, and searches call both.
-- The index also needs the extension pg_trgm on the workers.
SELECT create_distributed_function('search_form(text)');
SELECT create_distributed_function('search_pattern(text)');

-- All rows of an event are in one shard, so a transaction about one event runs on one node. The order follows the foreign keys.
SELECT create_distributed_table('events', 'id');
SELECT create_distributed_table('ticket_types', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('event_pictures', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('bookings', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('checkins', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('transfers', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('waitlist_entries', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('queue_log', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('waitlist_counts', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('idempotency_keys', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('committed_batches', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('sales_progress', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('sales_minutes', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('sales_pending', 'event_id', colocate_with => 'events');

-- Statements that write to these tables call this function, so the workers need it.
SELECT create_distributed_function('expect_rows(bigint, bigint, text)');

-- The other tables are local to the coordinator:
-- local: outbox (the relay reads all messages in the order of the key, which contains no event)
-- local: outbox_failed (like the outbox; almost always empty)
-- local: account_states (belongs to accounts, not to events; one row per account that was disabled or erased)
-- local: ticket_keys (belongs to no event; one row per key)
-- local: audit_log (belongs to no event; a distributed table cannot have its trigger)

COMMIT;
