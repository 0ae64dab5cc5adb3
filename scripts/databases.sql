-- One of Rowlock's databases, named by :database, with its two roles. Run by databases.sh; safe to run again.
-- Keeps true: the owner changes the schema, the service role only works in it, and nobody else gets in.
\set service :database
\set owner :database _owner
\set owner_password `printenv OWNER_PASSWORD`
\set service_password `printenv SERVICE_PASSWORD`

SELECT rolsuper AS is_superuser FROM pg_roles WHERE rolname = current_user
\gset
\if :is_superuser
-- Passwords do not belong in the server's log.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
\endif

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY[:'owner', :'service']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
-- Without passwords the roles are there and keep theirs.
SELECT :'owner_password' <> '' AS has_passwords
\gset
\if :has_passwords
ALTER ROLE :"owner" LOGIN PASSWORD :'owner_password';
ALTER ROLE :"service" LOGIN PASSWORD :'service_password';
\endif

\if :is_superuser
-- The services tell time-outs apart by the text of the message, so it must be the untranslated one.
ALTER ROLE :"owner" SET lc_messages = 'C';
ALTER ROLE :"service" SET lc_messages = 'C';
\else
-- Giving a database to a role takes membership in it.
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
