//! Routes with which administrators read the status of an event, its waiting list and its bookings.

use diesel_async::RunQueryDsl;
use reqwest::Method;
use rowlock_test_support::client::{Client, TestResponse};
use rowlock_test_support::system::{PASSWORD, Plan, System};
use serde_json::{Value, json};

use crate::support::{each, fields, read_all, text};

const UNKNOWN: &str = "01920000-0000-7000-8000-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_an_event_contains_counts_and_the_waiting_list() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(3).await;
    let [ada, ben, cid] = [system.user("ada").await, system.user("ben").await, system.user("cid").await];
    let booking = ada.must_book(&event, 3).await;
    let (entry, _) = ben.must_wait(&event, 2).await;
    cid.must_wait(&event, 1).await;
    ada.cancel_part(&booking, 1).await.expect(200);

    let status = system.status(&event).await;
    let all = [
        "availableTickets",
        "bookedTickets",
        "eventId",
        "eventName",
        "heldTickets",
        "reservedTickets",
        "startsAt",
        "status",
        "ticketTypes",
        "timeZone",
        "totalTickets",
        "unservableEntries",
        "waitlist",
        "waitlistLength",
    ];
    assert_eq!(fields(&status), all);
    assert_eq!((&status["eventId"], &status["eventName"], &status["status"]), (&json!(event), &json!("A test"), &json!("published")));
    let counts = ["totalTickets", "availableTickets", "heldTickets", "bookedTickets", "waitlistLength"];
    assert_eq!(counts.map(|name| status[name].as_u64().unwrap()), [3, 0, 1, 2, 2]);
    assert_eq!(counts.map(|name| status["ticketTypes"][0][name].as_u64().unwrap()), [3, 0, 1, 2, 2]);
    let first = &status["waitlist"]["items"][0];
    assert_eq!(
        fields(first),
        [
            "account",
            "forGuest",
            "joinedAt",
            "minQuantity",
            "position",
            "preference",
            "quantity",
            "servable",
            "ticketTypeId",
            "waitlistEntryId",
            "wishId"
        ]
    );
    assert_eq!(first["account"], json!({"id": ben.id, "name": "ben", "email": "ben@example.org"}));
    assert_eq!((&first["position"], &first["quantity"], &first["waitlistEntryId"]), (&json!(1), &json!(2), &json!(entry)));
    assert_eq!(first["joinedAt"], ben.waitlist().await[0]["joinedAt"]);
    assert_eq!(status["waitlist"]["items"][1]["account"]["name"], "cid");
    assert_eq!(status["waitlist"]["nextCursor"], Value::Null);
    // The public sees neither held tickets nor the people who wait.
    let shown = system.visitor().get(&format!("/api/events/{event}")).await;
    assert!(!shown.text.contains("held") && !shown.text.contains("ben"), "{}", shown.text);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waiting_list_is_paged_by_ticket_type_with_positions() {
    let system = Plan::default().workers(0).start().await;
    let types = json!([{"name": "A", "totalTickets": 1}, {"name": "B", "totalTickets": 1}, {"name": "C", "totalTickets": 1}]);
    let event = system.event_like(json!({"name": "Types", "ticketTypes": types})).await;
    let id = text(&event["id"]);
    let type_id = |index: usize| text(&event["ticketTypes"][index]["id"]);
    let people = system.users("fan", 5).await;
    for person in &people {
        for index in [2, 0] {
            let body = json!({"eventId": id, "ticketTypeId": type_id(index)});
            person.client.post("/api/book", body).await;
        }
    }
    // One of the four people who wait for each type has left.
    people[2].client.post("/api/leavewaitlist", json!({"waitlistEntryId": people[2].waitlist().await[0]["id"]})).await.expect(200);
    let status = system.status(&id).await;
    let of_types: Vec<Vec<u64>> = status["ticketTypes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| {
            ["totalTickets", "availableTickets", "bookedTickets", "heldTickets", "waitlistLength"]
                .map(|name| t[name].as_u64().unwrap())
                .to_vec()
        })
        .collect();
    assert_eq!(of_types, [vec![1, 0, 1, 0, 3], vec![1, 1, 0, 0, 0], vec![1, 0, 1, 0, 4]]);
    assert_eq!(status["waitlistLength"], 7);

    let path = format!("/admin/status/{id}");
    let who = |items: &[Value]| -> Vec<(String, u64)> {
        items.iter().map(|item| (text(&item["account"]["name"]), item["position"].as_u64().unwrap())).collect()
    };
    let expected =
        |names: &[&str]| -> Vec<(String, u64)> { names.iter().zip(1..).map(|(name, place)| ((*name).to_owned(), place)).collect() };
    let first = expected(&["fan-1", "fan-3", "fan-4"]);
    let last = expected(&["fan-1", "fan-2", "fan-3", "fan-4"]);
    for limit in [1, 2, 3, 7, 100] {
        let items = read_all(&system.admin().client, &path, limit).await;
        assert_eq!(who(&items), [first.clone(), last.clone()].concat(), "in pages of {limit}");
        assert_eq!(each(&items[..3], "ticketTypeId"), vec![type_id(0); 3]);
        let only = read_all(&system.admin().client, &format!("{path}?ticketTypeId={}", type_id(2)), limit).await;
        assert_eq!(who(&only), last);
    }
    for none in [&type_id(1), UNKNOWN] {
        assert_eq!(read_all(&system.admin().client, &format!("{path}?ticketTypeId={none}"), 100).await, Vec::<Value>::new());
    }
    system.check().await;
    system.stop().await;
}

async fn export(system: &System, event: &str, accept: &str) -> TestResponse {
    let path = format!("/admin/events/{event}/bookings?limit=1");
    system.admin().client.send(Method::GET, &path, &[("accept", accept)], None).await
}

fn rows(csv: &str) -> Vec<Vec<String>> {
    // Parses the file as Python's csv module does with the encoding utf-8-sig.
    let text = csv.strip_prefix('\u{feff}').expect("a byte-order mark at the start of the file");
    assert!(!text.contains('\u{feff}'), "the byte-order mark is there once");
    csv::Reader::from_reader(text.as_bytes())
        .records()
        .map(|row| row.expect("a row with as many cells as the header").iter().map(str::to_owned).collect())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bookings_of_an_event_are_paged_oldest_first() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(9).await;
    let path = format!("/admin/events/{event}/bookings");
    assert_eq!(system.admin().client.get(&path).await.expect(200), json!({"items": [], "nextCursor": null}));
    let other = system.event(9).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let mut made = Vec::new();
    for (person, quantity) in [(&ada, 1), (&ben, 2), (&ada, 3)] {
        made.push(person.must_book(&event, quantity).await);
        person.must_book(&other, 1).await;
    }
    ben.cancel(&made[1]).await.expect(200);
    for limit in [1, 2, 3, 100] {
        assert_eq!(each(&read_all(&system.admin().client, &path, limit).await, "id"), made);
    }
    let items = read_all(&system.admin().client, &path, 100).await;
    let mut expected = ben.bookings().await.into_iter().find(|booking| booking["id"] == *made[1]).unwrap();
    expected["account"] = json!({"id": ben.id, "name": "ben", "email": "ben@example.org"});
    expected["forGuest"] = json!(false);
    assert_eq!(items[1], expected, "cancelled ones too, with who had them");
    let with_status = async |status: &str| system.admin().client.get(&format!("{path}?status={status}&limit=2")).await;
    for (status, ids) in [("confirmed", vec![made[0].clone(), made[2].clone()]), ("cancelled", vec![made[1].clone()]), ("expired", vec![])]
    {
        let page = with_status(status).await.expect(200);
        assert_eq!(each(page["items"].as_array().unwrap(), "id"), ids, "{status}");
        assert_eq!(page["nextCursor"], Value::Null);
    }
    let lines = system.admin().client.get(&format!("{path}?status=cancelled&format=json")).await;
    assert_eq!(lines.text.lines().count(), 1);
    let refused = with_status("Confirmed").await;
    assert_eq!((refused.status, refused.bad_fields()), (422, vec!["status".to_owned()]));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_contains_all_bookings_and_no_formulas() {
    let system = Plan::default().workers(0).start().await;
    let types = json!([{"name": "@SUM(A1)", "totalTickets": 9}]);
    let event = system.event_like(json!({"name": "Export", "ticketTypes": types})).await;
    let id = text(&event["id"]);
    let auth = Client::new(system.auth_url());
    let names = ["=HYPERLINK(\"http://x\",\"y\")", "＝1+1", "-1", "Ada;=1", "a, \"b\"", "Zoë 🎟️"];
    let emails = ["+tag@example.org", "=1+1@example.org", "p2@example.org", "-x@example.org", "p4@example.org", "p5+x@example.org"];
    for (index, name) in names.iter().enumerate() {
        let email = emails[index];
        auth.post("/api/createaccount", json!({"name": name, "username": format!("p{index}"), "email": email, "password": PASSWORD}))
            .await
            .expect(201);
        let login = auth.post("/api/loginaccount", json!({"email": email, "password": PASSWORD})).await.expect(200);
        system.visitor().with_token(text(&login["token"])).post("/api/book", json!({"eventId": id})).await.expect(201);
    }
    let answer = export(&system, &id, "text/csv").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(answer.header("content-disposition"), Some(format!("attachment; filename=\"bookings-{id}.csv\"").as_str()));
    let header = "bookingId,ticketType,ticketTypeId,accountId,name,email,quantity,status,origin,bookedAt";
    assert!(answer.text.starts_with(&format!("\u{feff}{header}\r\n")), "{}", answer.text);
    assert_eq!(answer.text.matches("\r\n").count(), answer.text.matches('\n').count(), "each line ends with CRLF");
    assert!(answer.text.ends_with("\r\n"));
    let rows = rows(&answer.text);
    let shown: Vec<_> = rows.iter().map(|row| row[4].as_str()).collect();
    assert_eq!(shown, ["'=HYPERLINK(\"http://x\",\"y\")", "'＝1+1", "'-1", "Ada;'=1", "a, \"b\"", "Zoë 🎟️"]);
    let shown: Vec<_> = rows.iter().map(|row| row[5].as_str()).collect();
    assert_eq!(shown, ["+tag@example.org", "'=1+1@example.org", "p2@example.org", "-x@example.org", "p4@example.org", "p5+x@example.org"]);
    assert!(rows.iter().all(|row| row[1] == "'@SUM(A1)"));
    let first = &read_all(&system.admin().client, &format!("/admin/events/{id}/bookings"), 100).await[0];
    let cells =
        [&first["id"], &first["ticketTypeId"], &first["account"]["id"], &first["account"]["email"], &first["status"], &first["origin"]];
    assert_eq!([0, 2, 3, 5, 7, 8].map(|column| rows[0][column].clone()), cells.map(text));
    assert_eq!(rows[0][6], "1");

    for accept in ["text/csv;q=0.9, application/json;q=0.1", "TEXT/CSV", "application/xml, text/csv"] {
        assert_eq!(export(&system, &id, accept).await.header("content-type"), Some("text/csv; charset=utf-8"), "{accept}");
    }
    for (accept, query) in [("application/x-ndjson", ""), ("", "&format=json"), ("text/csv", "&format=json")] {
        let path = format!("/admin/events/{id}/bookings?limit=1{query}");
        let lines = system.admin().client.send(Method::GET, &path, &[("accept", accept)], None).await;
        assert_eq!((lines.status, lines.header("content-type")), (200, Some("application/x-ndjson")), "{accept} {query}");
        assert_eq!(lines.header("content-disposition"), Some(format!("attachment; filename=\"bookings-{id}.ndjson\"").as_str()));
        assert!(lines.text.ends_with('\n'));
        let items: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(items, read_all(&system.admin().client, &format!("/admin/events/{id}/bookings"), 100).await, "nothing is altered");
    }
    let path = format!("/admin/events/{id}/bookings");
    assert_eq!(system.admin().client.get(&format!("{path}?format=csv")).await.text, answer.text);
    for bad in ["xml", "CSV", "json%20"] {
        let refused = system.admin().client.get(&format!("{path}?format={bad}")).await;
        assert_eq!((refused.status, refused.bad_fields()), (422, vec!["format".to_owned()]), "{bad}");
    }

    for accept in ["", "*/*", "application/json", "text/*", "text/csvx", "application/ndjson"] {
        assert_eq!(export(&system, &id, accept).await.expect(200)["items"].as_array().map(Vec::len), Some(1), "{accept}");
    }
    export(&system, UNKNOWN, "text/csv").await.refused(404, "event-not-found");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_many_chunks_is_complete() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(5000).await;
    assert_eq!(rows(&export(&system, &event, "text/csv").await.text).len(), 0, "a header and nothing else");
    // The export is read in chunks of a thousand: no row may be duplicated or lost at their boundaries.
    for (more, all) in [(1000, 1000), (1, 1001), (1499, 2500)] {
        let sql = format!(
            "WITH made AS (
               INSERT INTO bookings (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, status, origin, booked_at)
               SELECT t.event_id, gen_random_uuid(), t.id, gen_random_uuid(), 'n', 'n@example.org', 1, 'confirmed', 'direct', now()
                 FROM ticket_types t, generate_series(1, {more}) RETURNING 1)
             UPDATE ticket_types SET booked = booked + {more}, available = available - {more} WHERE (SELECT count(*) FROM made) = {more}"
        );
        assert_eq!(diesel::sql_query(sql).execute(&mut system.booking_database.admin().await).await, Ok(1));
        let mut ids: Vec<_> = rows(&export(&system, &event, "text/csv").await.text).into_iter().map(|row| row[0].clone()).collect();
        assert_eq!(ids.len(), all);
        ids.dedup();
        assert_eq!(ids.len(), all, "in the order of their ids, each once");
        let lines = export(&system, &event, "application/x-ndjson").await.text;
        let in_lines: Vec<_> = lines.lines().map(|line| text(&serde_json::from_str::<Value>(line).unwrap()["id"])).collect();
        assert_eq!(in_lines, ids, "the same as JSON lines");
    }
    system.check().await;
    system.stop().await;
}
