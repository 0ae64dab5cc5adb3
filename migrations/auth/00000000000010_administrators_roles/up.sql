-- Administrators have roles. The column `role` stays as it is, because the previous version of the service reads it. Existing
-- administrators, and those that the previous version creates, are owners. The role of a user has no meaning.
ALTER TABLE accounts
    ADD COLUMN admin_role text NOT NULL DEFAULT 'owner' CHECK (admin_role IN ('door', 'organiser', 'owner')),
    -- When the role was last changed. Access tokens from before are revoked until they have expired.
    ADD COLUMN admin_role_changed_at timestamptz;

CREATE INDEX accounts_role_changes ON accounts (admin_role_changed_at) WHERE admin_role_changed_at IS NOT NULL;
