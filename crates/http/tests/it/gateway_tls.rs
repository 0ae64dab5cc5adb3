//! HTTPS at the gateway, called with curl.

use std::process::Command;

use rowlock_test_support::socket_gateway::start_naming_service;
use rowlock_test_support::tls::Authority;
use rowlock_test_support::tls_gateway::{HOST, TlsGateway};
use rowlock_test_support::wait::until;

#[tokio::test]
async fn the_gateway_serves_https_and_redirects_plain_http_to_it() {
    let authority = Authority::new("Rowlock's test authority");
    let gateway = TlsGateway::before(start_naming_service("service").await, &authority.issue(HOST)).await;
    let trusted = authority.certificate.as_str();
    let events = gateway.https_url("/api/events?limit=1");

    for (options, status) in [(&[][..], "201 2"), (&["--http1.1"], "201 1.1"), (&["--tls-max", "1.2"], "201 2")] {
        let response = gateway.curl(trusted, &events, options).await;
        assert_eq!((response.status.as_str(), response.exit_code), (status, 0), "{options:?}");
        assert!(response.body.contains("GET /api/events?limit=1"), "{}", response.body);
        assert!(response.head.contains("strict-transport-security: max-age=31536000"), "{}", response.head);
    }
    let missing = gateway.curl(trusted, &gateway.https_url("/api/nothing"), &[]).await;
    assert_eq!(missing.status, "404 2");
    assert_eq!(missing.head.matches("strict-transport-security").count(), 1, "{}", missing.head);
    // TLS 1.1 is refused, and curl rejects a name or an authority that does not fit.
    assert_eq!(gateway.curl(trusted, &events, &["--tls-max", "1.1"]).await.status, "000 0");
    assert_eq!(gateway.curl(trusted, &events.replace(HOST, "localhost"), &[]).await.exit_code, 60);
    assert_eq!(gateway.curl(&Authority::new("Another").certificate, &events, &[]).await.exit_code, 60);
    // Other programs on this machine share the name localhost.
    let local = gateway.curl(trusted, &events, &["-H", "Host: localhost"]).await;
    assert!(!local.head.contains("strict-transport-security"), "{}", local.head);

    let plain_on_the_port_of_https = events.replace("https://", "http://");
    for url in [plain_on_the_port_of_https, gateway.http_url("/api/events?limit=1")] {
        for options in [&[][..], &["-d", "{}"]] {
            let response = gateway.curl(trusted, &url, options).await;
            assert_eq!(response.status, "308 1.1", "{url} {options:?}");
            assert!(response.head.contains(&format!("location: {events}\r\n")), "{}", response.head);
        }
    }
    let followed = gateway.curl(trusted, &gateway.http_url("/api/events"), &["-L", "-d", "{}"]).await;
    assert_eq!(followed.status, "201 2");
    assert!(followed.body.contains("POST /api/events"), "{}", followed.body);

    gateway.answer_challenge("a-token", "an-answer");
    let challenge = gateway.http_url("/.well-known/acme-challenge/a-token");
    assert_eq!(gateway.curl(trusted, &challenge, &[]).await.body, "an-answer");
    assert_eq!(gateway.curl(trusted, &format!("{challenge}s"), &[]).await.status, "404 1.1");
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart() {
    let [first, second] = ["The first authority", "The second authority"].map(Authority::new);
    let gateway = TlsGateway::before(start_naming_service("service").await, &first.issue(HOST)).await;
    let url = gateway.https_url("/api/events");
    let accepts = async |authority: &Authority| gateway.curl(&authority.certificate, &url, &[]).await.exit_code == 0;
    assert!(accepts(&first).await && !accepts(&second).await);

    // A tool that renews certificates replaces one file after the other.
    let renewed = second.issue(HOST);
    gateway.replace_certificate(&renewed.certificate);
    until("the gateway refuses a certificate without its key", async || gateway.log().contains("The gateway keeps its certificate")).await;
    assert!(accepts(&first).await && !accepts(&second).await, "{}", gateway.log());
    gateway.replace_key(&renewed.key);
    // A worker with the old certificate can accept connections for a moment after the new ones have started.
    until("the gateway uses the new certificate only", async || accepts(&second).await && !accepts(&first).await).await;
    assert_eq!(gateway.log().matches("The gateway uses the new certificate.").count(), 1, "{}", gateway.log());
}

/// Runs `start.sh render` with these settings and returns its messages, or an empty text if it accepts them.
fn refusal(settings: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let ended = Command::new("sh")
        .args([concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/gateway/start.sh"), "render"])
        .env("ROWLOCK_GATEWAY_DIR", folder.path())
        .envs([("ROWLOCK_GATEWAY_LISTEN", "3443"), ("ROWLOCK_AUTH_UPSTREAM", "127.0.0.1:1"), ("ROWLOCK_BOOKING_UPSTREAM", "127.0.0.1:2")])
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.success(), said.is_empty(), "{said}");
    said
}

#[test]
fn settings_that_cannot_work_are_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Rowlock's test authority");
    let (issued, other) = (authority.issue(HOST), authority.issue(HOST));
    let [certificate, key, other_key, missing] = [
        ("certificate.pem", Some(issued.certificate)),
        ("key.pem", Some(issued.key)),
        ("other.pem", Some(other.key)),
        ("missing.pem", None),
    ]
    .map(|(name, content)| {
        let file = folder.path().join(name);
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        file.to_str().unwrap().to_owned()
    });
    let (certificate, key, url) = (
        ("ROWLOCK_TLS_CERTIFICATE", certificate.as_str()),
        ("ROWLOCK_TLS_KEY", key.as_str()),
        ("ROWLOCK_PUBLIC_URL", "https://tickets.example"),
    );
    let redirect = ("ROWLOCK_REDIRECT_LISTEN", "3080");

    for usable in [&[][..], &[certificate, key, url], &[certificate, key, url, redirect, ("ROWLOCK_HSTS_SECONDS", "0")]] {
        assert_eq!(refusal(usable), "", "{usable:?}");
    }
    for (settings, part) in [
        (&[certificate, url][..], "ROWLOCK_TLS_CERTIFICATE needs ROWLOCK_TLS_KEY"),
        (&[key, url], "ROWLOCK_TLS_KEY needs ROWLOCK_TLS_CERTIFICATE"),
        (&[redirect], "ROWLOCK_REDIRECT_LISTEN needs ROWLOCK_TLS_CERTIFICATE"),
        (&[certificate, key], "ROWLOCK_PUBLIC_URL must be the URL for visitors"),
        (&[certificate, key, ("ROWLOCK_PUBLIC_URL", "http://tickets.example")], "but is 'http://tickets.example'"),
        (&[certificate, key, ("ROWLOCK_PUBLIC_URL", "https://tickets.example/shop")], "but is 'https://tickets.example/shop'"),
        (&[certificate, key, ("ROWLOCK_PUBLIC_URL", "https://x; return 200")], "but is 'https://x; return 200'"),
        (&[certificate, key, url, ("ROWLOCK_HSTS_SECONDS", "a year")], "ROWLOCK_HSTS_SECONDS must be a number"),
        (&[certificate, ("ROWLOCK_TLS_KEY", missing.as_str()), url], "The gateway cannot read"),
        (&[certificate, ("ROWLOCK_TLS_KEY", other_key.as_str()), url], "The gateway cannot use the certificate"),
        (&[("ROWLOCK_TLS_CERTIFICATE", key.1), key, url], "The gateway cannot use the certificate"),
    ] {
        let said = refusal(settings);
        assert!(said.contains(part), "{settings:?}: {said}");
    }
}
