-- The id that a device gave to the scan that made a check-in, if it gave one. A scan that is sent again is known by it, also if the clock
-- of the device was wrong, so that its time was corrected differently each time.
ALTER TABLE checkins ADD COLUMN scan_id uuid;
