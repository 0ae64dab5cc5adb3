ALTER TABLE ticket_keys
    DROP COLUMN removed_at,
    DROP COLUMN signs_from;
