//! Telemetry: traces that lead from a request to its effects, the log level, and readiness during shutdown.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use rowlock_messaging::amqp::Tap;
use rowlock_test_support::broker::TestBroker;
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::system::{BookingTemplate, Plan, SEALING_KEY};
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A span as the collector received it.
#[derive(Debug, Clone)]
struct Seen {
    service: String,
    name: String,
    id: String,
    parent: String,
    trace: String,
}

/// A trace collector that stores the spans it receives.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Seen>>>);

impl Collector {
    /// Starts the collector and returns its URL.
    fn start(&self) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let kept = web::Data::new(self.clone());
        let take = |body: web::Bytes, kept: web::Data<Collector>| async move {
            kept.take(&body);
            HttpResponse::Ok().finish()
        };
        let app = move || App::new().app_data(kept.clone()).route("/v1/traces", web::post().to(take));
        tokio::spawn(HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run());
        address
    }

    fn take(&self, body: &[u8]) {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        for of_service in request.resource_spans {
            let service = format!("{:?}", of_service.resource.unwrap().attributes);
            for span in of_service.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let (id, parent, trace) = (hex(&span.span_id), hex(&span.parent_span_id), hex(&span.trace_id));
                self.0.lock().unwrap().push(Seen { service: service.clone(), name: span.name, id, parent, trace });
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_spans_the_request_the_broker_and_the_promotion() {
    let collector = Collector::default();
    let address = collector.start();
    let plan = Plan::default().booking_setting("telemetry.otlp_endpoint", &address).worker_setting("telemetry.otlp_endpoint", &address);
    let system = plan.worker_setting("worker.sweep", "false").start().await;
    let mut tap = Tap::connect(&system.broker.settings(), "waitlist.promoted").await.unwrap();
    let event = system.event(1).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    ada.must_book(&event, 1).await;
    ben.must_wait(&event, 1).await;
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let body = serde_json::to_vec(&json!({"eventId": event})).unwrap();
    let headers = [("traceparent", parent.as_str()), ("content-type", "application/json")];
    ada.client.send(reqwest::Method::POST, "/api/cancelbooking", &headers, Some(body)).await.expect(200);
    until("ben holds the ticket", async || ben.tickets().await == 1).await;
    let promoted: Value = serde_json::from_slice(&tap.next().await.unwrap().body).unwrap();
    assert!(promoted["traceparent"].as_str().unwrap().starts_with(&format!("00-{TRACE}-")), "{promoted}");
    system.stop().await;

    let seen = collector.0.lock().unwrap().clone();
    let ours: Vec<&Seen> = seen.iter().filter(|span| span.trace == TRACE).collect();
    let by_id: HashMap<&str, &Seen> = ours.iter().map(|span| (span.id.as_str(), *span)).collect();
    // Follows the parents from the last span back to the request that caused it.
    let last = ours.iter().find(|span| span.name == "publish waitlist.promoted").unwrap_or_else(|| panic!("{ours:#?}"));
    let mut way = vec![last.name.as_str()];
    let mut span = *last;
    while let Some(next) = by_id.get(span.parent.as_str()) {
        way.push(&next.name);
        span = next;
    }
    assert_eq!(way, ["publish waitlist.promoted", "reallocate", "lane", "POST /api/cancelbooking"]);
    assert_eq!(span.parent, "00f067aa0ba902b7", "the caller's own span");
    let names: BTreeSet<&str> = ours.iter().map(|span| span.name.as_str()).collect();
    assert!(names.contains("publish tickets.released") && names.contains("publish booking.cancelled"), "{names:?}");
    let worker = ours.iter().find(|span| span.name == "reallocate").unwrap();
    assert!(worker.service.contains("reallocation-worker"), "{worker:?}");
    let other = seen.iter().find(|span| span.name == "POST /api/book").unwrap();
    assert_ne!(other.trace, TRACE, "a request without a trace begins its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_context_is_propagated_even_if_traces_are_not_exported() {
    let system = Plan::default().start().await;
    let mut tap = Tap::connect(&system.broker.settings(), "booking.confirmed").await.unwrap();
    let event = system.event(2).await;
    let ada = system.user("ada").await;
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-00");
    let body = serde_json::to_vec(&json!({"eventId": event})).unwrap();
    let headers = [("traceparent", parent.as_str()), ("content-type", "application/json")];
    ada.client.send(reqwest::Method::POST, "/api/book", &headers, Some(body)).await.expect(201);
    let message: Value = serde_json::from_slice(&tap.next().await.unwrap().body).unwrap();
    assert_eq!(message["traceparent"], parent.as_str());
    ada.must_book(&event, 1).await;
    let message: Value = serde_json::from_slice(&tap.next().await.unwrap().body).unwrap();
    assert_eq!(message.get("traceparent"), None);
    system.stop().await;
}

/// A booking-service in a separate process, and the lines of its log.
struct Logged {
    process: Child,
    lines: Receiver<Value>,
    started: Value,
    database: TestDatabase,
}

impl Logged {
    async fn start() -> Self {
        let (database, broker) = (TestDatabase::new(&BookingTemplate).await, TestBroker::new());
        let mut process = Command::new(env!("CARGO_BIN_EXE_booking-service"))
            .env_clear()
            .env("ROWLOCK__DATABASE__URL", database.service_url().expose_secret())
            .env("ROWLOCK__AMQP__URL", broker.settings().url.expose_secret())
            .env("ROWLOCK__AMQP__PREFIX", broker.settings().prefix)
            .env("ROWLOCK__HTTP__LISTEN", "127.0.0.1:0")
            .env("ROWLOCK__MANAGEMENT__LISTEN", "127.0.0.1:0")
            .env("ROWLOCK__SEALING__KEY", SEALING_KEY)
            .env("ROWLOCK__LOG__FORMAT", "json")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let written = BufReader::new(process.stderr.take().unwrap()).lines();
        // The log is read to its end even if no test looks at it, because a full pipe would block the service.
        std::thread::spawn(move || {
            for line in written.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        let mut service = Self { process, lines, started: Value::Null, database };
        service.started = service.line(|line| line["message"] == "started");
        service
    }

    /// Returns the next log line that matches.
    fn line(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(30)).expect("the line does not come");
            if wanted(&line) {
                return line;
            }
        }
    }

    fn url(&self, address: &str, path: &str) -> String {
        format!("http://{}{path}", self.started[address].as_str().unwrap())
    }

    async fn end(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_level_can_be_changed_at_runtime() {
    let service = Logged::start().await;
    let url = service.url("management_addr", "/log/level");
    let http = reqwest::Client::new();
    let level = async || http.get(&url).send().await.unwrap().text().await.unwrap();
    assert_eq!(level().await, "info");
    let put = async |text: &'static str| http.put(&url).body(text).send().await.unwrap();
    assert_eq!(put("warn,rowlock_platform=debug").await.status(), 200);
    assert_eq!(level().await, "warn,rowlock_platform=debug");
    for wrong in ["", "loud", "info,=", "rowlock_platform=loud"] {
        let refused = put(wrong).await;
        assert_eq!(refused.status(), 422, "{wrong}");
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(problem["code"], "invalid-input", "{problem}");
    }
    assert_eq!(level().await, "warn,rowlock_platform=debug", "what is refused changes nothing");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn successful_reads_are_logged_at_debug() {
    let service = Logged::start().await;
    let http = reqwest::Client::new();
    let get = async |path: &str, id: &'static str| {
        let answer = http.get(service.url("http_addr", path)).header("x-request-id", id).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(get("/api/events", "read").await, 200);
    assert_eq!(get("/api/events/0190a6f0-0000-7000-8000-000000000000", "not-found").await, 404);
    let refused = http.post(service.url("http_addr", "/api/book")).header("x-request-id", "refused").body("{}").send();
    assert_eq!(refused.await.unwrap().status(), 401);
    let level = http.put(service.url("management_addr", "/log/level")).body("info,rowlock::request=debug").send();
    assert_eq!(level.await.unwrap().status(), 200);
    assert_eq!(get("/api/events", "read-aloud").await, 200);
    let told = |line: Value| (line["id"].as_str().unwrap().to_owned(), line["level"].as_str().unwrap().to_owned());
    let next = || told(service.line(|line| line["target"] == "rowlock::request"));
    for (id, level) in [("not-found", "INFO"), ("refused", "INFO"), ("read-aloud", "DEBUG")] {
        assert_eq!(next(), (id.to_owned(), level.to_owned()));
    }
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_service_reports_unready_and_keeps_serving_for_a_while() {
    let system = Plan::default().booking_setting("shutdown.notice_ms", "1500").start().await;
    let extra = system.start_booking();
    let (public, management) = (extra.http_addr().unwrap(), extra.management_addr());
    rowlock_test_support::system::ready(management).await;
    let http = reqwest::Client::new();
    let events = format!("http://{public}/api/events");
    let before = http.get(&events).send().await.unwrap();
    assert_eq!((before.status().as_u16(), before.headers().get("connection")), (200, None));
    extra.stop_token().cancel();
    let leaving = http.get(&events).send().await.unwrap();
    assert_eq!(leaving.status(), 200);
    assert_eq!(leaving.headers()["connection"], "close");
    let readiness = http.get(format!("http://{management}/health/ready")).send().await.unwrap();
    assert_eq!(readiness.status(), 503);
    assert_eq!(readiness.json::<Value>().await.unwrap()["failing"]["service"], "stopping");
    extra.wait().await.unwrap();
    assert!(http.get(&events).send().await.is_err(), "it has left");
    system.stop().await;
}
