//! Transfers below HTTP: what is offered, accepted and ended within batches, and the messages that this causes.

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowlock_domain::ids::{AccountId, BookingId, TransferId, TypeKey};
use rowlock_domain::messages::SealedNotice;
use rowlock_domain::states::{BookingOrigin, BookingStatus, TransferStatus};
use rowlock_domain::tickets::TicketNumber;
use rowlock_domain::values::Quantity;
use rowlock_inventory::audit::check;
use rowlock_inventory::command::{AcceptTransfer, Book, EndTransfer, OfferTransfer, TransferRefusal, TransferSide};
use rowlock_inventory::tickets::tickets_of_booking;
use rowlock_inventory::views::{Holder, NamedTransfer};
use rowlock_inventory::{Command, LockWait, Outcome, Refusal, queries};

use crate::fixture::{InventoryFixture, cancel};

/// The secret hash of all links of these tests.
pub(crate) const TOKEN_HASH: [u8; 32] = [7; 32];

/// Returns an offer of tickets of a booking.
pub(crate) fn offer(fixture: &InventoryFixture, book: &Book, quantity: i64) -> OfferTransfer {
    OfferTransfer {
        key: book.key,
        account: book.holder.account,
        booking: book.booking,
        transfer: TransferId::from_uuid(fixture.clock.uuid()),
        quantity: Quantity::new(quantity).unwrap(),
        to_email: "grace@example.org".to_owned(),
        token_hash: TOKEN_HASH,
        notice: SealedNotice("sealed".to_owned()),
        idempotency: None,
    }
}

/// Returns the acceptance of an offer by an account.
pub(crate) fn accept(fixture: &InventoryFixture, offer: &OfferTransfer, account: AccountId) -> AcceptTransfer {
    AcceptTransfer {
        key: offer.key,
        transfer: offer.transfer,
        from_booking: offer.booking,
        receiver: Holder { account, name: "Grace".to_owned(), email: "grace@example.org".to_owned() },
        token_hash: TOKEN_HASH,
        booking: BookingId::from_uuid(fixture.clock.uuid()),
        idempotency: None,
    }
}

pub(crate) fn offers(command: OfferTransfer) -> Command {
    Command::OfferTransfer(Box::new(command))
}

pub(crate) fn accepts(command: AcceptTransfer) -> Command {
    Command::AcceptTransfer(Box::new(command))
}

pub(crate) fn ends(offer: &OfferTransfer, account: AccountId, side: TransferSide) -> Command {
    Command::EndTransfer(Box::new(EndTransfer { key: offer.key, transfer: offer.transfer, account, side, idempotency: None }))
}

pub(crate) async fn run(fixture: &InventoryFixture, commands: Vec<Command>) -> Vec<Outcome> {
    fixture.inventory.run(commands, LockWait::Wait).await.into_iter().map(Result::unwrap).collect()
}

/// Books tickets and returns the request.
pub(crate) async fn booked(fixture: &InventoryFixture, key: TypeKey, quantity: u32) -> Book {
    let book = fixture.book(key, fixture.account(), quantity);
    let outcomes = run(fixture, vec![Command::Book(book.clone())]).await;
    assert!(matches!(outcomes[0], Outcome::Booked(_)), "{outcomes:?}");
    book
}

pub(crate) async fn sound(fixture: &InventoryFixture) {
    let findings = check(&mut fixture.database.admin().await).await.unwrap();
    assert!(findings.iter().all(|finding| finding.count == 0), "{findings:?}");
}

pub(crate) async fn stock(fixture: &InventoryFixture, key: TypeKey) -> [u32; 5] {
    let event = queries::event(&mut fixture.database.admin().await, key.event).await.unwrap().unwrap();
    let stock = &event.types[0].stock;
    [stock.available, stock.reserved, stock.booked, stock.held, stock.waiting]
}

pub(crate) async fn transfer(fixture: &InventoryFixture, id: TransferId) -> NamedTransfer {
    queries::transfer(&mut fixture.database.admin().await, id).await.unwrap().unwrap()
}

/// Returns the status, the quantity and the valid numbers of a booking.
pub(crate) async fn numbers(fixture: &InventoryFixture, key: TypeKey, booking: BookingId) -> (BookingStatus, u32, Vec<u16>) {
    let found = tickets_of_booking(&mut fixture.database.admin().await, key.event, booking).await.unwrap().unwrap();
    (found.booking.status, found.booking.quantity, found.numbers.valid().map(TicketNumber::get).collect())
}

pub(crate) async fn sql(fixture: &InventoryFixture, text: &str) {
    fixture.database.admin().await.batch_execute(text).await.unwrap();
}

pub(crate) fn refused(refusal: TransferRefusal) -> Outcome {
    Outcome::Refused(Refusal::Transfer(refusal))
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_tickets_move_to_the_receiver_and_the_counters_stay_as_they_are() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(5).await;
    let book = booked(&fixture, key, 3).await;
    let offered = offer(&fixture, &book, 2);
    let grace = fixture.account();
    let before = stock(&fixture, key).await;
    run(&fixture, vec![offers(offered.clone())]).await;
    let pending = transfer(&fixture, offered.transfer).await.transfer;
    assert_eq!((pending.status, pending.to_email.as_deref()), (TransferStatus::Pending, Some("grace@example.org")));
    assert_eq!((pending.expires_at - pending.created_at).num_days(), 7);
    assert_eq!(numbers(&fixture, key, book.booking).await, (BookingStatus::Confirmed, 3, vec![0, 1, 2]), "an offer moves nothing");

    let accepted = accept(&fixture, &offered, grace);
    let received = accepted.booking;
    let outcomes = run(&fixture, vec![accepts(accepted)]).await;
    assert!(matches!(&outcomes[0], Outcome::TransferAccepted(_)), "{outcomes:?}");
    assert_eq!(stock(&fixture, key).await, before);
    assert_eq!(numbers(&fixture, key, book.booking).await, (BookingStatus::Confirmed, 1, vec![0]));
    assert_eq!(numbers(&fixture, key, received).await, (BookingStatus::Confirmed, 2, vec![0, 1]));
    let done = transfer(&fixture, offered.transfer).await.transfer;
    assert_eq!((done.status, done.to_email, done.to_account), (TransferStatus::Accepted, None, Some(grace)));
    assert_eq!(done.received_booking, Some(received));
    let bookings = queries::bookings_of_account(&mut fixture.database.admin().await, grace, None, 9).await.unwrap();
    assert_eq!(bookings[0].booking.origin, BookingOrigin::Transfer);

    // The rest goes to somebody else, and of the received tickets one is passed on.
    let (rest, passed_on) = (offer(&fixture, &book, 1), OfferTransfer { booking: received, account: grace, ..offer(&fixture, &book, 1) });
    run(&fixture, vec![offers(rest.clone()), offers(passed_on.clone())]).await;
    let outcomes =
        run(&fixture, vec![accepts(accept(&fixture, &rest, fixture.account())), accepts(accept(&fixture, &passed_on, fixture.account()))])
            .await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::TransferAccepted(_))), "{outcomes:?}");
    assert_eq!(numbers(&fixture, key, book.booking).await, (BookingStatus::Cancelled, 0, vec![]), "nothing is left");
    assert_eq!(stock(&fixture, key).await, before);
    let keys = fixture.routing_keys(key).await;
    let expected = ["transfer.offered", "transfer.accepted", "transfer.received"];
    assert_eq!(keys[keys.len() - 9..keys.len() - 6], expected, "{keys:?}");
    // The receiver can return the tickets like any others.
    let theirs = Book { booking: received, holder: Holder { account: grace, ..book.holder.clone() }, ..book.clone() };
    run(&fixture, vec![cancel(&theirs, None)]).await;
    assert_eq!(stock(&fixture, key).await, [before[0] + 1, 0, before[2] - 1, 0, 0]);
    sound(&fixture).await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_transfers_never_promise_more_tickets_than_the_booking_has() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(9).await;
    let book = booked(&fixture, key, 4).await;
    let (first, second, third) = (offer(&fixture, &book, 2), offer(&fixture, &book, 1), offer(&fixture, &book, 2));
    // In transactions of their own, so that the first one is older.
    run(&fixture, vec![offers(first.clone())]).await;
    let outcomes = run(&fixture, vec![offers(second.clone()), offers(third.clone())]).await;
    assert_eq!(outcomes[1], refused(TransferRefusal::Promised { free: 1 }));
    let outcomes = run(&fixture, vec![offers(third.clone()), offers(offer(&fixture, &book, 5))]).await;
    assert_eq!(outcomes[0], refused(TransferRefusal::Promised { free: 1 }), "also in a later transaction");
    assert_eq!(outcomes[1], Outcome::Refused(Refusal::MoreThanBooked { booked: 4 }));

    // Two tickets remain, which the older transfer promises.
    run(&fixture, vec![cancel(&book, Some(2))]).await;
    assert_eq!(transfer(&fixture, first.transfer).await.transfer.status, TransferStatus::Pending);
    assert_eq!(transfer(&fixture, second.transfer).await.transfer.status, TransferStatus::Withdrawn);
    sound(&fixture).await;
    run(&fixture, vec![cancel(&book, None)]).await;
    let withdrawn = transfer(&fixture, first.transfer).await.transfer;
    assert_eq!((withdrawn.status, withdrawn.to_email), (TransferStatus::Withdrawn, None));
    let late = run(&fixture, vec![accepts(accept(&fixture, &first, fixture.account())), offers(third)]).await;
    assert_eq!(late, [refused(TransferRefusal::Ended(TransferStatus::Withdrawn)), refused(TransferRefusal::BookingCancelled)]);
    sound(&fixture).await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_first_account_with_the_secret_gets_the_tickets() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(5).await;
    let book = booked(&fixture, key, 2).await;
    let offered = offer(&fixture, &book, 1);
    let (grace, eve) = (fixture.account(), fixture.account());
    let guess = AcceptTransfer { token_hash: [8; 32], ..accept(&fixture, &offered, eve) };
    let outcomes = run(
        &fixture,
        vec![offers(offered.clone()), ends(&offered, eve, TransferSide::Sender), ends(&offered, eve, TransferSide::Receiver([8; 32]))],
    )
    .await;
    assert_eq!(outcomes[1..], [refused(TransferRefusal::NotFound), refused(TransferRefusal::NotFound)]);
    let outcomes = run(
        &fixture,
        vec![
            accepts(guess),
            accepts(accept(&fixture, &offered, book.holder.account)),
            accepts(accept(&fixture, &offered, grace)),
            accepts(accept(&fixture, &offered, eve)),
            accepts(accept(&fixture, &offered, grace)),
            ends(&offered, book.holder.account, TransferSide::Sender),
            ends(&offered, eve, TransferSide::Receiver(TOKEN_HASH)),
        ],
    )
    .await;
    let taken = refused(TransferRefusal::Ended(TransferStatus::Accepted));
    assert_eq!(outcomes[..2], [refused(TransferRefusal::NotFound), refused(TransferRefusal::Own)]);
    assert_eq!((&outcomes[3], &outcomes[5], &outcomes[6]), (&taken, &taken, &taken));
    assert_eq!(outcomes[2], outcomes[4], "a repetition by the same account is answered in the same way");
    let again = run(&fixture, vec![accepts(accept(&fixture, &offered, grace)), accepts(accept(&fixture, &offered, eve))]).await;
    assert!(matches!(&again[0], Outcome::TransferAccepted(row) if row.transfer.to_account == Some(grace)), "{again:?}");
    assert_eq!(again[1], taken);
    assert_eq!(queries::bookings_of_account(&mut fixture.database.admin().await, grace, None, 9).await.unwrap().len(), 1);
    sound(&fixture).await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn either_side_can_end_a_transfer_and_the_address_is_deleted() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(5).await;
    let book = booked(&fixture, key, 2).await;
    let (sent, declined) = (offer(&fixture, &book, 1), offer(&fixture, &book, 1));
    let (ada, grace) = (book.holder.account, fixture.account());
    run(&fixture, vec![offers(sent.clone()), offers(declined.clone())]).await;
    let twice = |offer, account, side| vec![ends(offer, account, side), ends(offer, account, side)];
    let outcomes = run(&fixture, twice(&sent, ada, TransferSide::Sender)).await;
    assert_eq!(outcomes[0], outcomes[1]);
    let outcomes = run(&fixture, twice(&declined, grace, TransferSide::Receiver(TOKEN_HASH))).await;
    assert_eq!(outcomes[0], outcomes[1]);
    for (offer, status) in [(&sent, TransferStatus::Withdrawn), (&declined, TransferStatus::Declined)] {
        let ended = transfer(&fixture, offer.transfer).await.transfer;
        assert_eq!((ended.status, ended.to_email), (status, None));
        assert!(ended.ended_at.is_some());
        let late = run(&fixture, vec![accepts(accept(&fixture, offer, grace))]).await;
        assert_eq!(late, [refused(TransferRefusal::Ended(status))]);
    }
    assert_eq!(numbers(&fixture, key, book.booking).await, (BookingStatus::Confirmed, 2, vec![0, 1]));
    assert_eq!(fixture.routing_keys(key).await.iter().filter(|key| *key == "transfer.ended").count(), 2);
    sound(&fixture).await;
    fixture.close().await;
}

#[derive(diesel::QueryableByName)]
struct Sold {
    #[diesel(sql_type = diesel::sql_types::Text)]
    sold: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn transferred_tickets_keep_the_time_at_which_they_were_sold() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(5).await;
    let book = booked(&fixture, key, 2).await;
    sql(&fixture, "UPDATE bookings SET booked_at = '2026-01-01T00:00:00Z'").await;
    let (first, grace) = (offer(&fixture, &book, 2), fixture.account());
    run(&fixture, vec![offers(first.clone())]).await;
    let accepted = accept(&fixture, &first, grace);
    run(&fixture, vec![accepts(accepted.clone())]).await;
    let second = OfferTransfer { booking: accepted.booking, account: grace, ..offer(&fixture, &book, 1) };
    run(&fixture, vec![offers(second.clone())]).await;
    run(&fixture, vec![accepts(accept(&fixture, &second, fixture.account()))]).await;
    let sold: Vec<Sold> =
        diesel::sql_query("SELECT (sold_at AT TIME ZONE 'UTC')::date::text || ' ' || sold_to_waitlist AS sold FROM transfers")
            .load(&mut fixture.database.admin().await)
            .await
            .unwrap();
    assert_eq!(sold.into_iter().map(|row| row.sold).collect::<Vec<_>>(), ["2026-01-01 false"; 2]);
    fixture.close().await;
}
