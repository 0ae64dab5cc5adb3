//! Which transactions have messages that must be published at once.

use rowlock_domain::messages::Urgency;

use crate::sold_out::SoldOut;

#[tokio::test]
async fn only_transactions_that_release_tickets_to_the_worker_are_urgent() {
    let sold_out = SoldOut::new(&[2], None).await;
    sold_out.wait(&[0], 1).await;
    sold_out.run(vec![sold_out.give_back(0, 1)]).await;
    sold_out.run(vec![sold_out.pass(0)]).await;
    // Nobody waits for the second one, so it is sold to anybody.
    sold_out.run(vec![sold_out.give_back(0, 1)]).await;
    let urgencies = sold_out.fixture.urgencies.lock().unwrap().clone();
    let (routine, urgent) = (Urgency::Routine, Urgency::Urgent);
    assert_eq!(urgencies, [routine, routine, urgent, routine, routine], "booking, joining, return, promotion, return");
    assert_eq!(sold_out.stocks().await, [[1, 0, 1, 0, 0]]);
    sold_out.close().await;
}
