-- Times at which the previous generations of the refresh token were superseded, the latest last. A token that was superseded
-- within the grace period still gets the current successor, regardless of the number of rotations since.
ALTER TABLE sessions ADD COLUMN superseded_at timestamptz[] NOT NULL DEFAULT '{}';
