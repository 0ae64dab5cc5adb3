-- One row per announcement to all holders of tickets of an event. Its deliveries are written page by page, so that a notifier that
-- is killed in the middle is replaced by another one, which continues after the last page.
CREATE TABLE broadcasts (
    -- The message id of the deliveries: that of `event.updated`, or a new one for a reminder.
    message_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('event-changed', 'reminder')),
    event_id uuid NOT NULL,
    -- For a reminder, the start of the event when the reminder was due.
    starts_at timestamptz,
    -- For a change, the version of the event after it.
    event_version bigint,
    -- For a change, the previous values of the details that changed.
    previous jsonb CHECK (jsonb_typeof(previous) = 'object'),
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'done', 'skipped')),
    -- When the next page is written. A notifier that claims the row moves this into the future, and identifies its claim by it.
    due_at timestamptz,
    -- After which holder the next page begins, in the words of booking-service; null before the first page.
    next_cursor text CHECK (next_cursor <> ''),
    -- The number of deliveries that were written.
    recipients integer NOT NULL DEFAULT 0 CHECK (recipients >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    -- Why nobody, or not everybody, is told, or why the last page could not be written.
    detail text CHECK (detail <> ''),
    CONSTRAINT broadcasts_of_a_kind CHECK (
        (kind = 'reminder') = (starts_at IS NOT NULL)
        AND (kind = 'event-changed') = (event_version IS NOT NULL)
        AND (kind = 'event-changed') = (previous IS NOT NULL)
    ),
    CONSTRAINT broadcasts_pending_is_due CHECK ((status = 'pending') = (due_at IS NOT NULL)),
    CONSTRAINT broadcasts_settled CHECK ((status = 'pending') = (settled_at IS NULL)),
    CONSTRAINT broadcasts_explained CHECK (status <> 'skipped' OR detail IS NOT NULL)
);

-- Each start of an event is announced once, however many notifiers look for events that start soon.
CREATE UNIQUE INDEX broadcasts_one_reminder ON broadcasts (event_id, starts_at) WHERE kind = 'reminder';

-- Finds the next page to write.
CREATE INDEX broadcasts_due ON broadcasts (due_at) WHERE status = 'pending';

-- Finds the other announcements about an event.
CREATE INDEX broadcasts_of_event ON broadcasts (event_id);

-- Finds the rows that are old enough to be deleted.
CREATE INDEX broadcasts_old ON broadcasts (settled_at) WHERE status <> 'pending';
