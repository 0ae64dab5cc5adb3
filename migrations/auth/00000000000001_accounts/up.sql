-- Accounts. The normalized columns are equal for spellings that count as the same. The service computes them, because lower
-- case depends on the locale of the database.
CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    name_normalized text NOT NULL CHECK (name_normalized <> ''),
    username text NOT NULL CHECK (char_length(username) BETWEEN 1 AND 64 AND username !~ '\s'),
    username_normalized text NOT NULL CHECK (username_normalized <> ''),
    email text NOT NULL CHECK (octet_length(email) <= 254 AND email LIKE '_%@_%'),
    email_normalized text NOT NULL CHECK (email_normalized LIKE '_%@_%'),
    role text NOT NULL CHECK (role IN ('user', 'admin')),
    -- Whether the account was created with the bootstrap token, which creates at most one administrator.
    bootstrapped boolean NOT NULL DEFAULT false,
    password_hash text NOT NULL CHECK (password_hash ~ '^\$2b\$[0-9]{2}\$[./A-Za-z0-9]{53}$'),
    created_at timestamptz NOT NULL,
    CONSTRAINT accounts_email_key UNIQUE (email_normalized),
    CONSTRAINT accounts_username_key UNIQUE (username_normalized),
    CONSTRAINT accounts_bootstrapped_is_admin CHECK (role = 'admin' OR NOT bootstrapped)
);

CREATE UNIQUE INDEX accounts_one_bootstrapped ON accounts (bootstrapped) WHERE bootstrapped;

-- Finds out whether there is an administrator without scanning the table.
CREATE INDEX accounts_admins ON accounts (id) WHERE role = 'admin';
