-- Searching without regard to case, accents and typography, from an index. Both sides go through search_form: the texts when
-- they are stored, the words when they are searched for.
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

-- In this order: one sign each for apostrophes, quotation marks and dashes; compatibility forms (NFKD) and lower case; the
-- letters that Unicode does not decompose; then accents, vowel points and invisible signs are dropped and the rest is composed.
-- The locale is named, because that of the database may know no letter beyond ASCII.
CREATE FUNCTION search_form(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 500
RETURN normalize(regexp_replace(replace(replace(replace(replace(translate(
    lower(normalize(translate($1,
        U&'\2018\2019\201A\201B\2032\02B9\02BB\02BC\02BD\00B4\0060\201C\201D\201E\201F\2033\00AB\00BB\2010\2011\2012\2013\2014\2015\2212',
        '''''''''''''''''''''''"""""""-------'), NFKD) COLLATE "und-x-icu") COLLATE "C",
    U&'\03C2\00F8\0142\0111\00F0\0127\0131\0167\014B', U&'\03C3olddhitn'),
    U&'\00DF', 'ss'), U&'\00E6', 'ae'), U&'\0153', 'oe'), U&'\00FE', 'th'),
    '[\u00AD\u0300-\u036F\u0591-\u05BD\u05BF\u05C1\u05C2\u05C4\u05C5\u05C7\u0610-\u061A\u064B-\u065F\u0670\u1AB0-\u1AFF\u1DC0-\u1DFF'
    || '\u200B-\u200D\u2060\u20D0-\u20FF\uFE00-\uFE0F\uFE20-\uFE2F\uFEFF]', '', 'g'), NFC);

-- The LIKE pattern that finds a word wherever it stands. The wildcards of LIKE stand for themselves.
CREATE FUNCTION search_pattern(word text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 500
RETURN '%' || regexp_replace(search_form(word), '([\\%_])', '\\\1', 'g') || '%';

-- It begins with a space, so that the beginning of any word can be looked for.
ALTER TABLE events ADD COLUMN search_text text NOT NULL
    GENERATED ALWAYS AS (search_form(' ' || name || ' ' || coalesce(venue, '') || ' ' || coalesce(description, ''))) STORED;

-- Without a list of pending entries, which each search would have to read.
CREATE INDEX events_search ON events USING gin (search_text gin_trgm_ops) WITH (fastupdate = off);
