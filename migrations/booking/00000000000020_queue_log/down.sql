ALTER TABLE ticket_types
    DROP CONSTRAINT ticket_types_queue_end,
    DROP CONSTRAINT ticket_types_queue_version,
    DROP COLUMN queue_position,
    DROP COLUMN queue_hash,
    DROP COLUMN queue_version;
DROP TABLE queue_log;
