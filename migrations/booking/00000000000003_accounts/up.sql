-- What auth-service has told about an account: of two messages the higher version counts, however late the other comes.
-- A disabled or erased account is settled when all that it held and waited for has gone back. Of an erased one nothing
-- remains then, this row neither.
CREATE TABLE account_states (
    account_id  uuid PRIMARY KEY,
    version     bigint NOT NULL CHECK (version >= 1),
    state       text NOT NULL CHECK (state IN ('enabled', 'disabled', 'erased')),
    received_at timestamptz NOT NULL,
    settled_at  timestamptz
);

CREATE INDEX account_states_unsettled ON account_states (received_at) WHERE settled_at IS NULL;

-- Who did what to the box office itself. Entries of auth-service come by message.
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
