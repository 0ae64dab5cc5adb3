ALTER TABLE ticket_types DROP COLUMN held_since;
