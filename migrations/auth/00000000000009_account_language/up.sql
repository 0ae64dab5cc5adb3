-- The language in which the owner of an account wants to be addressed, and sessions that end because the password was changed.
ALTER TABLE accounts ADD COLUMN language text NOT NULL DEFAULT 'en' CHECK (language IN ('en', 'de'));

-- 'password': the password of the account was changed.
ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_check,
    ADD CONSTRAINT sessions_end_reason_check CHECK (end_reason IN ('logout', 'reuse', 'owner', 'disabled', 'replaced', 'password'));
