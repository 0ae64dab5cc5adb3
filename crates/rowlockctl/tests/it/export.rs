//! Export of the bookings of an event to a file.

use std::os::unix::fs::PermissionsExt;

use reqwest::Method;
use serde_json::json;

use crate::fake_server::{FakeServer, response};
use crate::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn the_file_equals_the_csv_of_the_api() {
    let fixture = Fixture::logged_in().await;
    let event = fixture.system.event(3_000).await;
    let people = fixture.system.users("person", 12).await;
    for person in &people {
        for _ in 0..100 {
            person.must_book(&event, 2).await;
        }
    }
    let booking = people[0].must_book(&event, 5).await;
    people[0].cancel(&booking).await.expect(200);

    let file = fixture.home.path("bookings.csv");
    let arguments = ["bookings", "export", &event, "--output", file.to_str().unwrap()];
    let output = fixture.run(&arguments).await.ok();
    assert_eq!(output, format!("Exported 1201 bookings with 2400 confirmed tickets to {}.\n", file.display()));
    let path = format!("/admin/events/{event}/bookings");
    let csv = fixture.system.admin().client.send(Method::GET, &path, &[("accept", "text/csv")], None).await.text;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), csv);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "the file contains personal data");

    std::fs::write(&file, "mine").unwrap();
    fixture.run(&arguments).await.failed(2, "already exists");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    let summary = fixture.json(&[&arguments[..], &["--force"]].concat()).await.json();
    assert_eq!(summary, json!({"file": file, "bookings": 1201, "confirmedTickets": 2400}));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), csv);

    let to_stdout = fixture.run(&["bookings", "export", &event, "--output", "-"]).await;
    assert_eq!((to_stdout.code, to_stdout.out), (0, csv));
    fixture.run(&["bookings", "export", &event, "--output", "/nowhere/at/all.csv"]).await.failed(2, "Cannot write /nowhere/at/all.csv");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_export_leaves_no_file() {
    let fixture = Fixture::logged_in().await;
    let event = fixture.system.event(3).await;
    let status = fixture.system.status(&event).await.to_string();
    let half = "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n12\r\nbookingId,ticketTy\r\n".to_owned();
    let server = FakeServer::start(vec![("/bookings", half), ("/admin/status", response(200, "application/json", &status))]).await;
    server.has_login_of(&fixture.home, fixture.gateway.url());

    let file = fixture.home.path("bookings.csv");
    let arguments = ["bookings", "export", &event, "--output", file.to_str().unwrap(), "--url", server.url()];
    fixture.run(&arguments).await.failed(5, "the export was interrupted");
    let left: Vec<_> = std::fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("bookings")), "{left:?}");
    fixture.close().await;
}
