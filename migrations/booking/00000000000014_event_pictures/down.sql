ALTER TABLE events DROP COLUMN picture;
DROP TABLE event_pictures;
