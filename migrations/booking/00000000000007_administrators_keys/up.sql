-- Administrators book, cancel and remove entries for other people, and may repeat such a request by its key. The account of
-- these rows is the administrator's.
ALTER TABLE idempotency_keys
    DROP CONSTRAINT idempotency_keys_operation_check,
    ADD CONSTRAINT idempotency_keys_operation_check
        CHECK (operation IN ('book', 'cancel', 'leave', 'admin-book', 'admin-cancel', 'admin-remove'));
