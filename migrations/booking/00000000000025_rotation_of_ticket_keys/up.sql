-- Ticket keys can be replaced, and removed if they leak.

ALTER TABLE ticket_keys
    -- From then on the key signs, unless a later one does. It is published before, so that doors without a network know it when they
    -- meet its first codes.
    ADD COLUMN signs_from timestamptz NOT NULL DEFAULT now(),
    -- When an operator removed the key. It is no longer published, and its codes admit nobody. NULL: the key is published.
    ADD COLUMN removed_at timestamptz;

UPDATE ticket_keys SET signs_from = created_at;
