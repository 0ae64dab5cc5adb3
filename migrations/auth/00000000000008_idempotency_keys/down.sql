DROP TABLE idempotency_keys;
DROP INDEX sessions_login_key;
ALTER TABLE sessions DROP COLUMN login_key;
UPDATE sessions SET end_reason = 'owner' WHERE end_reason = 'replaced';
ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_check,
    ADD CONSTRAINT sessions_end_reason_check CHECK (end_reason IN ('logout', 'reuse', 'owner', 'disabled'));
ALTER TABLE accounts DROP COLUMN creation_key;
