-- The place of a delivery in the history of a booking and of a waiting-list entry. A delivery that a later one about the same booking or
-- entry has overtaken is not sent: nobody is told that they wait, after they were told that they have tickets.
ALTER TABLE deliveries
    ADD COLUMN booking_id uuid,
    ADD COLUMN waitlist_entry_id uuid,
    -- The version of the ticket type after the change.
    ADD COLUMN sequence bigint,
    ADD CONSTRAINT deliveries_place CHECK ((booking_id IS NULL AND waitlist_entry_id IS NULL) = (sequence IS NULL));

-- Find the other deliveries about the same booking or entry.
CREATE INDEX deliveries_of_booking ON deliveries (booking_id) WHERE booking_id IS NOT NULL;
CREATE INDEX deliveries_of_entry ON deliveries (waitlist_entry_id) WHERE waitlist_entry_id IS NOT NULL;
