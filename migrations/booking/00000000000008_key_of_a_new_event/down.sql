DELETE FROM idempotency_keys WHERE operation = 'initialize';
ALTER TABLE idempotency_keys
    DROP COLUMN etag,
    DROP CONSTRAINT idempotency_keys_operation_check,
    ADD CONSTRAINT idempotency_keys_operation_check
        CHECK (operation IN ('book', 'cancel', 'leave', 'admin-book', 'admin-cancel', 'admin-remove'));
