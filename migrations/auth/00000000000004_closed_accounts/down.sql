DROP TABLE outbox_failed;
DROP TABLE outbox;
DROP TABLE erased_accounts;
DROP INDEX sessions_ended;
UPDATE sessions SET end_reason = 'logout' WHERE end_reason IN ('owner', 'disabled');
ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_check,
    ADD CONSTRAINT sessions_end_reason_check CHECK (end_reason IN ('logout', 'reuse')),
    DROP COLUMN user_agent;
DROP INDEX accounts_disabled;
ALTER TABLE accounts
    DROP COLUMN version,
    DROP COLUMN disabled_at;
