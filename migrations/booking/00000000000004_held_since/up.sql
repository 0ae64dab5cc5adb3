-- Since when a ticket type has had held tickets without interruption, for monitoring. Null if none are held, or if a service of
-- the previous version, which does not know the column, has held them.
ALTER TABLE ticket_types ADD COLUMN held_since timestamptz;
UPDATE ticket_types SET held_since = now() WHERE held > 0;
