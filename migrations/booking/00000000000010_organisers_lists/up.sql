-- For the lists of administrators. Events of each status are ordered by start, like the public list, so a page of several
-- statuses is merged from the first rows of each status.
CREATE INDEX events_by_status ON events (status, (coalesce(starts_at, 'infinity'::timestamptz)), created_at, id);

-- The lists of administrators need the running events of every status, not only the published ones. Few events run at a time, so
-- the public list uses the same index.
DROP INDEX events_running;
CREATE INDEX events_running ON events USING gist (tstzrange(starts_at, coalesce(ends_at, starts_at), '[]')) WHERE starts_at IS NOT NULL;
