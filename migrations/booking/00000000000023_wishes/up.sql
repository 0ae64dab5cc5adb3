-- Wishes: one request that waits for several ticket types of an event, of which one is enough.

ALTER TABLE waitlist_entries
    -- The wish that the entry belongs to, and the rank of its type in the order of preference. NULL: the entry stands alone, which is
    -- also what the previous release writes.
    ADD COLUMN wish_id uuid,
    ADD COLUMN preference smallint CHECK (preference BETWEEN 0 AND 9),
    ADD CONSTRAINT waitlist_wish_has_a_preference CHECK ((wish_id IS NULL) = (preference IS NULL));

-- The entries of a wish, which end together.
CREATE UNIQUE INDEX waitlist_wishes ON waitlist_entries (event_id, wish_id, preference) WHERE wish_id IS NOT NULL;
-- A wish becomes at most one booking. The service ends the other entries in the transaction that promotes one; the index enforces it.
CREATE UNIQUE INDEX waitlist_one_booking_per_wish ON waitlist_entries (event_id, wish_id) WHERE wish_id IS NOT NULL AND booking_id IS NOT NULL;
