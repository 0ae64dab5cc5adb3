//! The German mails.

use super::cases::*;
use super::*;

const WHEN: &str = "Freitag, 14. August 2026, 20:00 Uhr (Ortszeit Berlin)";

const UNTIL: &str = "Samstag, 25. Juli 2026, 19:20 Uhr (Ortszeit Berlin)";
const OFFERED: &[&str] =
    &["3 Tickets für Sie", "bis Samstag, 25. Juli", "Annehmen bis", UNTIL, "3 Tickets annehmen", "Angebot ablehnen", DECLINE];

const ABOUT_TICKETS: [TicketCase; 14] = [
    (Kind::Confirmed, "published", "Ihre Tickets für Chess", &["bestätigt", "3 Tickets", WHEN, "Café <Süd>"], TICKETS),
    (Kind::Waitlisted, "published", "Sie stehen auf der Warteliste für Chess", &["3 Tickets", WHEN], QUEUE),
    (Kind::Promoted, "published", "Sie haben Tickets für Chess bekommen", &["3 Tickets für Sie", WHEN], TICKETS),
    (Kind::Offered, "published", "Sie sind an der Reihe: 3 Tickets für Chess", OFFERED, ACCEPT),
    (Kind::OfferLapsed, "published", "Ihr Angebot ist abgelaufen: Chess", &["3 Tickets für Chess", "wieder eintragen", WHEN], PAGE),
    (Kind::Withdrawn, "cancelled", "Abgesagt: Chess", &["findet nicht statt. Ihre Buchung (3 Tickets) ist storniert.", WHEN], PAGE),
    (Kind::Returned, "published", "Zurückgegeben: 3 Tickets für Chess", &["Sie haben noch", "2 Tickets", WHEN], PAGE),
    (Kind::Returned, "cancelled", "Abgesagt: Chess", &["findet nicht statt. Ihre Buchung (3 Tickets) ist storniert.", WHEN], PAGE),
    (Kind::WaitlistClosed, "published", "Die Warteliste für Chess ist geschlossen", &["keine Tickets", WHEN], PAGE),
    (Kind::WaitlistClosed, "cancelled", "Abgesagt: Chess", &["nicht mehr auf der Warteliste", WHEN], PAGE),
    (Kind::TransferAccepted, "published", "Ihre Tickets für Chess wurden angenommen", &["weitergegeben", "2 Tickets", WHEN], TICKETS),
    (Kind::TransferDeclined, "published", "Ihre Tickets für Chess wurden abgelehnt", &["Sie behalten die Tickets", WHEN], TICKETS),
    (Kind::TransferReceived, "published", "Sie haben Tickets für Chess bekommen", &["Sie haben 3 Tickets", "eigene Codes", WHEN], TICKETS),
    (Kind::Reminder, "published", "Erinnerung: Chess", &["Chess beginnt bald", "3 Tickets für Chess haben", WHEN], TICKETS),
];

const CHANGES: [ChangeCase; 2] = [
    (
        r#"{"startsAt": "2026-08-13T17:30:00Z"}"#,
        &[WHEN, "Neue Zeit", "Bisherige Zeit", "Donnerstag, 13. August 2026, 19:30 Uhr (Ortszeit Berlin)", "bleiben gültig"],
        &["Bisheriger Ort", "Bisheriger Name"],
    ),
    (
        r#"{"name": "Go", "venue": null}"#,
        &["Neuer Name", "Bisheriger Name", "Neuer Ort", "Bisheriger Ort", "nicht bekannt"],
        &["Neue Zeit"],
    ),
];

const NOTICES: [NoticeCase; 5] = [
    (NoticeKind::ConfirmEmail, "Bestätigen Sie Ihre E-Mail-Adresse", "zu Ihrem Konto bei The Box", CONFIRM),
    (NoticeKind::AlreadyRegistered, "Sie haben schon ein Konto", "melden Sie sich stattdessen an", SIGN_IN),
    (NoticeKind::ResetPassword, "Wählen Sie ein neues Passwort", "gilt 30 Minuten", RESET),
    (NoticeKind::EmailChanged, "Ihre E-Mail-Adresse wurde geändert", "letzte Nachricht an die alte", HOME),
    (NoticeKind::PasswordChanged, "Ihr Passwort wurde geändert", "alle anderen Sitzungen", FORGOT),
];

#[test]
fn a_party_that_got_fewer_tickets_is_told_that_it_no_longer_waits() {
    assert_fewer(
        Language::German,
        [(1, "Das ist 1 der 4 Tickets"), (3, "3 der 4 Tickets, die Sie sich gewünscht haben. Auf die übrigen warten Sie nicht mehr")],
    );
}

#[test]
fn every_kind_is_written_in_german() {
    assert_about_tickets(Language::German, &ABOUT_TICKETS);
    assert_changes(Language::German, "Geändert: Chess", &CHANGES);
    assert_notices(Language::German, &NOTICES);
    let subject = "Ihr Webhook wurde abgeschaltet: CRM";
    assert_about_webhooks(Language::German, &[("failing", subject, "Einen Tag lang"), ("gone", subject, "keine Nachrichten mehr haben")]);
}

#[test]
fn tickets_are_offered_in_german() {
    let parts = ["Ihnen 3 Tickets für Chess überlassen", "lehnen Sie", "Leiten Sie ihn"];
    assert_offered_tickets(Language::German, "3 Tickets für Chess für Sie", &parts);
}
