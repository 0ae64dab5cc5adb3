-- The events that run at a moment, which the list of upcoming events begins with: they have begun, so the index by start
-- would only find them behind all that is past.
CREATE INDEX events_running ON events USING gist (tstzrange(starts_at, coalesce(ends_at, starts_at), '[]')) WHERE status = 'published';
