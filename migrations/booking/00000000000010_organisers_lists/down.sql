DROP INDEX events_by_status;
DROP INDEX events_running;
CREATE INDEX events_running ON events USING gist (tstzrange(starts_at, coalesce(ends_at, starts_at), '[]')) WHERE status = 'published';
