-- Distributes the tables of rowlock_booking by event, for PostgreSQL with Citus.
--
--   psql -v ON_ERROR_STOP=1 -d postgres://rowlock_booking_owner@COORDINATOR/rowlock_booking -f deploy/citus/distribute.sql
--
-- Once, on the coordinator, after `booking-service migrate` and before the first event; a superuser has run CREATE EXTENSION
-- citus in the database and added the workers before. Whoever adds a table in a migration adds it here: a test compares.
-- README.md beside this file says what is known and what was not tried.
BEGIN;

-- A generated column of events is made by the first, and searches call both, so the workers need them before the table. Its
-- index needs the extension pg_trgm there, too.
SELECT create_distributed_function('search_form(text)');
SELECT create_distributed_function('search_pattern(text)');

-- All that belongs to an event is in the shard of the event, so a transaction about one event is one node's affair. The order
-- is that of the foreign keys.
SELECT create_distributed_table('events', 'id');
SELECT create_distributed_table('ticket_types', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('bookings', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('waitlist_entries', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('waitlist_counts', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('idempotency_keys', 'event_id', colocate_with => 'events');
SELECT create_distributed_table('committed_batches', 'event_id', colocate_with => 'events');

-- Statements that write to these tables call it, so the workers need it.
SELECT create_distributed_function('expect_rows(bigint, bigint, text)');

-- The other tables stay where they are, on the coordinator:
-- local: outbox (one order of all messages, which the key gives and the relay reads by; its key has no event in it)
-- local: outbox_failed (as the outbox, and almost always empty)
-- local: account_states (of accounts, not of events; a row for each that was disabled)
-- local: audit_log (of the box office as a whole; its trigger could not be on a distributed table)

COMMIT;
