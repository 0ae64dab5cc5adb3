//! When transfers lapse, how many tickets they may move, and what is left of erased accounts.

use rowlock_domain::accounts::AccountChange;
use rowlock_domain::allocation::BookRefusal;
use rowlock_domain::allocation::TransferTimeRefusal::{EventBegun, EventCancelled};
use rowlock_domain::states::TransferStatus;
use rowlock_domain::values::{AccountLimit, Quantity};
use rowlock_inventory::accounts::{ERASED_ACCOUNT, pending_closures, record_account_change};
use rowlock_inventory::command::{OfferTransfer, TransferRefusal, TransferSide};
use rowlock_inventory::housekeeping::delete_expired;
use rowlock_inventory::{Command, Outcome, Refusal, queries};

use crate::fixture::{InventoryFixture, change, move_start};
use crate::transfers::{accept, accepts, booked, ends, offer, offers, refused, run, sound, sql, transfer};

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_lapses_with_its_time_and_with_its_event() {
    let fixture = InventoryFixture::new().await;
    let [late, begun, called_off] = [fixture.event(5).await, fixture.event(5).await, fixture.event(5).await];
    let mut all = Vec::new();
    for key in [late, begun, called_off] {
        let book = booked(&fixture, key, 2).await;
        let offered = offer(&fixture, &book, 1);
        run(&fixture, vec![offers(offered.clone())]).await;
        all.push((book, offered));
    }
    sql(&fixture, &format!("UPDATE transfers SET expires_at = now() WHERE event_id = '{}'", late.event)).await;
    sql(&fixture, &format!("UPDATE events SET starts_at = now() WHERE id = '{}'", begun.event)).await;
    sql(&fixture, &format!("UPDATE events SET status = 'cancelled' WHERE id = '{}'", called_off.event)).await;
    let expected =
        [TransferRefusal::Ended(TransferStatus::Lapsed), TransferRefusal::Time(EventBegun), TransferRefusal::Time(EventCancelled)];
    for ((_, offered), refusal) in all.iter().zip(expected) {
        assert_eq!(run(&fixture, vec![accepts(accept(&fixture, offered, fixture.account()))]).await, [refused(refusal)]);
        assert_eq!(transfer(&fixture, offered.transfer).await.transfer.status, TransferStatus::Lapsed, "shown before it is ended");
    }
    for ((book, _), refusal) in all.iter().zip(expected).skip(1) {
        assert_eq!(run(&fixture, vec![offers(offer(&fixture, book, 1))]).await, [refused(refusal)]);
    }
    // A lapsed transfer promises nothing any more.
    let (book, _) = &all[0];
    assert!(matches!(run(&fixture, vec![offers(offer(&fixture, book, 2))]).await[0], Outcome::TransferOffered(_)));
    let mut conn = fixture.database.admin().await;
    assert_eq!(delete_expired(&mut conn, 2).await.unwrap(), 2, "in batches");
    assert_eq!(delete_expired(&mut conn, 2).await.unwrap(), 1);
    assert_eq!(delete_expired(&mut conn, 2).await.unwrap(), 0, "the pending one is not touched");
    for (_, offered) in &all {
        let row = transfer(&fixture, offered.transfer).await.transfer;
        assert_eq!((row.status, row.to_email), (TransferStatus::Lapsed, None));
    }
    drop(conn);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_never_outlives_the_start_of_its_event() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(5).await;
    let start = fixture.clock.now() + chrono::TimeDelta::days(2);
    run(&fixture, vec![move_start(key, start)]).await;
    let book = booked(&fixture, key, 2).await;
    let offered = offer(&fixture, &book, 1);
    run(&fixture, vec![offers(offered.clone())]).await;
    let difference = transfer(&fixture, offered.transfer).await.transfer.expires_at - start;
    assert!(difference.num_milliseconds().abs() <= 1, "{difference}");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_the_ticket_type_hold_for_the_receiver() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(20).await;
    let grace = fixture.account();
    let own = fixture.book(key, grace, 2);
    run(&fixture, vec![Command::Book(own)]).await;
    let book = booked(&fixture, key, 6).await;
    let (many, few) = (offer(&fixture, &book, 2), offer(&fixture, &book, 1));
    run(&fixture, vec![offers(many.clone()), offers(few.clone())]).await;
    run(&fixture, vec![change(key, |limits| limits.max_per_account = Some(AccountLimit::new(3).ok()))]).await;
    let outcomes = run(&fixture, vec![accepts(accept(&fixture, &many, grace)), accepts(accept(&fixture, &few, grace))]).await;
    assert_eq!(outcomes[0], Outcome::Refused(Refusal::Book(BookRefusal::AccountLimit { max: 3 })));
    assert!(matches!(outcomes[1], Outcome::TransferAccepted(_)), "{outcomes:?}");
    run(&fixture, vec![change(key, |limits| limits.max_per_booking = Quantity::new(1).ok())]).await;
    let outcomes = run(&fixture, vec![accepts(accept(&fixture, &many, fixture.account())), offers(offer(&fixture, &book, 2))]).await;
    let too_large = Outcome::Refused(Refusal::Book(BookRefusal::QuantityTooLarge { max: 1 }));
    assert_eq!(outcomes, [too_large.clone(), too_large]);
    sound(&fixture).await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_confirmed_bookings_of_the_account_are_offered_and_not_too_often() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event_with(50, Some(10), None).await;
    let book = booked(&fixture, key, 1).await;
    let foreign = OfferTransfer { account: fixture.account(), ..offer(&fixture, &book, 1) };
    let outcomes = run(&fixture, vec![offers(offer(&fixture, &book, 1)), offers(foreign)]).await;
    assert_eq!(outcomes, [refused(TransferRefusal::BookingReserved), Outcome::Refused(Refusal::BookingNotFound)]);

    let key = fixture.event(50).await;
    let book = booked(&fixture, key, 1).await;
    for _ in 0..20 {
        let next = offer(&fixture, &book, 1);
        let outcomes = run(&fixture, vec![offers(next.clone()), ends(&next, book.holder.account, TransferSide::Sender)]).await;
        assert!(matches!(outcomes[..], [Outcome::TransferOffered(_), Outcome::TransferEnded(_)]), "{outcomes:?}");
    }
    assert_eq!(run(&fixture, vec![offers(offer(&fixture, &book, 1))]).await, [refused(TransferRefusal::TooManyOffers)]);
    sql(&fixture, "UPDATE transfers SET created_at = created_at - interval '25 hours'").await;
    assert!(matches!(run(&fixture, vec![offers(offer(&fixture, &book, 1))]).await[0], Outcome::TransferOffered(_)));
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_account_leaves_nothing_in_its_transfers() {
    let fixture = InventoryFixture::new().await;
    let key = fixture.event(5).await;
    let book = booked(&fixture, key, 2).await;
    let (ada, grace) = (book.holder.account, fixture.account());
    let (pending, given) = (offer(&fixture, &book, 1), offer(&fixture, &book, 1));
    run(&fixture, vec![offers(pending.clone()), offers(given.clone())]).await;
    run(&fixture, vec![accepts(accept(&fixture, &given, grace))]).await;
    for account in [ada, grace] {
        let mut conn = fixture.database.admin().await;
        record_account_change(&mut conn, account, 2, AccountChange::Erased).await.unwrap();
        let pass = pending_closures(&mut conn, -1, ERASED_ACCOUNT, 10).await.unwrap().remove(0);
        fixture.inventory.close_account(pass).await.unwrap();
        assert_eq!(pending_closures(&mut conn, -1, ERASED_ACCOUNT, 10).await.unwrap(), [], "the account is settled");
        assert_eq!(queries::transfers_of_account(&mut conn, account, None, None, 9).await.unwrap(), []);
    }
    let (withdrawn, accepted) = (transfer(&fixture, pending.transfer).await.transfer, transfer(&fixture, given.transfer).await.transfer);
    assert_eq!((withdrawn.status, withdrawn.to_email, withdrawn.from_account), (TransferStatus::Withdrawn, None, ERASED_ACCOUNT));
    assert_eq!(
        (accepted.status, accepted.from_account, accepted.to_account),
        (TransferStatus::Accepted, ERASED_ACCOUNT, Some(ERASED_ACCOUNT))
    );
    sound(&fixture).await;
    fixture.close().await;
}
