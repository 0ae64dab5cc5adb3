//! Verification of access tokens: only unexpired tokens that `auth-service` signed for this audience are accepted. Without keys
//! to verify them, the service returns 503, not 401.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use rowlock_platform::clock::Clock;
use rowlock_test_support::client::{Client, TestResponse};
use rowlock_test_support::proxy::Proxy;
use rowlock_test_support::system::{Plan, SEALING_KEY, System, environment, ready};
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Signs tokens as `auth-service` does.
struct Signer {
    key: SigningKey,
    kid: &'static str,
}

impl Signer {
    fn new(seed: u8, kid: &'static str) -> Self {
        Self { key: SigningKey::from_bytes(&[seed; 32]), kid }
    }

    fn public(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes());
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": x})
    }

    fn header(&self) -> Header {
        Header { kid: Some(self.kid.to_owned()), ..Header::new(Algorithm::EdDSA) }
    }

    fn sign_with(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &EncodingKey::from_ed_der(self.key.to_pkcs8_der().unwrap().as_bytes())).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }
}

fn claims() -> Value {
    let now = Clock::system().now().timestamp();
    json!({"sub": "01920000-0000-7000-8000-000000000001", "name": "Ada", "email": "ada@example.org", "role": "admin", "iss": "rowlock",
        "aud": "rowlock", "iat": now, "exp": now + 900, "jti": "01920000-0000-7000-8000-000000000002", "sid": "01920000-0000-7000-8000-000000000003"})
}

fn but(field: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[field] = value;
    claims
}

fn without(field: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(field);
    claims
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A server of public keys. It responds once it has keys, and counts the requests.
struct KeyServer {
    url: String,
    asked: Arc<AtomicUsize>,
    keys: watch::Sender<Option<Value>>,
    _serving: AbortOnDropHandle<()>,
}

impl KeyServer {
    async fn start(keys: Option<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let (sender, receiver) = watch::channel(keys);
        let count = asked.clone();
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut keys = receiver.clone();
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        if stream.read_buf(&mut request).await.unwrap_or_default() == 0 {
                            return;
                        }
                    }
                    let Ok(body) = keys.wait_for(Option::is_some).await.map(|keys| json!({"keys": *keys}).to_string()) else { return };
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                    let _ = stream.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
                });
            }
        });
        Self { url, asked, keys: sender, _serving: AbortOnDropHandle::new(serving) }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn system_with(keys: &KeyServer) -> System {
    Plan::default().workers(0).booking_setting("tokens.jwks_url", &keys.url).start().await
}

async fn bookings(visitor: &Client, token: &str) -> TestResponse {
    visitor.with_token(token).get("/api/bookings").await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_valid_token_is_accepted() {
    let signer = Signer::new(1, "first");
    // Keys of unknown kinds in the same document are ignored.
    let other = json!({"kty": "RSA", "crv": "", "kid": "rsa", "x": ""});
    let keys = KeyServer::start(Some(json!([other, signer.public()]))).await;
    let system = system_with(&keys).await;
    let visitor = system.visitor();
    bookings(&visitor, &signer.sign(&claims())).await.expect(200);
    bookings(&visitor, &signer.sign(&but("role", "user".into()))).await.expect(200);
    let made = visitor.with_token(signer.sign(&claims())).post("/admin/initialize", json!({"name": "x", "totalTickets": 1})).await;
    made.expect(201);

    let now = Clock::system().now().timestamp();
    let good = signer.sign(&claims());
    let [header, body, signature]: [String; 3] = good.split('.').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(&signature).unwrap();
    bytes[0] ^= 1;
    let flipped = URL_SAFE_NO_PAD.encode(bytes);
    let mut bad = vec![
        ("expired", signer.sign(&but("exp", (now - 1).into()))),
        ("expired long ago", signer.sign(&but("exp", 0.into()))),
        ("never expires", signer.sign(&without("exp"))),
        ("expires at no number", signer.sign(&but("exp", "never".into()))),
        ("another issuer", signer.sign(&but("iss", "other".into()))),
        ("no issuer", signer.sign(&without("iss"))),
        ("another audience", signer.sign(&but("aud", "other".into()))),
        ("no audience", signer.sign(&without("aud"))),
        ("no account", signer.sign(&without("sub"))),
        ("an account that is none", signer.sign(&but("sub", "ada".into()))),
        ("an unknown role", signer.sign(&but("role", "root".into()))),
        ("no role", signer.sign(&without("role"))),
        ("a version that is none", signer.sign(&but("ver", "latest".into()))),
        ("no claims", signer.sign(&json!({}))),
        ("a flipped signature", format!("{header}.{body}.{flipped}")),
        ("no signature", format!("{header}.{body}.")),
        ("two parts", format!("{header}.{body}")),
        ("more at the end", format!("{good}x")),
        ("claims that were changed", format!("{header}.{}.{signature}", part(&but("role", "user".into())))),
        ("no token", "x.y.z".to_owned()),
        ("dots", "..".to_owned()),
        ("very long", "x".repeat(4000)),
    ];
    for alg in ["none", "None", "NONE", "", "ES256"] {
        let unsigned = part(&json!({"alg": alg, "typ": "JWT", "kid": "first"}));
        bad.push(("no algorithm", format!("{unsigned}.{body}.")));
        bad.push(("no algorithm, a signature", format!("{unsigned}.{body}.{signature}")));
    }
    let public = signer.public();
    let x = public["x"].as_str().unwrap();
    for secret in [URL_SAFE_NO_PAD.decode(x).unwrap(), x.as_bytes().to_vec(), public.to_string().into_bytes()] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let header = Header { kid: Some("first".to_owned()), ..Header::new(algorithm) };
            bad.push((
                "signed with the public key as a secret",
                encode(&header, &claims(), &EncodingKey::from_secret(&secret).unwrap()).unwrap(),
            ));
        }
    }
    let foreign = Signer::new(7, "first");
    for kid in [Some("first"), Some("unknown"), Some("rsa"), Some(""), Some("a\0b"), None] {
        let mut header = Header { kid: kid.map(str::to_owned), ..foreign.header() };
        bad.push(("a foreign key", foreign.sign_with(&header, &claims())));
        // Keys embedded in a token are ignored.
        header.jku = Some(keys.url.clone());
        header.jwk = serde_json::from_value(foreign.public()).unwrap();
        bad.push(("a foreign key that is sent along", foreign.sign_with(&header, &claims())));
    }
    bad.push(("our key, not named", signer.sign_with(&Header { kid: None, ..signer.header() }, &claims())));
    for (what, token) in bad {
        for (method, path) in [(Method::GET, "/api/bookings"), (Method::POST, "/api/book"), (Method::POST, "/admin/initialize")] {
            let body = (method == Method::POST).then(|| b"{\"name\":\"x\",\"totalTickets\":1}".to_vec());
            let answer = visitor.with_token(&token).send(method, path, &[], body).await;
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{what}: {path}");
            answer.refused(401, "unauthenticated");
        }
    }
    bookings(&visitor, &good).await.expect(200);
    assert_eq!(visitor.get("/api/events").await.expect(200)["items"].as_array().map(Vec::len), Some(1), "nothing more was made");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_signing_keys_responses_are_503_until_they_can_be_fetched() {
    let system = System::new().await;
    let event = system.event(1).await;
    let token = crate::support::token(&system, "admin").await;
    let (proxy, auth) = Proxy::in_front_of(&system.auth_url()).await;
    proxy.refuse();
    let settings = [
        ("http.listen", "127.0.0.1:0".to_owned()),
        ("management.listen", "127.0.0.1:0".to_owned()),
        ("database.url", system.booking_database.service_url().expose_secret().to_owned()),
        ("amqp.url", system.broker.settings().url.expose_secret().to_owned()),
        ("amqp.prefix", system.broker.settings().prefix),
        ("sealing.key", SEALING_KEY.to_owned()),
        ("tokens.jwks_url", format!("{}/.well-known/jwks.json", auth.trim_end_matches('/'))),
    ];
    let settings = booking_service::BookingSettings::load(None, environment(&settings, &[])).unwrap();
    let keyless = booking_service::start(settings, Clock::system()).unwrap();
    let visitor = Client::new(format!("http://{}", keyless.http_addr().unwrap()));

    // Public routes work without keys.
    visitor.get(&format!("/api/events/{event}")).await.expect(200);
    for (method, path) in [(Method::GET, "/api/bookings"), (Method::POST, "/api/book"), (Method::GET, "/admin/events/x/bookings")] {
        let answer = visitor.with_token(&token).send(method.clone(), path, &[], (method == Method::POST).then(|| b"{}".to_vec())).await;
        answer.refused(503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    // A token that no key could make valid is still rejected with 401.
    visitor.get("/api/bookings").await.refused(401, "unauthenticated");
    bookings(&visitor, "x.y.z").await.refused(401, "unauthenticated");
    let unsigned = format!("{}.{}.", part(&json!({"alg": "none", "kid": "x"})), part(&claims()));
    bookings(&visitor, &unsigned).await.refused(401, "unauthenticated");
    let readiness = reqwest::get(format!("http://{}/health/ready", keyless.management_addr())).await.unwrap();
    assert_eq!(readiness.status(), 503);
    let failing: Value = readiness.json().await.unwrap();
    assert_eq!(failing["failing"].as_object().unwrap().keys().collect::<Vec<_>>(), ["token keys"]);

    proxy.pass();
    until("tokens can be checked", async || bookings(&visitor, &token).await.status == 200).await;
    ready(keyless.management_addr()).await;
    // Keys that were fetched before stay in use while auth-service is down.
    proxy.refuse();
    bookings(&visitor, &token).await.expect(200);
    keyless.stop().await.unwrap();
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_fetch_the_signing_keys_once() {
    let signer = Signer::new(1, "first");
    let keys = KeyServer::start(Some(json!([signer.public()]))).await;
    let system = system_with(&keys).await;
    assert_eq!(keys.asked(), 1, "at the start");
    let visitor = system.visitor();
    let good = signer.sign(&claims());

    // Tokens with many different unknown key ids must not cause a flood of requests to auth-service.
    let stranger = Signer::new(7, "x");
    let tokens: Vec<_> = (0..100)
        .map(|index| stranger.sign_with(&Header { kid: Some(format!("unknown-{index}")), ..stranger.header() }, &claims()))
        .collect();
    let answers = join_all(tokens.iter().map(|token| bookings(&visitor, token))).await;
    assert!(answers.iter().all(|answer| answer.status == 401));
    bookings(&visitor, &good).await.expect(200);
    assert!(keys.asked() <= 2, "{} fetches", keys.asked());

    // The first response to another instance is slow; all concurrent requests wait for the same fetch.
    let slow = KeyServer::start(None).await;
    let other = system.booking_database.service_url();
    let settings = [
        ("http.listen", "127.0.0.1:0".to_owned()),
        ("management.listen", "127.0.0.1:0".to_owned()),
        ("database.url", other.expose_secret().to_owned()),
        ("amqp.url", system.broker.settings().url.expose_secret().to_owned()),
        ("amqp.prefix", system.broker.settings().prefix),
        ("sealing.key", SEALING_KEY.to_owned()),
        ("tokens.jwks_url", slow.url.clone()),
    ];
    let settings = booking_service::BookingSettings::load(None, environment(&settings, &[])).unwrap();
    let second = booking_service::start(settings, Clock::system()).unwrap();
    let visitor = Client::new(format!("http://{}", second.http_addr().unwrap()));
    visitor.get("/api/events").await.expect(200);
    until("the keys are asked for", async || slow.asked() == 1).await;
    let asking = tokio::spawn({
        let (visitor, good) = (visitor.clone(), good.clone());
        async move { join_all((0..50).map(|_| bookings(&visitor, &good))).await }
    });
    // Public routes respond meanwhile.
    visitor.get("/api/events").await.expect(200);
    slow.keys.send_replace(Some(json!([signer.public()])));
    assert!(asking.await.unwrap().iter().all(|answer| answer.status == 200));
    assert_eq!(slow.asked(), 1);
    second.stop().await.unwrap();
    system.stop().await;
}
