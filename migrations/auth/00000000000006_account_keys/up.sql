-- Comparison keys make two spellings of a username or e-mail address one account, even if they differ in more than case: in the
-- composition of characters, in invisible characters, in full-width forms, or in how a domain is written (IDNA). The service
-- computes the keys. The normalized columns remain: they contain the text in lower case, by which accounts are searched. They
-- also identify an account whose key belongs to another account.
--
-- An account has no key if it was created by the previous version of the service, or if its key belongs to an account that was
-- created earlier, because two spellings were accepted that are equal now. auth-service computes missing keys at startup and
-- every hour.
ALTER TABLE accounts
    ADD COLUMN username_key text CHECK (username_key <> ''),
    ADD COLUMN email_key text CHECK (email_key LIKE '_%@_%');

-- The key of an ASCII text is the text in lower case. Other texts need Unicode tables and IDNA, which only the service has.
UPDATE accounts SET
    username_key = CASE WHEN octet_length(username_normalized) = char_length(username_normalized) THEN username_normalized END,
    email_key = CASE WHEN octet_length(email_normalized) = char_length(email_normalized) THEN email_normalized END;

CREATE UNIQUE INDEX accounts_one_username ON accounts (username_key);
CREATE UNIQUE INDEX accounts_one_email ON accounts (email_key);
CREATE INDEX accounts_without_key ON accounts (created_at, id) WHERE username_key IS NULL OR email_key IS NULL;
