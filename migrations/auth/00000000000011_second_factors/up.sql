-- The second factor of administrators: codes of an authenticator app (TOTP, RFC 6238).
ALTER TABLE accounts
    -- Nonce, ciphertext and tag of ChaCha20-Poly1305. The key is derived from the setting keys.encryption_key.
    ADD COLUMN totp_secret bytea CHECK (octet_length(totp_secret) = 48),
    ADD COLUMN totp_created_at timestamptz,
    -- When the first code was entered. Before, the second factor is not asked for.
    ADD COLUMN totp_enabled_at timestamptz,
    -- The time step of the latest code that was used. A code of this step or an earlier one is not accepted again.
    ADD COLUMN totp_last_step bigint,
    ADD CONSTRAINT accounts_totp_complete CHECK (
        (totp_secret IS NULL) = (totp_created_at IS NULL)
        AND (totp_enabled_at IS NULL OR totp_secret IS NOT NULL)
        AND (totp_enabled_at IS NULL) = (totp_last_step IS NULL)
    );

-- Codes that replace a code of the app, once each. They are stored as HMACs and deleted when they are used.
CREATE TABLE recovery_codes (
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    code_hash  bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    PRIMARY KEY (account_id, code_hash)
);

-- The HMAC of the code with which the session was opened, so that a repeated login may send the same code.
ALTER TABLE sessions ADD COLUMN second_factor bytea CHECK (octet_length(second_factor) = 32);
