-- An account has at most one open waiting-list entry per ticket type. The service refuses a second one under the row lock;
-- the index is the guard behind it.
--
-- Entries that already exist, and those that a service of the version before still makes during an upgrade, keep the default
-- and stay out of the index: their places were promised, so duplicates are not closed but end as they are promoted or left.
ALTER TABLE waitlist_entries ADD COLUMN one_per_account boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX waitlist_one_per_account ON waitlist_entries (event_id, ticket_type_id, account_id)
    WHERE status = 'waiting' AND one_per_account;

-- A new kind of request whose response is stored. Which operations exist is the service's to know.
ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_operation_check;
ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_operation_check CHECK (operation ~ '^[a-z][a-z-]{0,39}$');
