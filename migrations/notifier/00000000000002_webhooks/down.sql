DROP TABLE idempotency_keys;
DROP TABLE webhook_deliveries;
DROP TABLE webhooks;
