ALTER TABLE ticket_types
    DROP CONSTRAINT ticket_types_queue_end,
    DROP COLUMN queue_position,
    DROP COLUMN queue_hash,
    DROP COLUMN queue_next_number,
    DROP COLUMN queue_waiting;
DROP TABLE queue_log;
