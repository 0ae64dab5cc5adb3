//! Pictures of events: uploading, reading, replacing and removing them.

use std::io::Cursor;

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use futures_util::future::join_all;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use reqwest::Method;
use rowlock_test_support::PICTURE;
use rowlock_test_support::client::{Client, TestResponse};
use rowlock_test_support::system::{Plan, System};
use serde_json::{Value, json};

use crate::route_table::UNKNOWN;
use crate::support::{change_event, text};

const MAX_UPLOAD: usize = 5 * 1024 * 1024;

fn picture(width: u32, height: u32, color: [u8; 3], format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    DynamicImage::from(RgbImage::from_pixel(width, height, Rgb(color))).write_to(&mut file, format).unwrap();
    file.into_inner()
}

async fn put(system: &System, event: &str, media_type: &str, file: Vec<u8>) -> TestResponse {
    system.admin().client.put_file(&format!("/admin/events/{event}/image"), media_type, file).await
}

/// Reads a picture with its status, the headers `ETag` and `Cache-Control`, and its width and height.
async fn read(client: &Client, path: &str) -> (u16, String, String) {
    let answer = client.get(path).await;
    let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
    (answer.status, header("etag"), header("cache-control"))
}

/// Returns width and height of a picture that the service serves.
async fn size(system: &System, path: &str) -> (u32, u32) {
    let file = reqwest::get(format!("{}{path}", system.booking_urls()[0])).await.unwrap();
    assert_eq!(file.headers()["content-type"], "image/jpeg");
    let file = image::load_from_memory_with_format(&file.bytes().await.unwrap(), ImageFormat::Jpeg).unwrap();
    (file.width(), file.height())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_each_format_is_served_in_two_sizes() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(3).await;
    let visitor = system.visitor();
    let mut versions = Vec::new();
    for (format, media_type, color) in [
        (ImageFormat::Png, "image/png", [200, 30, 30]),
        (ImageFormat::Jpeg, "image/jpeg", [30, 200, 30]),
        (ImageFormat::WebP, "Image/WebP; x=y", [30, 30, 200]),
    ] {
        let before = visitor.get(&format!("/api/events/{event}")).await;
        let answer = put(&system, &event, media_type, picture(2000, 1500, color, format)).await;
        let image = answer.expect(200);
        assert_eq!((&image["width"], &image["height"]), (&json!(1200), &json!(800)));
        let after = visitor.get(&format!("/api/events/{event}")).await;
        assert_eq!((&after.json()["image"], after.header("etag")), (&image, answer.header("etag")));
        assert_ne!(after.header("etag"), before.header("etag"), "a new version of the event");
        let (large, small) = (text(&image["url"]), text(&image["smallUrl"]));
        assert_eq!((size(&system, &large).await, size(&system, &small).await), ((1200, 800), (600, 400)));
        let (status, etag, lifetime) = read(&visitor, &large).await;
        assert_eq!((status, lifetime.as_str()), (200, "public, max-age=31536000, immutable"));
        assert_ne!(read(&visitor, &small).await.1, etag);
        let same = visitor.send(Method::GET, &large, &[("if-none-match", etag.as_str())], None).await;
        assert_eq!((same.status, same.text.as_str(), same.header("etag")), (304, "", Some(etag.as_str())));
        let head = visitor.send(Method::HEAD, &large, &[], None).await;
        assert_eq!((head.status, head.text.as_str(), head.header("etag")), (200, "", Some(etag.as_str())));
        versions.push((text(&image["version"]), etag, large));
    }
    versions.dedup();
    assert_eq!(versions.len(), 3);
    // An address with an old version serves the current picture, but is not cached for long, and neither is one without a version.
    let plain = format!("/api/events/{event}/image");
    for path in [versions[0].2.as_str(), &plain] {
        assert_eq!(read(&visitor, path).await, (200, versions[2].1.clone(), "public, max-age=60".to_owned()), "{path}");
    }
    let wrong = visitor.get(&format!("{plain}?size=huge")).await;
    wrong.refused(422, "invalid-input");
    assert_eq!(wrong.bad_fields(), ["size"]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_usable_picture_is_refused() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(3).await;
    let jpeg = picture(600, 400, [9, 9, 9], ImageFormat::Jpeg);
    for media_type in ["image/gif", "image/svg+xml", "text/html", "application/octet-stream", "image", "", "image/jpeg2000"] {
        let answer = put(&system, &event, media_type, jpeg.clone()).await;
        answer.refused(415, "unsupported-media-type");
        assert_eq!(answer.header("accept"), Some("image/png, image/jpeg, image/webp"));
    }
    let half = jpeg[..jpeg.len() / 2].to_vec();
    let small = picture(120, 80, [9, 9, 9], ImageFormat::Jpeg);
    for file in [Vec::new(), b"GIF89a".to_vec(), half, small, picture(600, 400, [9, 9, 9], ImageFormat::Png), vec![0; MAX_UPLOAD]] {
        put(&system, &event, "image/jpeg", file).await.refused(422, "unsupported-image");
    }
    // A small file that claims to be enormous.
    let mut bomb = picture(600, 400, [9, 9, 9], ImageFormat::WebP);
    let dimensions = bomb.windows(4).position(|bytes| bytes == b"VP8L").unwrap() + 9;
    let side = 12_000_u32 - 1;
    bomb[dimensions..dimensions + 4].copy_from_slice(&(side | side << 14).to_le_bytes());
    let answer = put(&system, &event, "image/webp", bomb).await.refused(422, "unsupported-image");
    assert!(text(&answer["detail"]).contains("12000 × 12000"), "{answer}");
    put(&system, &event, "image/jpeg", vec![0; MAX_UPLOAD + 1]).await.refused(413, "body-too-large");
    put(&system, UNKNOWN, "image/jpeg", jpeg).await.refused(404, "event-not-found");
    let client = system.visitor();
    client.get(&format!("/api/events/{event}/image")).await.refused(404, "image-not-found");
    client.get(&format!("/api/events/{UNKNOWN}/image")).await.refused(404, "event-not-found");
    assert_eq!(client.get(&format!("/api/events/{event}")).await.expect(200)["image"], Value::Null);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_replaced_and_removed_like_any_other_change_of_an_event() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(3).await;
    let path = format!("/admin/events/{event}/image");
    let admin = system.admin().client.clone();
    let first = system.set_picture(&event).await;
    let tag = admin.get(&format!("/admin/events/{event}")).await.header("etag").unwrap().to_owned();
    assert_eq!(system.set_picture(&event).await, first, "the same picture again is no change");
    assert_eq!(admin.get(&format!("/admin/events/{event}")).await.header("etag"), Some(tag.as_str()));

    // Preconditions, and changes of other fields, which keep the picture.
    let changed = change_event(&system, &event, json!({"name": "Renamed"})).await;
    assert_eq!(changed.expect(200)["image"], first);
    let stale = admin.send_as(Method::PUT, &path, &[("if-match", tag.as_str())], Some(("image/webp", PICTURE.to_vec()))).await;
    stale.refused(412, "precondition-failed");
    admin.send(Method::DELETE, &path, &[("if-match", tag.as_str())], None).await.refused(412, "precondition-failed");
    let tag = changed.header("etag").unwrap();
    let second = picture(600, 400, [1, 2, 3], ImageFormat::Png);
    let replaced = admin.send_as(Method::PUT, &path, &[("if-match", tag)], Some(("image/png", second))).await.expect(200);
    assert_ne!(replaced["version"], first["version"]);

    let removed = admin.send(Method::DELETE, &path, &[], None).await;
    assert_eq!(removed.status, 204);
    let again = admin.send(Method::DELETE, &path, &[], None).await;
    assert_eq!((again.status, again.header("etag")), (204, removed.header("etag")));
    system.visitor().get(&format!("/api/events/{event}/image")).await.refused(404, "image-not-found");
    let log = admin.get("/admin/auditlog?limit=4").await.expect(200);
    let details: Vec<_> = log["items"].as_array().unwrap().iter().map(|entry| entry["details"]["image"].clone()).collect();
    let change = |from: &Value, to: &Value| json!({"from": from, "to": to});
    let (none, one, two) = (Value::Null, &first["version"], &replaced["version"]);
    assert_eq!(details, [change(two, &none), change(one, two), none.clone(), change(&none, one)]);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_of_a_draft_is_for_administrators_only() {
    let system = Plan::default().workers(0).start().await;
    let event = text(&system.event_like(json!({"name": "Draft", "totalTickets": 1, "status": "draft"})).await["id"]);
    system.set_picture(&event).await;
    let path = format!("/api/events/{event}/image?size=small");
    let user = system.user("ada").await.client;
    for client in [&system.visitor(), &user, &system.visitor().with_token("x.y.z")] {
        client.get(&path).await.refused(404, "event-not-found");
    }
    let (status, _, lifetime) = read(&system.admin().client, &path).await;
    assert_eq!((status, lifetime.as_str()), (200, "private, no-store"));
    change_event(&system, &event, json!({"status": "published"})).await.expect(200);
    assert_eq!(read(&system.visitor(), &path).await.0, 200);
    change_event(&system, &event, json!({"status": "draft"})).await.expect(200);
    system.visitor().get(&path).await.refused(404, "event-not-found");

    // It is deleted with its event.
    let deleted = system.admin().client.send(Method::DELETE, &format!("/admin/events/{event}"), &[], None).await;
    assert_eq!(deleted.status, 204);
    system.admin().client.get(&path).await.refused(404, "event-not-found");
    assert_eq!(pictures(&system).await, 0);
    system.stop().await;
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

async fn pictures(system: &System) -> i64 {
    let mut conn = system.booking_database.admin().await;
    let rows: Vec<Count> = diesel::sql_query("SELECT count(*) FROM event_pictures").load(&mut conn).await.unwrap();
    rows[0].count
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_uploads_changes_and_bookings_do_not_disturb_each_other() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(40).await;
    let user = system.user("ada").await;
    let uploads = join_all((0..8_u8).map(|number| {
        let file = picture(400, 300, [number * 30, 10, 10], ImageFormat::Png);
        let system = &system;
        let event = &event;
        async move { put(system, event, "image/png", file).await.expect(200) }
    }));
    let changes = join_all((0..8).map(|number| change_event(&system, &event, json!({"name": format!("Name {number}")}))));
    let bookings = join_all((0..20).map(|_| user.must_book(&event, 1)));
    let (uploads, changes, _) = tokio::join!(uploads, changes, bookings);
    assert!(changes.iter().all(|change| change.status == 200));
    let present = system.visitor().get(&format!("/api/events/{event}")).await.expect(200);
    assert!(uploads.contains(&present["image"]), "{present}");
    assert_eq!((&present["bookedTickets"], pictures(&system).await), (&json!(20), 1));
    assert_eq!(size(&system, present["image"]["url"].as_str().unwrap()).await, (400, 267));
    system.check().await;
    system.stop().await;
}
