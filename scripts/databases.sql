-- Creates one of Rowlock's databases, named by :database, with its two roles. Run by databases.sh; safe to run again.
-- Invariant: the owner changes the schema, the service role only reads and writes rows, and no other role can connect.
\set service :database
\set owner :database _owner
\set owner_password `printenv OWNER_PASSWORD`
\set service_password `printenv SERVICE_PASSWORD`

SELECT rolsuper AS is_superuser FROM pg_roles WHERE rolname = current_user
\gset
\if :is_superuser
-- Passwords must not appear in the server's log.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
\endif

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY[:'owner', :'service']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
-- Without passwords the roles must exist, and they keep theirs.
SELECT :'owner_password' <> '' AS has_passwords
\gset
\if :has_passwords
ALTER ROLE :"owner" LOGIN PASSWORD :'owner_password';
ALTER ROLE :"service" LOGIN PASSWORD :'service_password';
\endif

\if :is_superuser
-- The services recognize timeouts by the English text of the error message, so it must not be translated.
ALTER ROLE :"owner" SET lc_messages = 'C';
ALTER ROLE :"service" SET lc_messages = 'C';
\else
-- To make a role the owner of a database, the current user has to be a member of it.
GRANT :"owner" TO current_user;
\endif

SELECT format('CREATE DATABASE %I OWNER %I ENCODING ''UTF8'' TEMPLATE template0', :'database', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"service";

\connect :"database"
ALTER SCHEMA public OWNER TO :"owner";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"service";
