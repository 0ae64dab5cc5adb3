-- Parties that take fewer tickets than they ask for.

-- The smallest number of tickets that the entry takes. NULL: all or none, which is also what the previous release writes.
ALTER TABLE waitlist_entries ADD COLUMN min_quantity integer CHECK (min_quantity >= 1);

-- The first entries per minimum, which an allocation pass merges. `least` ignores NULL, and it also holds when the previous release
-- lowers a quantity without knowing the minimum. The included columns let entries be counted by their minimum without reading the
-- table, which an index on an expression alone does not.
DROP INDEX waitlist_heads;
CREATE INDEX waitlist_heads ON waitlist_entries (event_id, ticket_type_id, (least(min_quantity, quantity)), number)
    INCLUDE (min_quantity, quantity) WHERE status = 'waiting';
