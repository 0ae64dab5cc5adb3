-- Messages that wait to be published: entries of the audit log. A row is written in the transaction of the change that it reports.
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The webhook that was changed. The relay is the same in all services, whose messages are mostly about events.
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
