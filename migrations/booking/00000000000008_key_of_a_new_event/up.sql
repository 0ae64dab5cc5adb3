-- The creation of an event can be repeated with an idempotency key. A repeated request cannot know the id of the new event, so
-- event_id of these rows contains the account id of the administrator. The previous release neither reads nor writes these
-- rows.
ALTER TABLE idempotency_keys
    DROP CONSTRAINT idempotency_keys_operation_check,
    ADD CONSTRAINT idempotency_keys_operation_check CHECK (operation IN (
        'book', 'cancel', 'leave', 'admin-book', 'admin-cancel', 'admin-remove', 'initialize'
    )),
    -- The ETag of the first response, if it had one.
    ADD COLUMN etag text;
