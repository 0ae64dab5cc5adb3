-- Idempotency keys of requests to auth-service. Responses are not stored; they are rendered again from the current account.

-- The key with which an account was created. It is scoped to the e-mail address.
ALTER TABLE accounts ADD COLUMN creation_key text CHECK (creation_key ~ '^[!-~]{1,200}$');

-- The key with which a session was opened. A repeated login ends the session that the first request opened and takes its key.
ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_check,
    ADD CONSTRAINT sessions_end_reason_check CHECK (end_reason IN ('logout', 'reuse', 'owner', 'disabled', 'replaced'));
ALTER TABLE sessions ADD COLUMN login_key text CHECK (login_key ~ '^[!-~]{1,200}$');
CREATE UNIQUE INDEX sessions_login_key ON sessions (account_id, login_key) WHERE login_key IS NOT NULL;

-- The keys of changes that administrators made to accounts. Each key belongs to an administrator.
CREATE TABLE idempotency_keys (
    account_id   uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    key          text NOT NULL CHECK (key ~ '^[!-~]{1,200}$'),
    -- The SHA-256 of path and body.
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
