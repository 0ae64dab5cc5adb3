ALTER TABLE events DROP COLUMN search_text;
DROP FUNCTION search_pattern(text);
DROP FUNCTION search_form(text);

-- If somebody else installed it, it is theirs to remove.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm' AND extowner = current_user::regrole) THEN
        DROP EXTENSION pg_trgm;
    END IF;
END
$$;
