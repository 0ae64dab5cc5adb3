-- Many bookings of one event in one transaction, with one outbox message per booking.
BEGIN;
SELECT capacity, available, booked, held, waiting, version FROM ticket_types WHERE event_id = :event AND id = :type FOR UPDATE;
INSERT INTO bookings (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, status, origin, booked_at) SELECT :event, overlay(replace(gen_random_uuid()::text, '-', '') PLACING lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') FROM 1 FOR 12)::uuid, :type, gen_random_uuid(), 'Visitor 12345', 'visitor12345@example.org', 1, 'confirmed', 'direct', now() FROM generate_series(1, :batch::int);
UPDATE ticket_types SET available = available - :batch::int, booked = booked + :batch::int, version = version + :batch::int WHERE event_id = :event AND id = :type;
INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at) SELECT :event, gen_random_uuid(), 'booking.confirmed', :payload, now() FROM generate_series(1, :batch::int);
COMMIT;
