DROP TABLE idempotency_keys;
DROP INDEX sessions_login_key;
ALTER TABLE sessions DROP COLUMN login_key;
ALTER TABLE accounts DROP COLUMN creation_key;
