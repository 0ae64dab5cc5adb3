DROP TABLE outbox_failed, outbox;
