-- Events in progress, with which the list of upcoming events begins. They have started, so the index by start would find them
-- only after all past events.
CREATE INDEX events_running ON events USING gist (tstzrange(starts_at, coalesce(ends_at, starts_at), '[]')) WHERE status = 'published';
