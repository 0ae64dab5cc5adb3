//! Tests of the parameters of database URLs.

use tokio_postgres::config::TargetSessionAttrs;

use super::*;

fn parse(parameters: &str) -> Result<DatabaseUrl, UrlError> {
    DatabaseUrl::parse(&format!("postgres://us%40er:p%2Fw@db.example:5433/d?{parameters}").into())
}

fn only_server(url: &DatabaseUrl) -> &Config {
    let [server] = &url.servers[..] else { panic!("not one server: {url:?}") };
    server
}

fn trust(parameters: &str) -> Option<(SslMode, Trust)> {
    let parsed = parse(parameters).unwrap();
    let mode = only_server(&parsed).get_ssl_mode();
    parsed.encryption.map(|encryption| (mode, encryption.trust))
}

#[test]
fn the_other_parts_of_a_url_are_unchanged() {
    let parsed = parse("application_name=a%20b&sslmode=verify-full&sslrootcert=%2Fca%20file&connect_timeout=7").unwrap();
    let config = only_server(&parsed);
    assert_eq!((config.get_user(), config.get_password(), config.get_dbname()), (Some("us@er"), Some(&b"p/w"[..]), Some("d")));
    assert_eq!((config.get_hosts(), config.get_ports()), (&[Host::Tcp("db.example".to_owned())][..], &[5433][..]));
    assert_eq!((config.get_application_name(), config.get_connect_timeout().unwrap().as_secs()), (Some("a b"), 7));
    assert_eq!(parsed.encryption.clone().unwrap().trust, Trust::ChainAndName("/ca file".into()));
    assert_eq!((config.get_keepalives_idle().as_secs(), config.get_keepalives_retries()), (10, Some(3)));
    assert_eq!(only_server(&parse("keepalives_idle=99").unwrap()).get_keepalives_idle().as_secs(), 99);
}

#[test]
fn a_url_can_name_several_servers() {
    let parsed = |url: &str| DatabaseUrl::parse(&url.into()).map(|url| url.servers);
    let servers = parsed("postgres://us%40er:p%2Fw@db-a,db-b:5433,[::1]:5434/d?connect_timeout=7").unwrap();
    let hosts: Vec<_> = servers.iter().map(|server| (server.get_hosts().to_vec(), server.get_ports().to_vec())).collect();
    let tcp = |host: &str| vec![Host::Tcp(host.to_owned())];
    assert_eq!(hosts, [(tcp("db-a"), vec![5432]), (tcp("db-b"), vec![5433]), (tcp("::1"), vec![5434])]);
    for server in servers {
        assert_eq!((server.get_user(), server.get_password(), server.get_dbname()), (Some("us@er"), Some(&b"p/w"[..]), Some("d")));
        assert_eq!(server.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
    }
    let attributes = |url: &str| parsed(url).unwrap().iter().map(Config::get_target_session_attrs).collect::<Vec<_>>();
    assert_eq!(attributes("postgres://db-a/d"), [TargetSessionAttrs::Any]);
    assert_eq!(attributes("postgres://db-a/d?target_session_attrs=read-write"), [TargetSessionAttrs::ReadWrite]);
    assert_eq!(attributes("postgres://db-a,db-b/d?target_session_attrs=any"), [TargetSessionAttrs::Any; 2]);
    for url in [
        "postgres://db-a,/d",
        "postgres://,db-a/d",
        "postgres://u@db-a,,db-b/d",
        "postgres://db-a,db-b:x/d",
        "db-a,db-b",
        "mysql://db-a/d",
        "postgres:///d",
    ] {
        assert_eq!(parsed(url).unwrap_err(), UrlError::Malformed, "{url}");
    }
}

#[test]
fn without_sslmode_a_connection_is_not_encrypted() {
    for parameters in ["", "sslmode=", "sslmode=disable", "sslmode=disable&sslrootcert=/ca", "channel_binding=prefer", "sslrootcert="] {
        let parsed = parse(parameters).unwrap();
        assert_eq!((&parsed.encryption, only_server(&parsed).get_ssl_mode()), (&None, SslMode::Disable), "{parameters}");
    }
}

#[test]
fn each_mode_verifies_what_libpq_verifies() {
    let chain = || Trust::Chain("/ca".into());
    for (parameters, expected) in [
        ("sslmode=prefer", (SslMode::Prefer, Trust::Unverified)),
        ("sslmode=prefer&sslrootcert=/ca", (SslMode::Prefer, chain())),
        ("sslmode=require", (SslMode::Require, Trust::Unverified)),
        ("sslmode=require&sslrootcert=/ca", (SslMode::Require, chain())),
        ("sslmode=verify-ca&sslrootcert=/ca", (SslMode::Require, chain())),
        ("sslrootcert=/ca&sslmode=verify-full", (SslMode::Require, Trust::ChainAndName("/ca".into()))),
        ("sslmode=verify-full&sslrootcert=system", (SslMode::Require, Trust::System)),
        ("sslrootcert=system", (SslMode::Require, Trust::System)),
        ("sslmode=require&sslmode=prefer", (SslMode::Prefer, Trust::Unverified)),
    ] {
        assert_eq!(trust(parameters), Some(expected), "{parameters}");
    }
}

#[test]
fn a_unix_socket_is_never_encrypted() {
    let socket = DatabaseUrl::parse(&"postgres://u@%2Frun%2Fpostgresql/d?sslmode=require".into()).unwrap();
    assert_eq!((&socket.encryption, only_server(&socket).get_ssl_mode()), (&None, SslMode::Disable));
}

#[test]
fn channel_binding_is_passed_on() {
    for (parameters, expected) in [
        ("sslmode=require", ChannelBinding::Prefer),
        ("sslmode=require&channel_binding=require", ChannelBinding::Require),
        ("sslmode=prefer&channel_binding=disable", ChannelBinding::Disable),
    ] {
        assert_eq!(only_server(&parse(parameters).unwrap()).get_channel_binding(), expected, "{parameters}");
    }
}

#[test]
fn errors_name_the_parameter_and_not_the_password() {
    let missing = "sslmode=verify-ca&sslrootcert=/does/not/exist";
    for (parameters, name) in [
        ("sslmode=allow", SSLMODE),
        ("sslmode=require&sslrootcert=system", SSLMODE),
        ("sslmode=verify-ca", SSLROOTCERT),
        ("sslmode=verify-ca&sslrootcert=system", SSLMODE),
        ("sslmode=verify-full", SSLROOTCERT),
        ("sslrootcert=/ca", SSLROOTCERT),
        ("sslcert=/c&sslkey=/k", SSLCERT),
        ("sslmode=require&sslcert=/c", SSLKEY),
        ("sslmode=require&sslkey=/k", SSLCERT),
        ("sslmode=%FF", SSLMODE),
        ("channel_binding=require", CHANNEL_BINDING),
        ("sslmode=require&channel_binding=yes", CHANNEL_BINDING),
        (missing, SSLROOTCERT),
        ("sslmode=require&sslcert=/does/not/exist&sslkey=/k", SSLCERT),
    ] {
        let url = format!("postgres://user:hunter2@db.example/d?{parameters}").into();
        let error = check_url(&url).unwrap_err();
        assert!(matches!(&error, UrlError::Encryption { name: found, .. } if *found == name), "{parameters}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    assert!(check_url(&format!("postgres://u@h/d?{missing}").into()).unwrap_err().to_string().contains("/does/not/exist"));
    for url in
        ["postgres://user:hunter2@h:99999/d", "postgres://user:hunter2@h/d?sslcrl=/crl", "postgres://user:hunter2@h/d?connect_timeout=x"]
    {
        let error = check_url(&url.into()).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(check_url(&"postgres://u@h/d?sslcrl=/crl".into()).unwrap_err().to_string().contains("sslcrl"));
}

#[test]
fn files_without_certificates_or_keys_are_named() {
    let made = rcgen::generate_simple_self_signed(["db.example".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let certificate = file("certificate.pem", &made.cert.pem());
    let key = file("key.pem", &made.signing_key.serialize_pem());
    let check = |root: &str, certificate: &str, key: &str| {
        check_url(&format!("postgres://u@h/d?sslmode=verify-full&sslrootcert={root}&sslcert={certificate}&sslkey={key}").into())
    };
    assert_eq!(check(&certificate, &certificate, &key), Ok(()));
    let other = file("other.pem", &rcgen::KeyPair::generate().unwrap().serialize_pem());
    for (result, name, path) in [
        (check(&key, &certificate, &key), SSLROOTCERT, &key),
        (check(&certificate, &key, &key), SSLCERT, &key),
        (check(&certificate, &certificate, &certificate), SSLKEY, &certificate),
        (check(&certificate, &certificate, &other), SSLCERT, &certificate),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(&format!("the parameter {name} names the file {path}, which ")), "{error}");
        assert!(!error.contains("PRIVATE"), "{error}");
    }
}
