ALTER TABLE sessions DROP COLUMN second_factor;
DROP TABLE recovery_codes;
ALTER TABLE accounts
    DROP CONSTRAINT accounts_totp_complete,
    DROP COLUMN totp_last_step,
    DROP COLUMN totp_enabled_at,
    DROP COLUMN totp_created_at,
    DROP COLUMN totp_secret;
