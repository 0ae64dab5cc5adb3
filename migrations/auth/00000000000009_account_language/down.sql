UPDATE sessions SET end_reason = 'owner' WHERE end_reason = 'password';
ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_check,
    ADD CONSTRAINT sessions_end_reason_check CHECK (end_reason IN ('logout', 'reuse', 'owner', 'disabled', 'replaced'));
ALTER TABLE accounts DROP COLUMN language;
