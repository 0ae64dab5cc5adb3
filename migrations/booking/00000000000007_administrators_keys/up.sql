-- Administrators book, cancel and remove entries on behalf of others, and can repeat such a request with its idempotency key.
-- The account of these rows is that of the administrator.
ALTER TABLE idempotency_keys
    DROP CONSTRAINT idempotency_keys_operation_check,
    ADD CONSTRAINT idempotency_keys_operation_check
        CHECK (operation IN ('book', 'cancel', 'leave', 'admin-book', 'admin-cancel', 'admin-remove'));
