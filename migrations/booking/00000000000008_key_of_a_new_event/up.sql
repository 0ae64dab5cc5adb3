-- Creating an event can be repeated by a key. A new event has no id that a repeat could name, so such a row has the
-- administrator's account id in event_id as well. The previous release neither reads nor writes these rows.
ALTER TABLE idempotency_keys
    DROP CONSTRAINT idempotency_keys_operation_check,
    ADD CONSTRAINT idempotency_keys_operation_check CHECK (operation IN (
        'book', 'cancel', 'leave', 'admin-book', 'admin-cancel', 'admin-remove', 'initialize'
    )),
    -- The ETag of the first response, where it had one.
    ADD COLUMN etag text;
