-- Search that ignores case, accents and typography and uses an index. Both sides are normalized by search_form: texts when they
-- are stored, search words when a query runs.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
EXCEPTION WHEN OTHERS THEN
    RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = format(
        'the extension pg_trgm, which searches need, cannot be installed in the database %s (%s); install the contrib modules of '
        'PostgreSQL on the server, run CREATE EXTENSION pg_trgm in this database as a superuser, and migrate again',
        current_database(), SQLERRM);
END
$$;

-- The steps, in this order: map all variants of apostrophes, quotation marks and dashes to one character each; apply
-- compatibility forms (NFKD) and lower case; replace letters that Unicode does not decompose; remove accents, vowel points and
-- invisible characters; compose the rest (NFC). The collation is explicit, because the locale of the database may know no letters
-- beyond ASCII.
CREATE FUNCTION search_form(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 500
RETURN normalize(regexp_replace(replace(replace(replace(replace(translate(
    lower(normalize(translate($1,
        U&'\2018\2019\201A\201B\2032\02B9\02BB\02BC\02BD\00B4\0060\201C\201D\201E\201F\2033\00AB\00BB\2010\2011\2012\2013\2014\2015\2212',
        '''''''''''''''''''''''"""""""-------'), NFKD) COLLATE "und-x-icu") COLLATE "C",
    U&'\03C2\00F8\0142\0111\00F0\0127\0131\0167\014B', U&'\03C3olddhitn'),
    U&'\00DF', 'ss'), U&'\00E6', 'ae'), U&'\0153', 'oe'), U&'\00FE', 'th'),
    '[\u00AD\u0300-\u036F\u0591-\u05BD\u05BF\u05C1\u05C2\u05C4\u05C5\u05C7\u0610-\u061A\u064B-\u065F\u0670\u1AB0-\u1AFF\u1DC0-\u1DFF'
    || '\u200B-\u200D\u2060\u20D0-\u20FF\uFE00-\uFE0F\uFE20-\uFE2F\uFEFF]', '', 'g'), NFC);

-- Returns the LIKE pattern that matches a word anywhere. The wildcards of LIKE are escaped.
CREATE FUNCTION search_pattern(word text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 500
RETURN '%' || regexp_replace(search_form(word), '([\\%_])', '\\\1', 'g') || '%';

-- The text begins with a space, so that a search for the beginning of a word also matches the first word.
ALTER TABLE events ADD COLUMN search_text text NOT NULL
    GENERATED ALWAYS AS (search_form(' ' || name || ' ' || coalesce(venue, '') || ' ' || coalesce(description, ''))) STORED;

-- fastupdate is off, because every search would have to read the list of pending entries.
CREATE INDEX events_search ON events USING gin (search_text gin_trgm_ops) WITH (fastupdate = off);
