-- Lists the deliveries of a status, the newest first. Those of all statuses are merged from one scan for each. It replaces the index of
-- the deliveries that failed or are unclear.
CREATE INDEX deliveries_by_status ON deliveries (status, created_at DESC, message_id, recipient);
DROP INDEX deliveries_problems;

-- Finds the announcements that did not reach everybody, because the start of the event was another one when the mails were sent.
CREATE INDEX deliveries_untold ON deliveries (message_id) WHERE status = 'skipped' AND kind IN ('event-changed', 'reminder');

-- When an administrator last had messages sent again. An attempt that began before does not make them wait.
ALTER TABLE webhooks ADD COLUMN resent_at timestamptz;
