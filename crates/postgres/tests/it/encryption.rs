//! Tests of `sslmode` and the other parameters for encrypted connections, with right and wrong certificates.

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowlock_postgres::{ConnectionLimits, DatabaseError, build_pool, checkout, connect};
use rowlock_test_support::database::DATABASE_ENV;
use rowlock_test_support::postgres_server::{PASSWORD, PostgresServer};
use rowlock_test_support::tls::{Authority, Issued, TlsTerminator, server_config};
use tempfile::TempDir;

/// A folder with the certificates that a client uses.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file and returns its path.
    fn write(&self, name: &str, content: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Writes a certificate with its key, and returns the parameters that name them.
    fn identity(&self, issued: &Issued) -> String {
        format!("sslcert={}&sslkey={}", self.write("client.crt", &issued.certificate), self.write("client.key", &issued.key))
    }
}

fn test_server() -> String {
    std::env::var(DATABASE_ENV).unwrap()
}

async fn open(url: &str) -> Result<AsyncPgConnection, DatabaseError> {
    connect(&url.into(), ConnectionLimits::default(), "a test").await
}

/// Opens a connection through a terminator, with these parameters, and uses it.
async fn open_through(server: &TlsTerminator, parameters: &str) -> Result<(), DatabaseError> {
    // The name is in the certificate, but it may have other addresses.
    let mut url = server.url.clone();
    url.set_query(Some(&format!("{parameters}&hostaddr=127.0.0.1")));
    open(url.as_str()).await?.batch_execute("SELECT 1").await.map_err(DatabaseError::from)
}

/// Connects with each mode, and checks whether the result is a connection or an error that contains a text.
async fn check(server: &TlsTerminator, authority: &str, expected: [Option<&str>; 5]) {
    let modes = ["prefer", "require", "require&sslrootcert=", "verify-ca&sslrootcert=", "verify-full&sslrootcert="];
    for (mode, expected) in modes.into_iter().zip(expected) {
        let before = server.encrypted();
        let parameters = if mode.ends_with('=') { format!("sslmode={mode}{authority}") } else { format!("sslmode={mode}") };
        match (open_through(server, &parameters).await, expected) {
            (Ok(()), None) => assert_eq!(server.encrypted(), before + 1, "{mode} is encrypted"),
            (Err(error), Some(text)) => {
                let error = error.to_string();
                assert!(error.contains("error performing TLS handshake") && error.contains(text), "{mode}: {error}");
            }
            (result, expected) => panic!("{mode}: {result:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn each_mode_accepts_and_rejects_the_certificates_that_libpq_does() {
    let (files, ours, other) = (Files::new(), Authority::new("ours"), Authority::new("other"));
    let authority = files.write("ours.crt", &ours.certificate);
    let (unknown, expired, name) = (Some("UnknownIssuer"), Some("expired"), Some("not valid for name"));
    for (certificate, expected) in [
        (ours.issue("localhost"), [None; 5]),
        (ours.issue("db.example"), [None, None, None, None, name]),
        (ours.issue_expired("localhost"), [None, None, expired, expired, expired]),
        (other.issue("localhost"), [None, None, unknown, unknown, unknown]),
    ] {
        let server = TlsTerminator::in_front_of_postgres(&test_server(), server_config(&certificate, None)).await;
        check(&server, &authority, expected).await;
    }
}

#[tokio::test]
async fn an_address_in_the_url_must_be_in_the_certificate() {
    let (files, ours) = (Files::new(), Authority::new("ours"));
    let verified = format!("sslmode=verify-full&sslrootcert={}", files.write("ours.crt", &ours.certificate));
    for (name, is_right) in [("127.0.0.1", true), ("127.0.0.2", false), ("localhost", false)] {
        let mut server = TlsTerminator::in_front_of_postgres(&test_server(), server_config(&ours.issue(name), None)).await;
        server.url.set_host(Some("127.0.0.1")).unwrap();
        assert_eq!(open_through(&server, &verified).await.is_ok(), is_right, "{name}");
    }
}

#[tokio::test]
async fn only_prefer_falls_back_to_an_unencrypted_connection() {
    let (files, ours) = (Files::new(), Authority::new("ours"));
    let authority = files.write("ours.crt", &ours.certificate);
    let server = TlsTerminator::refusing_in_front_of_postgres(&test_server()).await;
    open_through(&server, "sslmode=prefer").await.unwrap();
    for mode in ["require", &format!("verify-ca&sslrootcert={authority}"), "verify-full&sslrootcert=system"] {
        let error = open_through(&server, &format!("sslmode={mode}")).await.unwrap_err().to_string();
        assert!(error.contains("server does not support TLS"), "{mode}: {error}");
    }
    assert_eq!(server.encrypted(), 0);
}

#[tokio::test]
async fn authorities_of_the_operating_system_do_not_include_ours() {
    let ours = Authority::new("ours");
    let server = TlsTerminator::in_front_of_postgres(&test_server(), server_config(&ours.issue("localhost"), None)).await;
    let error = open_through(&server, "sslrootcert=system").await.unwrap_err().to_string();
    // A machine without any certificates cannot verify the server either.
    assert!(error.contains("UnknownIssuer") || error.contains("no trusted certificates"), "{error}");
}

#[tokio::test]
async fn a_client_certificate_is_presented() {
    let (files, ours, other) = (Files::new(), Authority::new("ours"), Authority::new("other"));
    let verified = format!("sslmode=verify-full&sslrootcert={}", files.write("ours.crt", &ours.certificate));
    let server = TlsTerminator::in_front_of_postgres(&test_server(), server_config(&ours.issue("localhost"), Some(&ours))).await;
    assert!(open_through(&server, &verified).await.is_err(), "without a certificate");
    let foreign = format!("{verified}&{}", files.identity(&other.issue("client")));
    assert!(open_through(&server, &foreign).await.is_err(), "with the certificate of another authority");
    assert_eq!(server.encrypted(), 0);
    let right = format!("{verified}&{}", files.identity(&ours.issue("client")));
    open_through(&server, &right).await.unwrap();
    assert_eq!(server.encrypted(), 1);
}

#[tokio::test]
async fn a_pool_encrypts_its_connections_and_uses_replaced_certificates() {
    let (files, ours, other) = (Files::new(), Authority::new("ours"), Authority::new("other"));
    let server = TlsTerminator::in_front_of_postgres(&test_server(), server_config(&ours.issue("localhost"), None)).await;
    let mut url = server.url.clone();
    let authority = files.write("authority.crt", &other.certificate);
    url.set_query(Some(&format!("sslmode=verify-full&sslrootcert={authority}&hostaddr=127.0.0.1")));
    let pool = build_pool(&url.as_str().into(), 2, ConnectionLimits::default(), "a test").unwrap();
    let error = checkout(&pool).await.err().unwrap().to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");
    files.write("authority.crt", &ours.certificate);
    let (first, second) = (checkout(&pool).await.unwrap(), checkout(&pool).await.unwrap());
    assert_eq!(server.encrypted(), 2);
    drop((first, second));
}

#[derive(QueryableByName)]
struct Session {
    #[diesel(sql_type = Bool)]
    ssl: bool,
    #[diesel(sql_type = Text)]
    client: String,
}

async fn session(url: &str) -> Session {
    let mut conn = open(url).await.unwrap();
    let sql = "SELECT ssl, coalesce(client_dn, '') AS client FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    diesel::sql_query(sql).get_result(&mut conn).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_with_ssl_accepts_channel_binding_and_a_client_certificate() {
    let (ours, clients) = (Authority::new("ours"), Authority::new("clients"));
    let issued = ours.issue("localhost");
    let files = [
        ("server.crt", issued.certificate.as_str()),
        ("server.key", &issued.key),
        ("clients.crt", &clients.certificate),
        ("pg_hba.conf", "hostssl all certified 127.0.0.1/32 cert\nhostssl all postgres 127.0.0.1/32 scram-sha-256\n"),
    ];
    let server = PostgresServer::start(&["ssl=on", "ssl_ca_file=clients.crt"], &files).await;
    let url =
        |user: &str, parameters: &str| format!("postgres://{user}@localhost:{}/postgres?{parameters}&hostaddr=127.0.0.1", server.port());
    let authority = server.file("authority.crt", &ours.certificate);
    let verified = format!("sslmode=verify-full&sslrootcert={authority}");
    let superuser = format!("postgres:{PASSWORD}");

    for binding in ["require", "prefer", "disable"] {
        let found = session(&url(&superuser, &format!("{verified}&channel_binding={binding}"))).await;
        assert!(found.ssl && found.client.is_empty(), "{binding}");
    }
    let error = open(&url(&superuser, "")).await.err().unwrap().to_string();
    assert!(error.contains("no encryption"), "{error}");

    let mut conn = open(&url(&superuser, &verified)).await.unwrap();
    conn.batch_execute("CREATE ROLE certified LOGIN").await.unwrap();
    let issued = clients.issue("certified");
    let identity = format!("sslcert={}&sslkey={}", server.file("client.crt", &issued.certificate), server.file("client.key", &issued.key));
    let found = session(&url("certified", &format!("{verified}&{identity}"))).await;
    assert!(found.ssl && found.client.contains("certified"), "{}", found.client);
    let error = open(&url("certified", &verified)).await.err().unwrap().to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn channel_binding_can_be_required() {
    let ours = Authority::new("ours");
    // The terminator has a certificate of its own, and the server behind it does not see the encryption.
    let server = TlsTerminator::in_front_of_postgres(&test_server(), server_config(&ours.issue("localhost"), None)).await;
    let error = open_through(&server, "sslmode=require&channel_binding=require").await.unwrap_err().to_string();
    assert!(error.contains("did not use channel binding"), "{error}");
}
