-- Since when a type has had held tickets without a pause, for whoever watches whether they are handed on. Null while
-- none are held, and where a service that does not know the column yet has held them.
ALTER TABLE ticket_types ADD COLUMN held_since timestamptz;
UPDATE ticket_types SET held_since = now() WHERE held > 0;
