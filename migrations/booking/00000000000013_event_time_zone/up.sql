-- The time zone in which people read the times of an event. The times themselves are instants. The services check the name
-- against the IANA database; the constraint only keeps out what cannot be a name.
ALTER TABLE events ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC'
    CONSTRAINT events_time_zone_is_a_name CHECK (char_length(time_zone) <= 64 AND time_zone ~ '^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$');
