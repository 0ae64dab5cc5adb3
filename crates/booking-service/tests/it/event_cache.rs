//! Public reads are cached for about a second, and concurrent readers share one query.

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use reqwest::Method;
use rowlock_test_support::system::Plan;
use rowlock_test_support::wait::until;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_version_gets_304_and_a_change_becomes_visible_within_the_cache_lifetime() {
    let system = Plan::default().booking_setting("reads.keep_ms", "200").start().await;
    let event = system.event(3).await;
    let ada = system.user("ada").await;
    let visitor = system.visitor();
    for path in [format!("/api/events/{event}"), "/api/events".to_owned()] {
        let first = visitor.get(&path).await;
        first.expect(200);
        assert_eq!(first.header("cache-control"), Some("public, max-age=1"));
        let etag = first.header("etag").unwrap().to_owned();
        let again = visitor.send(Method::GET, &path, &[("if-none-match", &etag)], None).await;
        assert_eq!((again.status, again.text.as_str(), again.header("etag")), (304, "", Some(etag.as_str())));
        ada.must_book(&event, 1).await;
        until("the change is seen", async || visitor.send(Method::GET, &path, &[("if-none-match", &etag)], None).await.status == 200).await;
    }
    let shown = visitor.get(&format!("/api/events/{event}")).await.expect(200);
    assert_eq!(shown["bookedTickets"], 2);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_reads_share_one_query() {
    let system = Plan::default().workers(0).booking_setting("reads.keep_ms", "60000").start().await;
    let event = system.event(3).await;
    let visitor = system.visitor();
    // The lock blocks the first query until all requests have been sent.
    let mut somebody = system.booking_database.admin().await;
    somebody.batch_execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let path = format!("/api/events/{event}");
    let asking = tokio::spawn({
        let (visitor, path) = (visitor.clone(), path.clone());
        async move { join_all((0..50).map(|_| visitor.get(&path))).await }
    });
    let mut admin = system.booking_database.admin().await;
    let waiting = "SELECT count(*) AS count FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%published_at%' AND datname = current_database()";
    until("the query waits", async || diesel::sql_query(waiting).get_result::<Count>(&mut admin).await.unwrap().count > 0).await;
    assert_eq!(diesel::sql_query(waiting).get_result::<Count>(&mut admin).await.unwrap().count, 1);
    somebody.batch_execute("COMMIT").await.unwrap();
    assert!(asking.await.unwrap().iter().all(|answer| answer.status == 200));
    // The responses are cached now, so the locked table does not matter.
    somebody.batch_execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE").await.unwrap();
    visitor.get(&path).await.expect(200);
    somebody.batch_execute("COMMIT").await.unwrap();
    visitor.get("/api/events/01920000-0000-7000-8000-000000000009").await.refused(404, "event-not-found");
    system.stop().await;
}
