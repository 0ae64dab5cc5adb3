//! Limits on callers: the rate of an account, and administrators without a current revocation list.

use rowlock_test_support::system::Plan;
use rowlock_test_support::wait::until;

#[tokio::test(flavor = "multi_thread")]
async fn an_account_above_its_rate_limit_gets_429_with_retry_after() {
    let system = Plan::default().booking_setting("limits.book_per_account", "3").start().await;
    let event = system.event(10).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    for remaining in ["2", "1", "0"] {
        let answer = ada.book(&event, 1).await;
        answer.expect(201);
        assert!(answer.header("ratelimit").unwrap().starts_with(&format!("\"booking-account\";r={remaining};")), "{answer:?}");
    }
    let refusal = ada.book(&event, 1).await;
    refusal.refused(429, "rate-limited");
    let seconds: u64 = refusal.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&seconds), "{refusal:?}");
    assert_eq!(refusal.header("ratelimit-policy"), Some("\"booking-account\";q=3;w=60"));
    ben.must_book(&event, 1).await;
    ada.client.get("/api/bookings").await.expect(200);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_revocation_list_users_are_served_and_administrators_get_503() {
    let system = Plan::default()
        .booking_setting("tokens.revocations_max_age_ms", "100")
        .booking_setting("tokens.revocations_interval_ms", "10")
        .booking_setting("tokens.revocations_url", "http://127.0.0.1:9/internal/revocations")
        .start()
        .await;
    let ada = system.user("ada").await;
    let path = "/admin/auditlog";
    until("administrators wait", async || system.admin().client.get(path).await.status == 503).await;
    let refusal = system.admin().client.get(path).await;
    refusal.refused(503, "unavailable");
    assert!(refusal.header("retry-after").is_some());
    ada.client.get(path).await.refused(403, "forbidden");
    ada.client.get("/api/bookings").await.expect(200);
    system.stop().await;
}
