//! The lists that operators and organizers read stay fast when there are many deliveries: PostgreSQL reads them in the order of an index.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::templates::NotifierTemplate;

/// A statement whose plan is read instead of its result.
pub(super) struct Explain<Q>(pub(super) Q);

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Explain<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("EXPLAIN (COSTS OFF) ");
        self.0.walk_ast(out)
    }
}

impl<Q> Query for Explain<Q> {
    type SqlType = Text;
}

impl<Q> QueryId for Explain<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

/// Returns the plan of a statement.
async fn plan<Q: QueryFragment<Pg> + Send>(conn: &mut AsyncPgConnection, statement: Q) -> String {
    let lines: Vec<String> = Explain(statement).load(conn).await.unwrap();
    lines.join("\n")
}

const FILL: &str = "
    INSERT INTO deliveries (message_id, recipient, channel, kind, data, urgent, status, attempts, due_at, settled_at, detail, created_at)
    SELECT gen_random_uuid(), gen_random_uuid(), 'email', 'confirmed', '{}', false, status, 1, CASE WHEN status = 'pending' THEN now() END,
           CASE WHEN status <> 'pending' THEN now() END, 'why', now() - n * interval '1 second'
    FROM generate_series(1, 5000) AS n, unnest(ARRAY['sent', 'skipped', 'failed', 'pending']) AS status;
    INSERT INTO webhooks (id, url, secret, created_by)
    SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'https://crm.example', 'sealed', gen_random_uuid() FROM generate_series(1, 2) AS n;
    INSERT INTO webhook_deliveries (webhook_id, message_id, type, happened_at, body, status, due_at, settled_at, error)
    SELECT webhooks.id, gen_random_uuid(), 'event.created', now(), '{}', status, CASE WHEN status = 'pending' THEN now() END,
           CASE WHEN status <> 'pending' THEN now() END, CASE WHEN status = 'failed' THEN 'why' END
    FROM webhooks, generate_series(1, 5000), unnest(ARRAY['failed', 'pending']) AS status;
    ANALYZE deliveries; ANALYZE webhook_deliveries;";

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_delivery_logs_are_read_in_the_order_of_an_index() {
    let database = TestDatabase::new(&NotifierTemplate).await;
    let mut conn = database.admin().await;
    conn.batch_execute(FILL).await.unwrap();
    let mut plans = Vec::new();
    // The first page, and one that begins before all rows of the test.
    for after in [None, rowlock_domain::Timestamp::from_timestamp(4_000_000_000, 0)] {
        for statuses in [vec!["sent"], vec!["failed", "unclear"], vec!["pending", "sending", "sent", "failed", "unclear", "skipped"]] {
            let plan = plan(&mut conn, super::list::newest(statuses, after)).await;
            assert!(plan.lines().any(|line| line.contains("Index Cond") && line.contains("created_at <=")), "{plan}");
            plans.push((plan, "deliveries_by_status"));
        }
    }
    let webhook = uuid::Uuid::from_u128(1);
    plans.push((plan(&mut conn, super::webhooks::newest_of_all(webhook)).await, "webhook_deliveries_pkey"));
    for statuses in [vec!["failed"], vec!["pending", "sending"]] {
        plans.push((plan(&mut conn, super::webhooks::newest_of(webhook, statuses)).await, "webhook_deliveries_status"));
    }
    for (plan, index) in plans {
        assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{plan}");
        // Of each status, the index returns the rows of the page in order. Only those are sorted.
        let (above, below) = plan.split_once(index).unwrap();
        let since_sort = above.rsplit("Sort Key").next().unwrap();
        assert!(since_sort.contains("Limit") && !below.contains("Sort") && !plan.contains("Bitmap"), "{plan}");
    }
    drop(conn);
    database.close().await;
}
