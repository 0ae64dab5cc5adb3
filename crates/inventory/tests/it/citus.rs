//! Tests `deploy/citus/distribute.sql` against the migrated schema. Citus is not installed here: stub functions record their
//! arguments, and the catalog is queried for what Citus requires of a table.

use std::collections::BTreeSet;

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::system::BookingTemplate;

const DISTRIBUTE: &str = include_str!("../../../../deploy/citus/distribute.sql");

const STAND_INS: &str = "
    CREATE SCHEMA stand_in;
    CREATE TABLE stand_in.distributed (name regclass PRIMARY KEY, by text NOT NULL);
    CREATE FUNCTION create_distributed_table(name regclass, by text, colocate_with text DEFAULT 'default') RETURNS void LANGUAGE sql AS
        $$ INSERT INTO stand_in.distributed SELECT name, by WHERE colocate_with = 'default' OR EXISTS (SELECT FROM stand_in.distributed d WHERE d.name = colocate_with::regclass) $$;
    CREATE TABLE stand_in.functions (name regprocedure PRIMARY KEY);
    CREATE FUNCTION create_distributed_function(name regprocedure) RETURNS void LANGUAGE sql AS $$ INSERT INTO stand_in.functions VALUES (name) $$;";

/// Lists, one line each, the properties of the distributed tables that Citus would reject.
const REFUSED: &str = "
    SELECT format('a unique index of %s does not contain %s', i.indrelid::regclass, d.by) AS line
      FROM pg_index i JOIN stand_in.distributed d ON d.name = i.indrelid
     WHERE i.indisunique AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attname = d.by AND a.attnum = ANY (i.indkey::smallint[]))
    UNION ALL
    SELECT format('%s has a trigger', t.tgrelid::regclass) FROM pg_trigger t JOIN stand_in.distributed d ON d.name = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT format('%s does not refer to %s by their events', c.conrelid::regclass, c.confrelid::regclass)
      FROM pg_constraint c LEFT JOIN stand_in.distributed d ON d.name = c.conrelid LEFT JOIN stand_in.distributed r ON r.name = c.confrelid
     WHERE c.contype = 'f' AND (d.name IS NOT NULL OR r.name IS NOT NULL)
       AND NOT EXISTS (SELECT FROM unnest(c.conkey, c.confkey) AS k (mine, theirs)
                         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.mine AND a.attname = d.by
                         JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.theirs AND b.attname = r.by)
    UNION ALL
    SELECT format('%s has no column %s', d.name, d.by) FROM stand_in.distributed d
     WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = d.name AND a.attname = d.by AND a.attnotnull)";

#[derive(QueryableByName)]
struct TextRow {
    #[diesel(sql_type = Text)]
    line: String,
}

async fn lines(conn: &mut AsyncPgConnection, sql: &str) -> BTreeSet<String> {
    diesel::sql_query(sql).load::<TextRow>(conn).await.unwrap().into_iter().map(|row| row.line).collect()
}

#[tokio::test]
async fn every_table_is_distributed_or_said_to_be_local_and_citus_could_take_it() {
    let database = TestDatabase::new(&BookingTemplate).await;
    let mut conn = database.admin().await;
    let tables = "SELECT tablename::text AS line FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_\\_%'";
    let all = lines(&mut conn, tables).await;
    assert!(all.len() > 5, "{all:?}");

    conn.batch_execute(STAND_INS).await.unwrap();
    conn.batch_execute(DISTRIBUTE).await.unwrap();
    let distributed = lines(&mut conn, "SELECT name::text AS line FROM stand_in.distributed").await;
    let local: BTreeSet<String> = DISTRIBUTE
        .lines()
        .filter_map(|line| line.strip_prefix("-- local: "))
        .filter_map(|rest| rest.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    assert!(distributed.is_disjoint(&local), "{distributed:?} {local:?}");
    assert_eq!(distributed.union(&local).cloned().collect::<BTreeSet<_>>(), all);
    assert_eq!(lines(&mut conn, REFUSED).await, BTreeSet::new());

    // Functions of extensions are installed with them, and triggers are only on local tables.
    let missing = "SELECT p.oid::regprocedure::text AS line FROM pg_proc p
         WHERE p.pronamespace = 'public'::regnamespace AND p.prorettype <> 'trigger'::regtype AND p.proname NOT LIKE 'create\\_distributed\\_%'
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
           AND NOT EXISTS (SELECT FROM stand_in.functions f WHERE f.name = p.oid)";
    assert_eq!(lines(&mut conn, missing).await, BTreeSet::new(), "functions that no worker has");

    // The query must detect each kind of violation.
    conn.batch_execute(
        "CREATE TRIGGER t AFTER INSERT ON bookings FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
         CREATE UNIQUE INDEX ON waitlist_entries (id);
         INSERT INTO stand_in.distributed VALUES ('outbox', 'event_id');
         UPDATE stand_in.distributed SET by = 'event' WHERE name = 'ticket_types'::regclass;",
    )
    .await
    .unwrap();
    let refused = lines(&mut conn, REFUSED).await;
    for expected in [
        "bookings has a trigger",
        "a unique index of waitlist_entries does not contain event_id",
        "a unique index of outbox does not contain event_id",
        "bookings does not refer to ticket_types by their events",
        "ticket_types has no column event",
    ] {
        assert!(refused.contains(expected), "{expected} is not in {refused:?}");
    }
    drop(conn);
    database.close().await;
}
