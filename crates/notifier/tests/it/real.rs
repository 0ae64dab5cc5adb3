//! The notifier with the real booking-service and worker: their messages and events are as the notifier expects them.

use diesel_async::SimpleAsyncConnection;
use mail_parser::MessageParser;
use rowlock_messaging::amqp::Topology;
use rowlock_test_support::system::{SEALING_KEY, System};
use rowlock_test_support::wait::until;
use serde_json::json;

use crate::fixture::Fixture;
use crate::people::in_hours;
use crate::smtp_server::{Received, SmtpServer};

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_about_their_tickets_and_places() {
    let fixture = Fixture::new().await;
    let system = System::new().await;
    let amqp = system.broker.settings();
    Topology::bind_notifications(&amqp).await.unwrap();
    let smtp = SmtpServer::start();
    let booking_url = system.booking_urls().swap_remove(0);
    let settings =
        [("amqp.prefix", amqp.prefix.as_str()), ("api.booking_url", &booking_url), ("api.keep_ms", "0"), ("sealing.key", SEALING_KEY)];
    let notifier = fixture.start(smtp.address, &settings).await;

    let details =
        json!({"name": "Chess", "totalTickets": 2, "venue": "The hall", "startsAt": "2036-08-14T18:00:00Z", "timeZone": "Europe/Berlin"});
    let event = system.event_like(details).await["id"].as_str().unwrap().to_owned();
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    // Each step follows the mails about the previous one, because a mail that a later change has overtaken is not sent.
    let told = async |mails: usize| until("all were told", async || smtp.received().len() == mails).await;
    let booking = ada.must_book(&event, 2).await;
    told(1).await;
    ben.must_wait(&event, 1).await;
    told(2).await;
    ada.cancel_part(&booking, 1).await.expect(200);
    system.quiet().await;
    told(4).await;
    system.admin().client.post(&format!("/admin/events/{event}/cancel"), json!({})).await.expect(200);
    told(6).await;

    let mails = smtp.received();
    let mut subjects: Vec<(String, String)> = Vec::new();
    for mail in &mails {
        let parsed = MessageParser::default().parse(&mail.content).unwrap();
        let text = parsed.body_text(0).unwrap();
        assert!(text.contains("When: Thursday, 14 August 2036, 20:00 (Berlin time)") && text.contains("Where: The hall"), "{text}");
        subjects.push((mail.recipient.clone(), parsed.subject().unwrap().to_owned()));
    }
    subjects.sort();
    let address = |id: &str| format!("{}@people.example", id.replace('-', ""));
    let to = |id: &str, subject: &str| (address(id), subject.to_owned());
    let mut expected = vec![
        to(&ada.id, "Your tickets for Chess"),
        to(&ada.id, "Returned: 1 ticket for Chess"),
        to(&ada.id, "Called off: Chess"),
        to(&ben.id, "You are on the waiting list for Chess"),
        to(&ben.id, "You got tickets for Chess"),
        to(&ben.id, "Called off: Chess"),
    ];
    expected.sort();
    assert_eq!(subjects, expected);
    let parsed = MessageParser::default().parse(&mails[0].content).unwrap();
    let [pdf, calendar] = parsed.attachments().collect::<Vec<_>>()[..] else { panic!("two files are attached") };
    assert!(pdf.contents().starts_with(b"%PDF-") && pdf.contents().ends_with(b"%%EOF"));
    let calendar = calendar.text_contents().unwrap();
    for line in ["DTSTART;TZID=Europe/Berlin:20360814T200000", &format!("UID:{booking}@rowlock"), "STATUS:CONFIRMED", "SUMMARY:Chess"] {
        assert!(calendar.lines().any(|found| found == line), "{line} is not in {calendar}");
    }
    notifier.stop().await.unwrap();
    system.stop().await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_are_reminded_of_an_event_and_told_about_its_change() {
    let fixture = Fixture::new().await;
    let system = System::new().await;
    let amqp = system.broker.settings();
    Topology::bind_notifications(&amqp).await.unwrap();
    let details = json!({"name": "Chess", "totalTickets": 9, "startsAt": in_hours(20), "timeZone": "Europe/Berlin", "venue": "The hall"});
    let event = system.event_like(details).await["id"].as_str().unwrap().to_owned();
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    ada.must_book(&event, 2).await;
    ada.must_book(&event, 1).await;
    let returned = ben.must_book(&event, 1).await;
    ben.cancel(&returned).await.expect(200);
    let mut conn = system.booking_database.admin().await;
    conn.batch_execute("UPDATE bookings SET booked_at = booked_at - interval '2 days'").await.unwrap();

    let smtp = SmtpServer::start();
    let booking_url = system.booking_urls().swap_remove(0);
    let settings = [("amqp.prefix", amqp.prefix.as_str()), ("api.booking_url", &booking_url), ("sealing.key", SEALING_KEY)];
    let notifier = fixture.start(smtp.address, &settings).await;
    let subjects = || {
        let subject = |mail: &Received| MessageParser::default().parse(&mail.content).unwrap().subject().unwrap().to_owned();
        smtp.received().iter().map(|mail| (mail.recipient.clone(), subject(mail))).collect::<Vec<_>>()
    };
    let told = async |subject: &str| until(subject, async || subjects().iter().any(|(_, sent)| sent == subject)).await;
    told("Reminder: Chess").await;
    let change = json!({"name": "Go", "startsAt": "2036-08-14T18:00:00Z", "venue": null});
    system.admin().client.patch(&format!("/admin/events/{event}"), change).await.expect(200);
    told("Changed: Go").await;
    system.quiet().await;
    let address = format!("{}@people.example", ada.id.replace('-', ""));
    for subject in ["Reminder: Chess", "Changed: Go"] {
        let recipients: Vec<_> = subjects().into_iter().filter(|(_, sent)| sent == subject).map(|(recipient, _)| recipient).collect();
        assert_eq!(recipients, [address.as_str()], "{subject}");
    }
    let changed = smtp.received().pop().unwrap();
    let parsed = MessageParser::default().parse(&changed.content).unwrap();
    let text = parsed.body_text(0).unwrap();
    for part in [
        "New name: Go",
        "Previous name: Chess",
        "New time: Thursday, 14 August 2036, 20:00 (Berlin time)",
        "New place: not known",
        "Previous place: The hall",
        "Tickets: 3 tickets",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    notifier.stop().await.unwrap();
    system.stop().await;
    fixture.close().await;
}
