-- Servers of organizers that get messages over HTTP.
CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    url text NOT NULL CHECK (url <> ''),
    description text CHECK (description <> ''),
    -- The types of messages that the webhook gets; NULL for all.
    types text[] CHECK (cardinality(types) > 0),
    -- The event whose messages the webhook gets; NULL for all.
    event_id uuid,
    -- The sealed secret that signs requests.
    secret text NOT NULL CHECK (secret <> ''),
    -- The sealed secret before the last rotation, which signs requests too until a time.
    previous_secret text CHECK (previous_secret <> ''),
    previous_secret_until timestamptz,
    -- The account that is told when the webhook is switched off.
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Number of failed attempts since the last successful one.
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failing_since timestamptz,
    last_error text CHECK (last_error <> ''),
    -- After several failures, nothing is sent before this time.
    paused_until timestamptz,
    -- Accurate to a minute, so that successes in quick succession do not all write this row.
    last_success_at timestamptz,
    disabled_at timestamptz,
    -- A webhook that an administrator deleted stays until its deliveries are deleted.
    disabled_reason text CHECK (disabled_reason IN ('administrator', 'failing', 'gone', 'deleted')),
    CONSTRAINT webhooks_previous_secret CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL)),
    CONSTRAINT webhooks_failing CHECK ((failures > 0) = (failing_since IS NOT NULL)),
    CONSTRAINT webhooks_failing_explained CHECK ((failures > 0) = (last_error IS NOT NULL)),
    CONSTRAINT webhooks_paused CHECK (paused_until IS NULL OR failures > 0),
    CONSTRAINT webhooks_disabled CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);

-- One row per message and webhook: what is sent, and what became of it. The primary key makes a message that arrives twice a no-op.
CREATE TABLE webhook_deliveries (
    webhook_id uuid NOT NULL REFERENCES webhooks,
    message_id uuid NOT NULL,
    type text NOT NULL CHECK (type <> ''),
    -- The time of the change that the message reports.
    happened_at timestamptz NOT NULL,
    -- The body of the request.
    body text NOT NULL CHECK (body <> ''),
    status text NOT NULL CHECK (status IN ('pending', 'sending', 'delivered', 'failed')),
    -- How often the body was sent.
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- When the delivery was created or an administrator had it sent again. A delivery fails a day after that.
    queued_at timestamptz NOT NULL DEFAULT now(),
    -- When a pending delivery is sent or tried again.
    due_at timestamptz,
    -- When a notifier took the delivery in order to send it. It also tells the claims of a delivery apart.
    claimed_at timestamptz,
    settled_at timestamptz,
    -- The last attempt: when it was made, to which URL, how long it took, and the response or the reason why there is none.
    attempted_at timestamptz,
    request_url text,
    duration_ms integer CHECK (duration_ms >= 0),
    response_status integer CHECK (response_status BETWEEN 100 AND 999),
    response_body text,
    error text CHECK (error <> ''),
    PRIMARY KEY (webhook_id, message_id),
    CONSTRAINT webhook_deliveries_pending_is_due CHECK ((status = 'pending') = (due_at IS NOT NULL)),
    CONSTRAINT webhook_deliveries_sending_is_claimed CHECK ((status = 'sending') = (claimed_at IS NOT NULL)),
    CONSTRAINT webhook_deliveries_settled CHECK ((status IN ('delivered', 'failed')) = (settled_at IS NOT NULL)),
    CONSTRAINT webhook_deliveries_delivered CHECK (status <> 'delivered' OR (error IS NULL AND coalesce(response_status, 0) BETWEEN 200 AND 299)),
    CONSTRAINT webhook_deliveries_explained CHECK (status <> 'failed' OR error IS NOT NULL),
    CONSTRAINT webhook_deliveries_attempt CHECK ((attempted_at IS NULL) = (request_url IS NULL) AND (attempted_at IS NULL) = (duration_ms IS NULL)),
    CONSTRAINT webhook_deliveries_response CHECK (attempted_at IS NOT NULL OR (response_status IS NULL AND response_body IS NULL))
);

-- Finds the next deliveries of a webhook.
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at) WHERE status = 'pending';

-- Counts the deliveries of a webhook that are being sent, and finds those of a notifier that was killed.
CREATE INDEX webhook_deliveries_claimed ON webhook_deliveries (webhook_id, claimed_at) WHERE status = 'sending';

-- Lists the deliveries of a webhook with one status, the newest first.
CREATE INDEX webhook_deliveries_status ON webhook_deliveries (webhook_id, status, message_id);

-- Finds the deliveries of a span of time.
CREATE INDEX webhook_deliveries_span ON webhook_deliveries (webhook_id, happened_at);

-- Finds the deliveries that are old enough to be deleted.
CREATE INDEX webhook_deliveries_old ON webhook_deliveries (settled_at) WHERE status IN ('delivered', 'failed');

-- Requests of administrators that took effect, with their sealed responses. They are kept for 24 hours.
CREATE TABLE idempotency_keys (
    account_id uuid NOT NULL,
    key text NOT NULL CHECK (key <> ''),
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    response text NOT NULL CHECK (response <> ''),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, key)
);

-- Finds the keys that are old enough to be deleted.
CREATE INDEX idempotency_keys_old ON idempotency_keys (created_at);
