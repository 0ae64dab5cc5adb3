-- Ed25519 keys that sign access tokens. A key is published from its creation until it is retired. It signs from `signs_from`
-- until a later key does, so every verifier has fetched the key before it verifies the first signature.
CREATE TABLE signing_keys (
    -- Thumbprint of the public key (RFC 7638).
    kid text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{43}$'),
    public_key bytea NOT NULL UNIQUE CHECK (octet_length(public_key) = 32),
    -- Nonce, ciphertext and tag of ChaCha20-Poly1305. The key is derived from the setting keys.encryption_key.
    private_key bytea NOT NULL CHECK (octet_length(private_key) = 60),
    created_at timestamptz NOT NULL,
    signs_from timestamptz NOT NULL,
    -- When the key stops being published; may be in the future.
    retired_at timestamptz,
    CONSTRAINT signing_keys_published_before_signing CHECK (signs_from >= created_at),
    CONSTRAINT signing_keys_retired_later CHECK (retired_at >= created_at)
);
