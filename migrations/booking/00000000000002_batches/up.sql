-- The statements of a batch are sent together with COMMIT, so anything that must not be committed has to fail in the database:
-- if a statement changed fewer rows than it was given, a row has changed since it was read.
CREATE FUNCTION expect_rows(changed bigint, given bigint, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF changed <> given THEN
        RAISE EXCEPTION '% were not as they had been read: % of %', what, changed, given USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END
$$;

-- An entry is created under the row lock of its ticket type, which therefore exists, and ticket types are never deleted. The
-- foreign key checked for each entry what the lock already guarantees.
ALTER TABLE waitlist_entries DROP CONSTRAINT waitlist_entries_event_id_ticket_type_id_fkey;

-- Finds the rows of an account at one event without scanning its other rows. Newest first, as before.
DROP INDEX bookings_of_account;
CREATE INDEX bookings_of_account ON bookings (account_id, id, event_id);
DROP INDEX waitlist_of_account;
CREATE INDEX waitlist_of_account ON waitlist_entries (account_id, id, event_id);
