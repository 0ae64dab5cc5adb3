//! The organizers' desk.

use rowlock_test_support::system::Plan;
use serde_json::json;

use crate::support::{Browser, Web};

/// Returns a browser in which the administrator of the system is signed in.
async fn organizer(web: &Web) -> Browser {
    let mut browser = web.browser();
    browser.sign_in("admin").await;
    browser
}

#[tokio::test]
async fn only_organizers_see_the_desk() {
    let web = Web::new().await;
    let event = web.system.event(5).await;
    let paths = ["/desk".to_owned(), "/desk/events/new".to_owned(), format!("/desk/events/{event}"), "/desk/auditlog".to_owned()];
    let mut ada = web.signed_in("ada").await;
    let mut stranger = web.browser();
    for path in &paths {
        assert!(stranger.get(path).await.location().starts_with("/signin?next="), "{path}");
        ada.get(path).await.expect(403);
    }
    web.stop().await;
}

#[tokio::test]
async fn an_organizer_creates_an_event_and_raises_its_capacity_for_the_queue() {
    let web = Web::new().await;
    let mut root = organizer(&web).await;
    let page = root.get("/desk/events/new").await;
    let rejected = root.submit(&page, "/desk/events/new", &[("name", ""), ("typeName", "Stalls"), ("typeTotal", "x")]).await;
    let text = rejected.expect(422);
    assert!(text.contains("Enter a name for the event.") && text.contains("Row 1: enter the number of tickets"), "{text}");
    let fields = [
        ("name", "Harbor Night"),
        ("timeZone", "UTC"),
        ("startsAt", "2099-01-15T20:00"),
        ("waitlistUntil", "start"),
        ("currency", "EUR"),
        ("typeName", "Stalls"),
        ("typeTotal", "2"),
        ("typePrice", "12.50"),
        ("typePerBooking", "10"),
        ("typePerAccount", ""),
        ("status", "published"),
    ];
    let created = root.submit(&rejected, "/desk/events/new", &fields).await.location();
    let event = created.trim_start_matches("/desk/events/").split('?').next().unwrap().to_owned();
    assert!(root.get(&created).await.expect(200).contains("€12.50"));

    for (name, wait) in [("Grace Hopper", "no"), ("Ada Lovelace", "yes")] {
        let path = format!("/desk/events/{event}/bookings/new");
        let page = root.get(&path).await;
        let guest = [("name", name), ("email", "guest@example.org"), ("quantity", "2"), ("joinWaitlist", wait)];
        let list = root.submit(&page, &path, &guest).await.location();
        assert!(root.get(&list).await.expect(200).contains(name));
    }
    assert_eq!(web.system.counts(&event).await.0, 2);
    let path = format!("/desk/events/{event}/bookings/new");
    let page = root.get(&path).await;
    let unknown = "01920000-0000-7000-8000-000000000000";
    let refused = root.submit(&page, &path, &[("accountId", unknown), ("quantity", "1")]).await;
    assert!(
        refused.expect(422).contains("There is no enabled account with this id.") && refused.text.contains(unknown),
        "{}",
        refused.text
    );

    let path = format!("/desk/events/{event}/capacity");
    let page = root.get(&path).await;
    let field = page.text.split("name=\"total-").nth(1).unwrap().split('"').next().unwrap();
    let field = format!("total-{field}");
    assert!(root.submit(&page, &path, &[(&field, "1")]).await.expect(422).contains("2 tickets are sold already"));
    let review = root.submit(&page, &path, &[(&field, "4")]).await;
    assert!(review.expect(200).contains("They go to the queue first: one party waits."), "{}", review.text);
    assert_eq!(web.system.counts(&event).await.0, 2, "nothing changes before the confirmation");
    root.submit(&review, &path, &[]).await.location();
    rowlock_test_support::wait::until("the queue is served", async || web.system.counts(&event).await.0 == 4).await;
    web.stop().await;
}

#[tokio::test]
async fn an_event_is_changed_by_one_organizer_at_a_time() {
    let web = Web::new().await;
    let event = web.system.event(5).await;
    let mut root = organizer(&web).await;
    let path = format!("/desk/events/{event}/edit");
    let (page, other) = (root.get(&path).await, root.get(&path).await);
    let fields = [("name", "New name"), ("timeZone", "UTC"), ("waitlistUntil", "start")];
    root.submit(&page, &path, &fields).await.location();
    let stale = root.submit(&other, &path, &[("name", "Other name"), ("timeZone", "UTC"), ("waitlistUntil", "start")]).await;
    assert!(stale.expect(422).contains("Somebody else has changed this event in the meantime."), "{}", stale.text);
    assert!(root.get(&format!("/desk/events/{event}")).await.expect(200).contains("New name"));
    web.stop().await;
}

#[tokio::test]
async fn an_organizer_cancels_for_a_person_and_calls_off_an_event() {
    let web = Web::with(Plan::default(), &[]).await;
    let event = web.system.event_like(json!({"name": "Boat race", "totalTickets": 5})).await["id"].as_str().unwrap().to_owned();
    let ada = web.system.user("ada").await;
    let booking = ada.must_book(&event, 2).await;
    let mut root = organizer(&web).await;
    let bookings = root.get(&format!("/desk/events/{event}/bookings")).await;
    assert!(bookings.expect(200).contains(&format!("/desk/events/{event}/bookings/{booking}/cancel")));
    let csv = root.get(&format!("/desk/events/{event}/bookings.csv")).await;
    assert!(csv.expect(200).contains("ada@example.org") && csv.header("content-type").starts_with("text/csv"));
    let path = format!("/desk/events/{event}/bookings/{booking}/cancel");
    let page = root.get(&path).await;
    root.submit(&page, &path, &[("reason", "Asked by phone")]).await.location();
    assert_eq!(web.system.counts(&event).await.0, 0);
    assert!(root.get("/desk/auditlog").await.expect(200).contains("Asked by phone"));

    let path = format!("/desk/events/{event}/calloff");
    let page = root.get(&path).await;
    assert!(page.expect(200).contains("This cannot be undone."));
    let after = root.submit(&page, &path, &[]).await.location();
    assert!(root.get(&after).await.expect(200).contains("Called off"));
    web.stop().await;
}

#[tokio::test]
async fn times_are_entered_and_shown_in_the_zone_of_the_event() {
    let web = Web::new().await;
    let mut root = organizer(&web).await;
    let page = root.get("/desk/events/new").await;
    assert!(page.expect(200).contains("<option value=\"Europe/Berlin\">"));
    let fields = |zone, starts| {
        let name = [("name", "Harbor Night"), ("timeZone", zone), ("startsAt", starts), ("waitlistUntil", "start"), ("currency", "EUR")];
        [&name[..], &[("typeName", "Stalls"), ("typeTotal", "2"), ("typePrice", "12.50"), ("status", "published")]].concat()
    };
    let unknown = root.submit(&page, "/desk/events/new", &fields("Mars/Olympus", "2099-01-15T20:00")).await;
    assert!(unknown.expect(422).contains("Choose a time zone from the list") && unknown.text.contains("2099-01-15T20:00"));
    let skipped = root.submit(&page, "/desk/events/new", &fields("Europe/Berlin", "2026-03-29T02:30")).await;
    assert!(skipped.expect(422).contains("This time does not exist"), "{}", skipped.text);
    let created = root.submit(&page, "/desk/events/new", &fields("Europe/Berlin", "2099-01-15T20:00")).await.location();
    let event = created.trim_start_matches("/desk/events/").split('?').next().unwrap().to_owned();
    let admin = &web.system.admin().client;
    let read = async || admin.get(&format!("/admin/events/{event}")).await.expect(200);
    let stored = read().await;
    assert_eq!((&stored["startsAt"], &stored["timeZone"]), (&json!("2099-01-15T19:00:00Z"), &json!("Europe/Berlin")));
    let shown = root.get(&format!("/events/{event}")).await;
    assert!(shown.expect(200).contains("20:00\u{a0}Berlin time"), "{}", shown.text);

    // Times that are not changed stay what they are, to the second; a new zone gives the same wall-clock times another meaning.
    let path = format!("/desk/events/{event}/edit");
    admin.patch(&path.replace("/desk", "/admin").replace("/edit", ""), json!({"startsAt": "2099-01-15T19:00:07Z"})).await.expect(200);
    let page = root.get(&path).await;
    let change = [("name", "Renamed"), ("timeZone", "Europe/Berlin"), ("startsAt", "2099-01-15T20:00"), ("waitlistUntil", "start")];
    root.submit(&page, &path, &change).await.location();
    let stored = read().await;
    assert_eq!((&stored["name"], &stored["startsAt"]), (&json!("Renamed"), &json!("2099-01-15T19:00:07Z")));
    let page = root.get(&path).await;
    let change = [("name", "Renamed"), ("timeZone", "America/New_York"), ("startsAt", "2099-01-15T20:00"), ("waitlistUntil", "start")];
    root.submit(&page, &path, &change).await.location();
    assert_eq!(read().await["startsAt"], "2099-01-16T01:00:00Z");
    web.stop().await;
}

#[tokio::test]
async fn an_organizer_uploads_and_removes_a_picture() {
    let web = Web::new().await;
    let event = web.system.event(5).await;
    let mut root = organizer(&web).await;
    let (page, path) = (format!("/desk/events/{event}"), format!("/desk/events/{event}/image"));
    let form = root.get(&page).await;
    let public = root.get(&format!("/events/{event}")).await;
    assert!(public.expect(200).contains("class=\"poster tone-") && public.text.contains("/preview.png\">"));

    for (file, message) in [
        (&b""[..], "Choose a file first."),
        (b"GIF89a", "This is not a PNG, JPEG or WebP file."),
        (&rowlock_test_support::PICTURE[..500], "This picture cannot be used."),
        (&vec![0; 5 * 1024 * 1024 + 1], "The picture is larger than 5 MB."),
    ] {
        let refused = root.upload(&form, &path, file).await;
        assert!(refused.expect(422).contains(message) && refused.text.contains("href=\"#image\""), "{}", refused.text);
    }
    let done = root.upload(&form, &path, rowlock_test_support::PICTURE).await.location();
    assert_eq!(done, format!("{page}?done=image-set#picture"));
    let done = root.get(done.split('#').next().unwrap()).await;
    assert!(
        done.expect(200).contains("The picture is shown on the page of the event now.") && done.text.contains(&format!("src=\"{path}\""))
    );
    assert_eq!(root.get(&path).await.header("content-type"), "image/jpeg");
    let public = root.get(&format!("/events/{event}")).await;
    let image = format!("/api/events/{event}/image?size=large");
    assert!(public.expect(200).contains(&image) && public.text.contains("og:image") && !public.text.contains("style="), "{}", public.text);
    assert!(root.get("/").await.expect(200).contains(&format!("/api/events/{event}/image?size=small")));

    // A form of another site, of another visitor, and one without a token.
    let mut stranger = web.signed_in("ada").await;
    stranger.upload(&form, &path, rowlock_test_support::PICTURE).await.expect(403);
    root.upload_with(&[], &path, rowlock_test_support::PICTURE, "same-origin").await.expect(403);
    root.upload_with(&form.form(&path), &path, rowlock_test_support::PICTURE, "cross-site").await.expect(403);

    let remove = format!("{path}/remove");
    let removed = root.submit(&done, &remove, &[]).await.location();
    assert!(root.get(removed.split('#').next().unwrap()).await.expect(200).contains("The picture has been removed."));
    root.get(&path).await.expect(404);
    web.stop().await;
}

#[tokio::test]
async fn an_owner_changes_the_role_of_an_administrator() {
    let web = Web::new().await;
    let door = web.system.administrator(rowlock_domain::states::AdminRole::Door).await;
    let mut root = web.browser();
    root.sign_in("admin").await;
    let list = root.get("/desk/accounts").await;
    let link = format!("/desk/accounts/{}/role?", door.id);
    let link = list.expect(200).split('"').find(|part| part.starts_with(&link)).unwrap().replace("&#38;", "&");
    let page = root.get(&link).await;
    assert!(page.expect(200).contains("value=\"door\" checked"), "{}", page.text);
    let action =
        page.text.split("action=\"").find(|part| part.starts_with("/desk/accounts/")).unwrap().split('"').next().unwrap().to_owned();
    let done = root.submit(&page, &action, &[("role", "organiser")]).await.location();
    assert!(root.get(&done).await.expect(200).contains("The role has been changed."));
    let page = root.get(&link).await;
    let unknown = root.submit(&page, &action, &[("role", "janitor")]).await;
    assert!(unknown.expect(422).contains("There is a problem"));

    // The last owner stays one.
    let admin = format!("/desk/accounts/{}/role", web.system.admin().id);
    let page = root.get(&format!("{admin}?role=owner")).await;
    let refused = root.submit(&page, &admin, &[("role", "door")]).await;
    assert!(refused.expect(422).contains("This is the last owner."), "{}", refused.text);
    web.stop().await;
}
