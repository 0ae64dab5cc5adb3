-- When the last generations of a session's refresh token were superseded, the latest last. A token that was superseded
-- within the grace period still gets the present successor, however many rotations lie between.
ALTER TABLE sessions ADD COLUMN superseded_at timestamptz[] NOT NULL DEFAULT '{}';
