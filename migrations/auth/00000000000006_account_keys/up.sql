-- Two spellings of one username or e-mail address are one account, also where they differ in more than case: in how
-- characters are composed, in what cannot be seen, in full width, or in how a domain is written (IDNA). The service makes the
-- keys. The normalized columns stay: they are the text in lower case, by which accounts are searched, and by which an account
-- is found whose key belongs to another one.
--
-- An account without a key is one that a service of the previous version has made, or one whose key belongs to an account
-- made before it, when two were let in that are one today. auth-service makes missing keys when it starts, and every hour.
ALTER TABLE accounts
    ADD COLUMN username_key text CHECK (username_key <> ''),
    ADD COLUMN email_key text CHECK (email_key LIKE '_%@_%');

-- Of ASCII the key is what is in lower case already. The rest needs Unicode's tables and IDNA, which only the service has.
UPDATE accounts SET
    username_key = CASE WHEN octet_length(username_normalized) = char_length(username_normalized) THEN username_normalized END,
    email_key = CASE WHEN octet_length(email_normalized) = char_length(email_normalized) THEN email_normalized END;

CREATE UNIQUE INDEX accounts_one_username ON accounts (username_key);
CREATE UNIQUE INDEX accounts_one_email ON accounts (email_key);
CREATE INDEX accounts_without_key ON accounts (created_at, id) WHERE username_key IS NULL OR email_key IS NULL;
