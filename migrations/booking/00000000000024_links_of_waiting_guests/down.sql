ALTER TABLE waitlist_entries
    DROP CONSTRAINT waitlist_links_are_of_guests,
    DROP COLUMN guest_link;
