-- Accounts are disabled and erased, sessions are listed and ended, and the others are told of it.
ALTER TABLE accounts
    ADD COLUMN disabled_at timestamptz,
    -- Raised by each change that others are told of; of two messages about an account the higher one counts.
    ADD COLUMN version bigint NOT NULL DEFAULT 1 CHECK (version >= 1);

CREATE INDEX accounts_disabled ON accounts (disabled_at) WHERE disabled_at IS NOT NULL;

-- What an owner knows a session by.
ALTER TABLE sessions
    ADD COLUMN user_agent text CHECK (char_length(user_agent) BETWEEN 1 AND 200),
    DROP CONSTRAINT sessions_end_reason_check,
    ADD CONSTRAINT sessions_end_reason_check CHECK (end_reason IN ('logout', 'reuse', 'owner', 'disabled'));

-- The list of sessions whose tokens may not have expired yet.
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

-- Erased accounts, for as long as a token of theirs may not have expired.
CREATE TABLE erased_accounts (
    id        uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);

-- Messages that became true with their statement and wait for the relay. The name of the first column is the relay's; here
-- it is the account.
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    uuid NOT NULL,
    message_id  uuid NOT NULL,
    routing_key text NOT NULL,
    payload     text NOT NULL,
    occurred_at timestamptz NOT NULL
);

-- Messages that the broker refused several times, for operators.
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
