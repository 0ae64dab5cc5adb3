DROP TABLE transfers;
-- The previous version knows no other origin, and no booking without tickets.
UPDATE bookings SET origin = 'direct' WHERE origin = 'transfer';
UPDATE bookings SET quantity = issued, issued = NULL, void_numbers = NULL, void_reasons = NULL WHERE quantity = 0;
ALTER TABLE bookings
    DROP CONSTRAINT bookings_quantity_check,
    ADD CONSTRAINT bookings_quantity_check CHECK (quantity >= 1),
    DROP CONSTRAINT bookings_origin_check,
    ADD CONSTRAINT bookings_origin_check CHECK (origin IN ('direct', 'waitlist'));
DELETE FROM idempotency_keys WHERE operation IN ('offer-transfer', 'accept-transfer', 'withdraw-transfer', 'decline-transfer');
