-- One booking per transaction, for a random one of many events.
\set n random(1, :events)
BEGIN;
SELECT capacity, available, booked, held, waiting, version FROM ticket_types WHERE event_id = (:eventprefix || lpad(to_hex(:n::int), 12, '0'))::uuid AND id = (:typeprefix || lpad(to_hex(:n::int), 12, '0'))::uuid FOR UPDATE;
INSERT INTO bookings (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, status, origin, booked_at) VALUES ((:eventprefix || lpad(to_hex(:n::int), 12, '0'))::uuid, overlay(replace(gen_random_uuid()::text, '-', '') PLACING lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') FROM 1 FOR 12)::uuid, (:typeprefix || lpad(to_hex(:n::int), 12, '0'))::uuid, gen_random_uuid(), 'Visitor 12345', 'visitor12345@example.org', 1, 'confirmed', 'direct', now());
UPDATE ticket_types SET available = available - 1, booked = booked + 1, version = version + 1 WHERE event_id = (:eventprefix || lpad(to_hex(:n::int), 12, '0'))::uuid AND id = (:typeprefix || lpad(to_hex(:n::int), 12, '0'))::uuid;
INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at) VALUES ((:eventprefix || lpad(to_hex(:n::int), 12, '0'))::uuid, gen_random_uuid(), 'booking.confirmed', :payload, now());
COMMIT;
