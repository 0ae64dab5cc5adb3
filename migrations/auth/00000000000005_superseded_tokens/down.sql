ALTER TABLE sessions DROP COLUMN superseded_at;
