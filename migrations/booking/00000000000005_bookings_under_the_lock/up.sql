-- As with the entries of the waiting list (batches): a booking is made under the lock of its ticket type, which therefore
-- exists, and ticket types are never removed. The check looked up, locked and logged for each booking what the lock holds
-- anyway. The audit looks for bookings without a type.
ALTER TABLE bookings DROP CONSTRAINT bookings_event_id_ticket_type_id_fkey;
