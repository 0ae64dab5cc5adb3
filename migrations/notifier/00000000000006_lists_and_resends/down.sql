ALTER TABLE webhooks DROP COLUMN resent_at;
DROP INDEX deliveries_untold;
CREATE INDEX deliveries_problems ON deliveries (status, created_at) WHERE status IN ('failed', 'unclear');
DROP INDEX deliveries_by_status;
