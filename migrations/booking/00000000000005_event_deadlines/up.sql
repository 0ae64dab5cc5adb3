-- When promotion from the waiting list ends: at the start of the event, or at the end of sales if that is earlier.
ALTER TABLE events ADD COLUMN waitlist_until text NOT NULL DEFAULT 'start' CHECK (waitlist_until IN ('start', 'salesEnd'));

-- The last moment at which holders can return tickets. NULL: the start of the event.
ALTER TABLE events ADD COLUMN cancel_until timestamptz;

-- When the waiting list ends, defined once for the sweep and its index. least() ignores NULLs.
ALTER TABLE events ADD COLUMN waitlist_ends_at timestamptz
    GENERATED ALWAYS AS (least(starts_at, CASE WHEN waitlist_until = 'salesEnd' THEN sales_end_at END)) STORED;

-- The sweep looks for events whose waiting list has ended. Before, every waiting list ended at the start of its event.
CREATE INDEX events_unsettled_waitlist ON events (waitlist_ends_at) WHERE settled_at IS NULL;
