-- A batch's statements are sent together with their COMMIT, so what must not be committed has to fail in the database:
-- a statement that changed fewer rows than it was given found one that was not as it had been read.
CREATE FUNCTION expect_rows(changed bigint, given bigint, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF changed <> given THEN
        RAISE EXCEPTION '% were not as they had been read: % of %', what, changed, given USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END
$$;

-- Who joins a queue does so under the lock of its ticket type, which therefore exists, and ticket types are never removed:
-- the check looked up for each entry what the lock holds anyway.
ALTER TABLE waitlist_entries DROP CONSTRAINT waitlist_entries_event_id_ticket_type_id_fkey;

-- Those of an account at one event are found without looking at the rows of its others. The newest first, as before.
DROP INDEX bookings_of_account;
CREATE INDEX bookings_of_account ON bookings (account_id, id, event_id);
DROP INDEX waitlist_of_account;
CREATE INDEX waitlist_of_account ON waitlist_entries (account_id, id, event_id);
