-- Accounts can be disabled and erased, sessions can be listed and ended, and other services are notified.
ALTER TABLE accounts
    ADD COLUMN disabled_at timestamptz,
    -- Incremented by each change that other services are notified of. Of two messages about an account, the one with the higher
    -- version is newer.
    ADD COLUMN version bigint NOT NULL DEFAULT 1 CHECK (version >= 1);

CREATE INDEX accounts_disabled ON accounts (disabled_at) WHERE disabled_at IS NOT NULL;

-- Details by which an owner recognizes a session.
ALTER TABLE sessions
    ADD COLUMN user_agent text CHECK (char_length(user_agent) BETWEEN 1 AND 200),
    DROP CONSTRAINT sessions_end_reason_check,
    ADD CONSTRAINT sessions_end_reason_check CHECK (end_reason IN ('logout', 'reuse', 'owner', 'disabled'));

-- Sessions whose access tokens may not have expired yet.
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

-- Erased accounts whose access tokens may not have expired yet.
CREATE TABLE erased_accounts (
    id        uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);

-- Outbox: messages written in the transaction that made them true, until the relay has published them. The relay determines the
-- name of the first column; here it contains the account.
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    uuid NOT NULL,
    message_id  uuid NOT NULL,
    routing_key text NOT NULL,
    payload     text NOT NULL,
    occurred_at timestamptz NOT NULL
);

-- Messages that the broker rejected several times, for operators.
CREATE TABLE outbox_failed (
    id          bigint PRIMARY KEY,
    event_id    uuid NOT NULL,
    message_id  uuid NOT NULL,
    routing_key text NOT NULL,
    payload     text NOT NULL,
    occurred_at timestamptz NOT NULL,
    failed_at   timestamptz NOT NULL DEFAULT now(),
    attempts    integer NOT NULL,
    reason      text NOT NULL
);
