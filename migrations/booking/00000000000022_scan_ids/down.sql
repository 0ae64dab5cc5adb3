ALTER TABLE checkins DROP COLUMN scan_id;
