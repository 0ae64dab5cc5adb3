//! The English mails.

use super::cases::*;
use super::*;

const WHEN: &str = "Friday, 14 August 2026, 20:00 (Berlin time)";

const UNTIL: &str = "Saturday, 25 July 2026, 19:20 (Berlin time)";
const OFFERED: &[&str] = &[
    "It is your turn: 3 tickets for you",
    "until Saturday, 25 July",
    "Accept until",
    UNTIL,
    "Accept 3 tickets",
    "Decline the offer",
    DECLINE,
];

const ABOUT_TICKETS: [TicketCase; 14] = [
    (Kind::Confirmed, "published", "Your tickets for Chess", &["confirmed", "3 tickets", WHEN, "Café <Süd>"], TICKETS),
    (Kind::Waitlisted, "published", "You are on the waiting list for Chess", &["3 tickets", WHEN], QUEUE),
    (Kind::Promoted, "published", "You got tickets for Chess", &["you got 3 tickets", "return your tickets", WHEN], TICKETS),
    (Kind::Offered, "published", "It is your turn: 3 tickets for Chess", OFFERED, ACCEPT),
    (Kind::OfferLapsed, "published", "Your offer has lapsed: Chess", &["did not accept 3 tickets", "join it again", WHEN], PAGE),
    (Kind::Withdrawn, "cancelled", "Called off: Chess", &["Your booking of 3 tickets is cancelled.", WHEN], PAGE),
    (Kind::Returned, "published", "Returned: 3 tickets for Chess", &["You still have", "2 tickets", WHEN], PAGE),
    (Kind::Returned, "cancelled", "Called off: Chess", &["does not take place. Your booking of 3 tickets is cancelled.", WHEN], PAGE),
    (Kind::WaitlistClosed, "published", "The waiting list for Chess is closed", &["no tickets became available", WHEN], PAGE),
    (Kind::WaitlistClosed, "cancelled", "Called off: Chess", &["no longer on its waiting list", WHEN], PAGE),
    (
        Kind::TransferAccepted,
        "published",
        "Your tickets for Chess were accepted",
        &["offered 3 tickets", "2 tickets", "no longer admit", WHEN],
        TICKETS,
    ),
    (Kind::TransferDeclined, "published", "Your tickets for Chess were declined", &["offered 3 tickets", "still yours", WHEN], TICKETS),
    (Kind::TransferReceived, "published", "You got tickets for Chess", &["You have 3 tickets", "codes of its own", WHEN], TICKETS),
    (Kind::Reminder, "published", "Reminder: Chess", &["Chess starts soon", "you have 3 tickets", WHEN, "Café <Süd>"], TICKETS),
];

const NOTICES: [NoticeCase; 5] = [
    (NoticeKind::ConfirmEmail, "Confirm your e-mail address", "belongs to your account at The Box", CONFIRM),
    (NoticeKind::AlreadyRegistered, "You already have an account", "sign in instead", SIGN_IN),
    (NoticeKind::ResetPassword, "Choose a new password", "valid for 30 minutes", RESET),
    (NoticeKind::EmailChanged, "Your e-mail address was changed", "last message to the old one", HOME),
    (NoticeKind::PasswordChanged, "Your password was changed", "all other sessions were ended", FORGOT),
];

const CHANGES: [ChangeCase; 5] = [
    (
        r#"{"startsAt": "2026-08-13T17:30:00Z"}"#,
        &[WHEN, "New time", "Previous time", "Thursday, 13 August 2026, 19:30 (Berlin time)", "Where", "3 tickets", "remain valid"],
        &["Previous place", "New place", "Previous name", "not known"],
    ),
    (r#"{"timeZone": "America/New_York"}"#, &[WHEN, "Friday, 14 August 2026, 14:00 (New York time)"], &["New place"]),
    (
        r#"{"venue": null, "startsAt": null}"#,
        &["New place", "Café <Süd>", "Previous place", "Previous time", "not known"],
        &["Previous name"],
    ),
    (r#"{"name": "Go <1>", "venue": "The hall"}"#, &["New name", "Previous name", "Go <1>", "The hall"], &["New time"]),
    // Values that were changed back are not shown as changed.
    (r#"{"name": "Chess", "venue": "The hall"}"#, &["Previous place", "The hall"], &["New name"]),
];

#[test]
fn tickets_are_offered_in_english() {
    let parts = ["give you 3 tickets for Chess", UNTIL, WHEN, "decline", "forward it only"];
    assert_offered_tickets(Language::English, "You are offered 3 tickets for Chess", &parts);
}

#[test]
fn every_kind_is_written_in_english() {
    assert_about_tickets(Language::English, &ABOUT_TICKETS);
    assert_changes(Language::English, "Changed: Chess", &CHANGES);
    assert_notices(Language::English, &NOTICES);
    let subject = "Your webhook was switched off: CRM";
    assert_about_webhooks(
        Language::English,
        &[("failing", subject, "For a day, every request"), ("gone", subject, "wants no more messages")],
    );
}

#[test]
fn a_party_that_got_fewer_tickets_is_told_that_it_no_longer_waits() {
    assert_fewer(
        Language::English,
        [(1, "This is 1 of the 4 tickets that you asked for."), (2, "2 of the 4 tickets that you asked for. You no longer wait")],
    );
}
