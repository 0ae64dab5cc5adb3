DROP INDEX accounts_without_key;
ALTER TABLE accounts
    DROP COLUMN email_key,
    DROP COLUMN username_key;
