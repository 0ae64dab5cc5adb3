-- A join looks up the open entries of its account. They were found by reading the waiting list, so each join cost as much as the
-- list was long.
CREATE INDEX waitlist_open_of_account ON waitlist_entries (account_id) WHERE status = 'waiting';
