//! Tests of deleting and unpublishing an event in the same transaction as other commands.

use rowlock_domain::auditlog::{Actor, ActorRole};
use rowlock_domain::ids::TypeKey;
use rowlock_domain::states::EventStatus;
use rowlock_inventory::command::{ChangeEvent, DeleteEvent, SalesHistory, StatusTransition};
use rowlock_inventory::{Command, LockWait, Outcome, Refusal};

use crate::fixture::{InventoryFixture, cancel, change};

fn delete(key: TypeKey) -> Command {
    let actor = Actor { account_id: None, role: ActorRole::Operator, request_id: None };
    Command::DeleteEvent(Box::new(DeleteEvent { event: key.event, expected_version: None, actor }))
}

fn unpublish(key: TypeKey) -> Command {
    Command::ChangeEvent(Box::new(ChangeEvent { transition: Some(StatusTransition::Unpublish), ..ChangeEvent::unchanged(key.event) }))
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_behind_a_deletion_find_no_event_and_a_sale_before_it_keeps_the_event() {
    let fixture = InventoryFixture::new().await;
    let run = async |commands: Vec<Command>| -> Vec<Outcome> {
        fixture.inventory.run(commands, LockWait::Wait).await.into_iter().map(Result::unwrap).collect()
    };
    let missing = Outcome::Refused(Refusal::EventNotFound);

    let [gone, other] = [fixture.event(2).await, fixture.event(2).await];
    let book = |key| Command::Book(fixture.book(key, fixture.account(), 1));
    let bigger = change(gone, |wanted| wanted.capacity = Some(rowlock_domain::values::Capacity::new(5).unwrap()));
    let outcomes = run(vec![bigger, delete(gone), book(gone), book(other), delete(gone), unpublish(gone)]).await;
    assert!(matches!(outcomes[0], Outcome::Changed(_)) && matches!(outcomes[3], Outcome::Booked(_)), "{outcomes:?}");
    assert_eq!([&outcomes[1], &outcomes[2], &outcomes[4], &outcomes[5]], [&Outcome::Deleted, &missing, &missing, &missing]);
    assert_eq!(fixture.routing_keys(gone).await, ["event.created", "tickets.capacity_changed", "event.updated", "event.deleted"]);
    assert_eq!(run(vec![book(gone)]).await, [missing]);

    // A booking that was made and returned in the same transaction still counts as sold.
    let kept = fixture.event(1).await;
    let sold = fixture.book(kept, fixture.account(), 1);
    let waiting = fixture.book(kept, fixture.account(), 1);
    let outcomes = run(vec![Command::Book(sold.clone()), cancel(&sold, None), delete(kept), unpublish(kept)]).await;
    let refused = |bookings, entries| Outcome::Refused(Refusal::HasBookings(SalesHistory { bookings, entries }));
    assert_eq!(outcomes[2..], [refused(1, 0), refused(1, 0)]);
    let outcomes = run(vec![book(kept), Command::Book(waiting), delete(kept)]).await;
    assert_eq!(outcomes[2], refused(2, 1));

    // An unpublished event sells no tickets, not even in the same transaction.
    let withdrawn = fixture.event(1).await;
    let outcomes = run(vec![unpublish(withdrawn), book(withdrawn), delete(withdrawn)]).await;
    assert!(
        matches!(&outcomes[0], Outcome::Changed(record_change) if record_change.event.event.status == EventStatus::Draft),
        "{outcomes:?}"
    );
    assert_eq!(outcomes[1..], [Outcome::Refused(Refusal::EventNotFound), Outcome::Deleted]);
    fixture.close().await;
}
