//! Export of the bookings of an event to a file.

use std::os::unix::fs::PermissionsExt;

use reqwest::Method;
use serde_json::json;

use crate::desk::Desk;
use crate::impostor::{Impostor, answer};

#[tokio::test(flavor = "multi_thread")]
async fn all_bookings_are_in_the_file_to_the_letter() {
    let desk = Desk::logged_in().await;
    let event = desk.system.event(3_000).await;
    let people = desk.system.users("person", 12).await;
    for person in &people {
        for _ in 0..100 {
            person.must_book(&event, 2).await;
        }
    }
    let booking = people[0].must_book(&event, 5).await;
    people[0].cancel(&booking).await.expect(200);

    let file = desk.home.path("bookings.csv");
    let arguments = ["bookings", "export", &event, "--output", file.to_str().unwrap()];
    let said = desk.run(&arguments).await.ok();
    assert_eq!(said, format!("1201 bookings with 2400 confirmed tickets are in {}.\n", file.display()));
    let path = format!("/admin/events/{event}/bookings");
    let csv = desk.system.admin().client.send(Method::GET, &path, &[("accept", "text/csv")], None).await.text;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), csv);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "names and e-mails are in it");

    std::fs::write(&file, "mine").unwrap();
    desk.run(&arguments).await.failed(2, "is there already");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    let summary = desk.json(&[&arguments[..], &["--force"]].concat()).await.json();
    assert_eq!(summary, json!({"file": file, "bookings": 1201, "confirmedTickets": 2400}));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), csv);

    let to_stdout = desk.run(&["bookings", "export", &event, "--output", "-"]).await;
    assert_eq!((to_stdout.code, to_stdout.out), (0, csv));
    desk.run(&["bookings", "export", &event, "--output", "/nowhere/at/all.csv"]).await.failed(2, "/nowhere/at/all.csv cannot be written");
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_breaks_off_leaves_no_file() {
    let desk = Desk::logged_in().await;
    let event = desk.system.event(3).await;
    let status = desk.system.status(&event).await.to_string();
    let half = "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n12\r\nbookingId,ticketTy\r\n".to_owned();
    let impostor = Impostor::start(vec![("/bookings", half), ("/admin/status", answer(200, "application/json", &status))]).await;
    impostor.has_login_of(&desk.home, desk.gateway.url());

    let file = desk.home.path("bookings.csv");
    let arguments = ["bookings", "export", &event, "--output", file.to_str().unwrap(), "--url", impostor.url()];
    desk.run(&arguments).await.failed(5, "the export broke off");
    let left: Vec<_> = std::fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("bookings")), "{left:?}");
    desk.close().await;
}
