-- One row per message, recipient and channel: the decision that somebody is told something, and what became of it. The primary key
-- makes a message that arrives twice a no-op.
CREATE TABLE deliveries (
    message_id uuid NOT NULL,
    recipient uuid NOT NULL,
    channel text NOT NULL CHECK (channel = 'email'),
    kind text NOT NULL CHECK (kind <> ''),
    -- The values in the text, without personal data: ids and quantities, or a sealed value that only the notifier can open.
    data jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object'),
    -- Whether the delivery is sent before those that are not urgent. Somebody waits for a link to reset a password, also while an
    -- event with thousands of holders is called off.
    urgent boolean NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'sending', 'sent', 'failed', 'unclear', 'skipped')),
    -- How often a server was asked to take the mail.
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- When a pending delivery is sent or tried again.
    due_at timestamptz,
    -- When a notifier took the delivery in order to send it. It also tells the claims of a delivery apart.
    claimed_at timestamptz,
    settled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Why the delivery was not sent, or why its last attempt failed.
    detail text CHECK (detail <> ''),
    PRIMARY KEY (message_id, recipient, channel),
    CONSTRAINT deliveries_pending_is_due CHECK ((status = 'pending') = (due_at IS NOT NULL)),
    CONSTRAINT deliveries_sending_is_claimed CHECK ((status = 'sending') = (claimed_at IS NOT NULL)),
    CONSTRAINT deliveries_settled CHECK ((status IN ('pending', 'sending')) = (settled_at IS NULL)),
    CONSTRAINT deliveries_tried CHECK (status NOT IN ('sent', 'unclear') OR attempts > 0),
    CONSTRAINT deliveries_explained CHECK (status NOT IN ('failed', 'unclear', 'skipped') OR detail IS NOT NULL)
);

-- Finds the next deliveries to send.
CREATE INDEX deliveries_due ON deliveries (urgent, due_at) WHERE status = 'pending';

-- Finds the deliveries of a notifier that was killed.
CREATE INDEX deliveries_claimed ON deliveries (claimed_at) WHERE status = 'sending';

-- Finds the oldest delivery that has not been sent.
CREATE INDEX deliveries_unsettled ON deliveries (created_at) WHERE status IN ('pending', 'sending');

-- Counts the deliveries that an operator has to decide about, and lists those that failed.
CREATE INDEX deliveries_problems ON deliveries (status, created_at) WHERE status IN ('failed', 'unclear');

-- Finds the deliveries that are old enough to be deleted.
CREATE INDEX deliveries_old ON deliveries (settled_at) WHERE status IN ('sent', 'skipped', 'failed', 'unclear');
