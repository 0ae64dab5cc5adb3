-- The pictures of events, in a table of their own, so that no statement about sales reads them. JPEG files do not compress further.
CREATE TABLE event_pictures (
    event_id uuid PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
    large    bytea NOT NULL CHECK (octet_length(large) BETWEEN 1 AND 4194304),
    small    bytea NOT NULL CHECK (octet_length(small) BETWEEN 1 AND 2097152)
);
ALTER TABLE event_pictures ALTER COLUMN large SET STORAGE EXTERNAL, ALTER COLUMN small SET STORAGE EXTERNAL;

-- The description of the picture for responses: {version, color, width, height}. It is written together with the picture.
ALTER TABLE events ADD COLUMN picture jsonb
    CONSTRAINT events_picture_is_described CHECK (picture ?& ARRAY['version', 'color', 'width', 'height']);
