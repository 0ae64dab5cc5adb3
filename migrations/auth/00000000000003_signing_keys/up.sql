-- The keys that sign access tokens (Ed25519). A key is public from its making until it is retired, and signs from
-- `signs_from` until a later key does: so whoever checks tokens has a key before its first signature arrives.
CREATE TABLE signing_keys (
    -- The thumbprint of the public key (RFC 7638).
    kid text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{43}$'),
    public_key bytea NOT NULL UNIQUE CHECK (octet_length(public_key) = 32),
    -- Nonce, ciphertext and tag of ChaCha20-Poly1305 under a key derived from the setting keys.encryption_key.
    private_key bytea NOT NULL CHECK (octet_length(private_key) = 60),
    created_at timestamptz NOT NULL,
    signs_from timestamptz NOT NULL,
    -- When it stops being public; may lie in the future.
    retired_at timestamptz,
    CONSTRAINT signing_keys_published_before_signing CHECK (signs_from >= created_at),
    CONSTRAINT signing_keys_retired_later CHECK (retired_at >= created_at)
);
