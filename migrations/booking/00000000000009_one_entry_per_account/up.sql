-- An account has at most one open waiting-list entry per ticket type. The service rejects a second one under the row lock; the
-- index enforces it.
--
-- Existing entries, and those that a service of the previous version creates during an upgrade, keep the default and stay out
-- of the index. Duplicates among them are not closed, because they were accepted; they end when they are promoted or removed.
ALTER TABLE waitlist_entries ADD COLUMN one_per_account boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX waitlist_one_per_account ON waitlist_entries (event_id, ticket_type_id, account_id)
    WHERE status = 'waiting' AND one_per_account;

-- Allows a new kind of request whose response is stored. The service defines which operations exist.
ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_operation_check;
ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_operation_check CHECK (operation ~ '^[a-z][a-z-]{0,39}$');
