ALTER TABLE accounts DROP COLUMN admin_role_changed_at, DROP COLUMN admin_role;
