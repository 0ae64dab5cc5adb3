-- E-mail that the owner of an account can choose not to get, confirmation of the address, and links in e-mail.
ALTER TABLE accounts
    -- News about places in waiting lists.
    ADD COLUMN notify_waitlist boolean NOT NULL DEFAULT true,
    -- Reminders of events.
    ADD COLUMN notify_reminders boolean NOT NULL DEFAULT true,
    -- When the owner proved to get the mail of the address.
    ADD COLUMN email_confirmed_at timestamptz;

-- Links that were sent by e-mail. A link that was used stays until it expires, so that a repeated request can be recognized. A
-- link without an account belongs to an address without one: a request takes the same time for both. The rows also count how
-- often somebody has requested e-mail to an address.
CREATE TABLE account_links (
    -- The SHA-256 of the token, which is not stored.
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    kind text NOT NULL CHECK (kind IN ('confirm-email', 'change-email', 'reset-password', 'already-registered')),
    account_id uuid REFERENCES accounts ON DELETE CASCADE,
    -- The address that got the link.
    email text CHECK (octet_length(email) <= 254 AND email LIKE '_%@_%'),
    -- The SHA-256 of the comparison key of the address, which may belong to nobody here.
    address_hash bytea NOT NULL CHECK (octet_length(address_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT account_links_expire_later CHECK (expires_at > created_at),
    CONSTRAINT account_links_account_has_address CHECK ((account_id IS NULL) = (email IS NULL)),
    CONSTRAINT account_links_used_has_account CHECK (used_at IS NULL OR account_id IS NOT NULL)
);

CREATE INDEX account_links_account ON account_links (account_id, kind) WHERE account_id IS NOT NULL;
-- Counts the e-mail that was requested to an address.
CREATE INDEX account_links_address ON account_links (address_hash, kind, created_at);
CREATE INDEX account_links_expiry ON account_links (expires_at);
