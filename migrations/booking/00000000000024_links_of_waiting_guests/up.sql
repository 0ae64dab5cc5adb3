-- A guest who waits has a link as well, which an administrator can replace.

ALTER TABLE waitlist_entries
    -- The number of the link of a guest, if it was replaced while the guest waited. NULL: the first link, or the holder has an account.
    -- The booking of a promoted entry begins with the first number, so the higher number of both counts.
    ADD COLUMN guest_link integer,
    ADD CONSTRAINT waitlist_links_are_of_guests CHECK (guest_link IS NULL OR (guest_link >= 2 AND for_guest));
