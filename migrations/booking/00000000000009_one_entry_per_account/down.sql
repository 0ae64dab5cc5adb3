DELETE FROM idempotency_keys WHERE operation = 'change';
ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_operation_check;
ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_operation_check
    CHECK (operation IN ('book', 'cancel', 'leave', 'admin-book', 'admin-cancel', 'admin-remove'));
DROP INDEX waitlist_one_per_account;
ALTER TABLE waitlist_entries DROP COLUMN one_per_account;
