-- State of accounts, from messages of auth-service. Of two messages, the one with the higher version is newer, whichever
-- arrives later. A disabled or erased account is settled once all its bookings and entries are closed. Of an erased account
-- nothing remains then, not even this row.
CREATE TABLE account_states (
    account_id  uuid PRIMARY KEY,
    version     bigint NOT NULL CHECK (version >= 1),
    state       text NOT NULL CHECK (state IN ('enabled', 'disabled', 'erased')),
    received_at timestamptz NOT NULL,
    settled_at  timestamptz
);

CREATE INDEX account_states_unsettled ON account_states (received_at) WHERE settled_at IS NULL;

-- Audit log of administrative actions. Entries of auth-service arrive as messages.
CREATE TABLE audit_log (
    id         uuid PRIMARY KEY,
    at         timestamptz NOT NULL,
    account_id uuid,
    role       text NOT NULL CHECK (role IN ('admin', 'bootstrap', 'operator')),
    request_id text CHECK (char_length(request_id) <= 128),
    action     text NOT NULL,
    subject    uuid NOT NULL,
    details    jsonb NOT NULL CHECK (jsonb_typeof(details) = 'object')
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER audit_log_is_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
