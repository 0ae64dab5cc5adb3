-- The lists of administrators: each status by start, like the public list, so a page of any statuses is merged from the first
-- rows of each.
CREATE INDEX events_by_status ON events (status, (coalesce(starts_at, 'infinity'::timestamptz)), created_at, id);

-- The events that run at a moment are wanted in every status now, not only the published ones. Few run at a time, so the
-- public list reads the same index.
DROP INDEX events_running;
CREATE INDEX events_running ON events USING gist (tstzrange(starts_at, coalesce(ends_at, starts_at), '[]')) WHERE starts_at IS NOT NULL;
