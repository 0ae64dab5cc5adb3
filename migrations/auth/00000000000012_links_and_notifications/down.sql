DROP TABLE account_links;
ALTER TABLE accounts
    DROP COLUMN notify_waitlist,
    DROP COLUMN notify_reminders,
    DROP COLUMN email_confirmed_at;
