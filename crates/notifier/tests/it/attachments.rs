//! Files in mails: the tickets, as they are when the mail is sent, and an entry for a calendar.

use mail_parser::{MessageParser, MimeHeaders};
use rowlock_test_support::wait::until;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{Fixture, about_tickets, in_history};
use crate::people::{World, address, person};
use crate::smtp_server::{Received, SmtpServer};

/// A mail as its reader sees it.
struct Read {
    text: String,
    /// The names and contents of the attached files.
    files: Vec<(String, Vec<u8>)>,
}

fn read(received: &[Received], n: u128) -> Read {
    let mail = received.iter().find(|mail| mail.recipient == address(n)).unwrap();
    let message = MessageParser::default().parse(&mail.content).unwrap();
    let files = message.attachments().map(|file| (file.attachment_name().unwrap().to_owned(), file.contents().to_vec())).collect();
    Read { text: message.body_text(0).unwrap().into_owned(), files }
}

/// Returns the number of pages of a PDF file.
fn pages(file: &[u8]) -> usize {
    assert!(file.starts_with(b"%PDF-") && file.ends_with(b"%%EOF"));
    let text = String::from_utf8_lossy(file).replace("/Type /", "/Type/");
    text.matches("/Type/Page").count() - text.matches("/Type/Pages").count()
}

/// Returns the message about a booking with this number of tickets, which is booking `n` of person `n`.
fn confirmed(n: u128, quantity: u32) -> Value {
    let mut message = in_history("booking.confirmed", n, n, 1);
    message["data"]["quantity"] = json!(quantity);
    message
}

fn world(fixture: &Fixture, change: impl FnOnce(&mut World)) {
    change(&mut fixture.people.world.lock().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_new_tickets_gets_them_as_files() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    world(&fixture, |world| _ = world.german.insert(person(2)));
    let notifier = fixture.start(smtp.address, &[]).await;
    let with = ["booking.confirmed", "waitlist.promoted", "transfer.received"];
    let without = ["waitlist.joined", "booking.reduced", "waitlist.closed"];
    fixture.publish((1..).zip(with.into_iter().chain(without)).map(|(n, message_type)| about_tickets(message_type, n))).await;
    until("all mails are sent", async || fixture.count("sent").await == with.len() + without.len()).await;
    let received = smtp.received();
    for (n, calendar_name, words) in [
        (1, "event.ics", "Your tickets are attached as a PDF file"),
        (2, "termin.ics", "Ihre Tickets hängen"),
        (3, "event.ics", "Your tickets are attached as a PDF file"),
    ] {
        let Read { text, files } = read(&received, n);
        assert!(text.contains(words), "{text}");
        let [(pdf_name, pdf), (name, calendar)] = &files[..] else { panic!("two files are attached to mail {n}") };
        assert_eq!((pdf_name.as_str(), name.as_str(), pages(pdf)), ("tickets.pdf", calendar_name, 2));
        let calendar = std::str::from_utf8(calendar).unwrap();
        assert!(calendar.starts_with("BEGIN:VCALENDAR\r\n") && calendar.contains("Größe"), "{calendar}");
        assert!(calendar.contains(&format!("UID:{}@rowlock\r\n", Uuid::from_u128(9))), "{calendar}");
    }
    for n in 4..=6 {
        let Read { text, files } = read(&received, n);
        assert!(files.is_empty() && !text.contains("attached"), "{text}");
    }
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_waits_for_its_tickets_and_holds_up_no_other() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    world(&fixture, |world| world.tickets_down = true);
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([confirmed(1, 2), in_history("waitlist.joined", 2, 2, 1)]).await;
    fixture.settled(2, "sent").await;
    fixture.postponed(1).await;
    let row = fixture.settled(1, "pending").await;
    assert!(row.detail.as_ref().unwrap().contains("booking-service did not return the tickets"), "{row:?}");
    assert_eq!((row.attempts, smtp.received().len()), (0, 1));
    world(&fixture, |world| world.tickets_down = false);
    fixture.execute("UPDATE deliveries SET due_at = now() WHERE status = 'pending'").await;
    assert_eq!(fixture.settled(1, "sent").await.attempts, 1);
    assert_eq!(read(&smtp.received(), 1).files.len(), 2);
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_carries_the_tickets_that_are_left_and_waits_if_none_are() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let [reduced, gone] = [1, 2].map(Uuid::from_u128);
    // Between the look at the states and that at the tickets, some were returned.
    world(&fixture, |world| {
        world.bookings.extend([(reduced, ("confirmed", 3)), (gone, ("confirmed", 3))]);
        world.tickets.extend([(reduced, 1), (gone, 0)]);
    });
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([confirmed(1, 3), confirmed(2, 3)]).await;
    fixture.settled(1, "sent").await;
    let Read { text, files } = read(&smtp.received(), 1);
    assert!(text.contains("You have 1 ticket") && pages(&files[0].1) == 1, "{text}");
    fixture.postponed(1).await;
    world(&fixture, |world| _ = world.bookings.insert(gone, ("cancelled", 3)));
    fixture.execute("UPDATE deliveries SET due_at = now() WHERE status = 'pending'").await;
    assert_eq!(fixture.settled(2, "skipped").await.detail.unwrap(), "the booking was cancelled before the mail was sent");
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tickets_of_a_large_booking_are_not_attached() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    world(&fixture, |world| world.bookings.extend([(1, 4), (2, 5)].map(|(n, count)| (Uuid::from_u128(n), ("confirmed", count)))));
    let notifier = fixture.start(smtp.address, &[("mail.max_attached_tickets", "4")]).await;
    fixture.publish([confirmed(1, 4), confirmed(2, 5)]).await;
    for n in [1, 2] {
        fixture.settled(n, "sent").await;
    }
    let received = smtp.received();
    assert_eq!(read(&received, 1).files.len(), 2);
    let Read { text, files } = read(&received, 2);
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["event.ics"]);
    assert!(text.contains("You find your tickets on the site."), "{text}");
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_above_the_tickets_of_a_batch_are_sent_by_the_next_batches() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    world(&fixture, |world| world.bookings.extend((1..=5).map(|n| (Uuid::from_u128(n), ("confirmed", 101)))));
    fixture.publish((1..=5).map(|n| confirmed(n, 101))).await;
    let settings = [("mail.max_attached_tickets", "200"), ("mail.per_minute", "6000")];
    let notifier = fixture.start(smtp.address, &settings).await;
    until("all mails are sent", async || fixture.count("sent").await == 5).await;
    for n in 1..=5 {
        assert_eq!(fixture.settled(n, "sent").await.attempts, 1);
        assert_eq!(pages(&read(&smtp.received(), n).files[0].1), 101);
    }
    // Two bookings have 202 tickets, which are too many for a batch.
    let requests = fixture.people.world.lock().unwrap().ticket_requests.clone();
    assert_eq!(requests, [1; 5]);
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_attached_if_the_setting_says_so_or_booking_service_is_old() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let notifier = fixture.start(smtp.address, &[("mail.attach_tickets", "false")]).await;
    fixture.publish([confirmed(1, 2)]).await;
    fixture.settled(1, "sent").await;
    notifier.stop().await.unwrap();
    world(&fixture, |world| {
        assert!(world.ticket_requests.is_empty());
        world.stateless = true;
    });
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([confirmed(2, 2)]).await;
    fixture.settled(2, "sent").await;
    for n in [1, 2] {
        let Read { text, files } = read(&smtp.received(), n);
        assert!(files.is_empty() && !text.contains("attached"), "{text}");
    }
    notifier.stop().await.unwrap();
    fixture.close().await;
}
