DELETE FROM idempotency_keys WHERE operation NOT IN ('book', 'cancel', 'leave');
ALTER TABLE idempotency_keys
    DROP CONSTRAINT idempotency_keys_operation_check,
    ADD CONSTRAINT idempotency_keys_operation_check CHECK (operation IN ('book', 'cancel', 'leave'));
