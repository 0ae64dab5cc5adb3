ALTER TABLE events DROP COLUMN search_text;
DROP FUNCTION search_pattern(text);
DROP FUNCTION search_form(text);

-- An extension that somebody else installed is left in place.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm' AND extowner = current_user::regrole) THEN
        DROP EXTENSION pg_trgm;
    END IF;
END
$$;
