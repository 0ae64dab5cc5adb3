//! Transfers against everything that can happen to the same tickets at the same time, in transactions of their own. Whichever comes
//! first is decided by the lock; both orders leave the database sound.

use rowlock_domain::ids::{CheckinId, TicketId};
use rowlock_domain::states::{BookingStatus, TransferStatus};
use rowlock_domain::tickets::TicketNumber;
use rowlock_inventory::command::{Book, OfferTransfer, TransferRefusal, TransferSide};
use rowlock_inventory::housekeeping::delete_expired;
use rowlock_inventory::tickets::{CheckinOutcome, CheckinRefusal, KeyedOutcome, Scan, check_in, replace_code};
use rowlock_inventory::{Command, Outcome, Refusal};

use crate::fixture::{InventoryFixture, cancel};
use crate::transfers::{TOKEN_HASH, accept, accepts, booked, ends, numbers, offer, offers, run, sound, sql, stock, transfer};

/// How often each race is run, so that both orders occur.
const ROUNDS: usize = 12;

/// Books tickets and offers some of them.
async fn offered(fixture: &InventoryFixture, booked_tickets: u32, offered: i64) -> (Book, OfferTransfer) {
    let key = fixture.event(9).await;
    let book = booked(fixture, key, booked_tickets).await;
    let command = offer(fixture, &book, offered);
    let outcomes = run(fixture, vec![offers(command.clone())]).await;
    assert!(matches!(outcomes[0], Outcome::TransferOffered(_)), "{outcomes:?}");
    (book, command)
}

async fn one(fixture: &InventoryFixture, command: Command) -> Outcome {
    run(fixture, vec![command]).await.remove(0)
}

fn is_ended(outcome: &Outcome, expected: TransferStatus) -> bool {
    matches!(outcome, Outcome::Refused(Refusal::Transfer(TransferRefusal::Ended(status))) if *status == expected)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_and_a_cancellation_of_the_booking_exclude_each_other() {
    let fixture = InventoryFixture::new().await;
    for _ in 0..ROUNDS {
        let (book, command) = offered(&fixture, 2, 2).await;
        let acceptance = accepts(accept(&fixture, &command, fixture.account()));
        let (accepted, returned) = tokio::join!(one(&fixture, acceptance), one(&fixture, cancel(&book, None)));
        // A cancellation after the transfer finds a booking that has no tickets any more, and changes nothing.
        assert!(matches!(returned, Outcome::Returned(_)), "{returned:?}");
        match accepted {
            Outcome::TransferAccepted(_) => assert_eq!(stock(&fixture, book.key).await, [7, 0, 2, 0, 0]),
            refused => {
                assert!(is_ended(&refused, TransferStatus::Withdrawn), "{refused:?}");
                assert_eq!(stock(&fixture, book.key).await, [9, 0, 0, 0, 0]);
            }
        }
        sound(&fixture).await;
    }
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_and_a_partial_return_never_take_the_same_ticket() {
    let fixture = InventoryFixture::new().await;
    for _ in 0..ROUNDS {
        let (book, command) = offered(&fixture, 3, 2).await;
        let acceptance = accepts(accept(&fixture, &command, fixture.account()));
        let (accepted, returned) = tokio::join!(one(&fixture, acceptance), one(&fixture, cancel(&book, Some(2))));
        match (&accepted, &returned) {
            (Outcome::TransferAccepted(_), Outcome::Refused(Refusal::MoreThanBooked { booked: 1 })) => {
                assert_eq!(numbers(&fixture, book.key, book.booking).await, (BookingStatus::Confirmed, 1, vec![0]));
            }
            (refused, Outcome::Returned(_)) if is_ended(refused, TransferStatus::Withdrawn) => {
                assert_eq!(numbers(&fixture, book.key, book.booking).await, (BookingStatus::Confirmed, 1, vec![0]));
            }
            other => panic!("{other:?}"),
        }
        sound(&fixture).await;
    }
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_that_accept_at_once_get_the_tickets_once() {
    let fixture = InventoryFixture::new().await;
    for round in 0..ROUNDS {
        let (book, command) = offered(&fixture, 2, 1).await;
        let grace = fixture.account();
        let other = if round % 2 == 0 { grace } else { fixture.account() };
        let (first, second) = (accept(&fixture, &command, grace), accept(&fixture, &command, other));
        let outcomes = tokio::join!(one(&fixture, accepts(first)), one(&fixture, accepts(second)));
        if other == grace {
            assert_eq!(outcomes.0, outcomes.1, "the same account gets the same answer");
        } else {
            let outcomes = [outcomes.0, outcomes.1];
            let taken = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::TransferAccepted(_))).count();
            let refused = outcomes.iter().filter(|outcome| is_ended(outcome, TransferStatus::Accepted)).count();
            assert_eq!((taken, refused), (1, 1), "{outcomes:?}");
        }
        assert_eq!(stock(&fixture, book.key).await, [7, 0, 2, 0, 0]);
        sound(&fixture).await;
    }
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_checked_in_or_transferred_but_not_both() {
    let fixture = InventoryFixture::new().await;
    for _ in 0..ROUNDS {
        let (book, command) = offered(&fixture, 1, 1).await;
        let ticket = TicketId { event: book.key.event, booking: book.booking, number: TicketNumber::new(0).unwrap() };
        let scan = Scan { id: CheckinId::from_uuid(fixture.clock.uuid()), ticket, door: None, scanned_at: None, scan: None };
        let acceptance = accepts(accept(&fixture, &command, fixture.account()));
        let (accepted, admitted) = tokio::join!(one(&fixture, acceptance), check_in(&fixture.pool, &scan, None));
        match (&accepted, admitted.unwrap()) {
            (Outcome::TransferAccepted(_), CheckinOutcome::New(Err(CheckinRefusal::Void(_))))
            | (Outcome::Refused(Refusal::Transfer(TransferRefusal::CheckedIn { unused: 0 })), CheckinOutcome::New(Ok(_))) => {}
            other => panic!("{other:?}"),
        }
        sound(&fixture).await;
    }
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_code_is_transferred_with_its_new_number_or_not_replaced_at_all() {
    let fixture = InventoryFixture::new().await;
    for _ in 0..ROUNDS {
        let (book, command) = offered(&fixture, 2, 1).await;
        let ticket = TicketId { event: book.key.event, booking: book.booking, number: TicketNumber::new(1).unwrap() };
        let acceptance = accepts(accept(&fixture, &command, fixture.account()));
        let (accepted, replaced) = tokio::join!(one(&fixture, acceptance), replace_code(&fixture.pool, book.holder.account, ticket, None));
        assert!(matches!(accepted, Outcome::TransferAccepted(_)), "{accepted:?}");
        let KeyedOutcome::New(replaced) = replaced.unwrap() else { panic!() };
        // The highest number moves: 1, which cannot be replaced then, or 2, which has replaced it.
        assert_eq!(numbers(&fixture, book.key, book.booking).await, (BookingStatus::Confirmed, 1, vec![0]), "{replaced:?}");
        sound(&fixture).await;
    }
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acceptance_a_withdrawal_and_the_end_of_the_time_exclude_each_other() {
    let fixture = InventoryFixture::new().await;
    for round in 0..ROUNDS {
        let (book, command) = offered(&fixture, 2, 1).await;
        if round % 3 == 2 {
            sql(&fixture, "UPDATE transfers SET expires_at = clock_timestamp() + interval '5 milliseconds' WHERE status = 'pending'").await;
        }
        let acceptance = accepts(accept(&fixture, &command, fixture.account()));
        let ended = match round % 3 {
            0 => ends(&command, book.holder.account, TransferSide::Sender),
            _ => ends(&command, fixture.account(), TransferSide::Receiver(TOKEN_HASH)),
        };
        let mut conn = fixture.database.admin().await;
        let (accepted, ended, swept) = tokio::join!(one(&fixture, acceptance), one(&fixture, ended), delete_expired(&mut conn, 10));
        swept.unwrap();
        let status = transfer(&fixture, command.transfer).await.transfer.status;
        let took = matches!(accepted, Outcome::TransferAccepted(_));
        assert_eq!(took, status == TransferStatus::Accepted, "{accepted:?} {ended:?}");
        assert!(!(took && matches!(ended, Outcome::TransferEnded(_))), "{accepted:?} {ended:?}");
        let left = if took { 1 } else { 2 };
        assert_eq!(numbers(&fixture, book.key, book.booking).await.1, left);
        sound(&fixture).await;
    }
    fixture.close().await;
}
