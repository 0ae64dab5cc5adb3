use std::collections::BTreeMap;
use std::io::Read as _;

use chrono_tz::Tz;
use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rowlock_domain::ids::{BookingId, EventId, TicketId};
use rowlock_domain::tickets::TicketNumber;
use uuid::Uuid;
use x509_cert::Certificate;
use x509_cert::der::oid::db::rfc5911;
use x509_cert::der::{Decode as _, Encode as _};

use super::*;

const CERTIFICATE: &str = include_str!("testdata/pass.pem");
const OTHER_CERTIFICATE: &str = include_str!("testdata/other.pem");
const KEY: &str = include_str!("testdata/key.pem");
const KEY_PKCS1: &str = include_str!("testdata/key-pkcs1.pem");
const OTHER_KEY: &str = include_str!("testdata/other-key.pem");

fn issuer() -> PassIssuer {
    PassIssuer::new(&format!("{CERTIFICATE}{OTHER_CERTIFICATE}"), KEY, "Old Harbor Hall".to_owned()).unwrap()
}

fn ticket() -> PassTicket {
    PassTicket {
        ticket: TicketId {
            event: EventId::from_uuid(Uuid::from_u128(2)),
            booking: BookingId::from_uuid(Uuid::from_u128(3)),
            number: TicketNumber::new(4).unwrap(),
        },
        code: "CODE".to_owned(),
        event_name: "Große Nacht der Musik".to_owned(),
        starts_at: Some("2026-08-14T18:00:00Z".parse().unwrap()),
        zone: Tz::Europe__Berlin,
        venue: None,
        holder_name: "Ευγενία \"Ж\"".to_owned(),
        ticket_type: "Standing".to_owned(),
    }
}

fn now() -> Timestamp {
    "2026-08-01T12:30:00Z".parse().unwrap()
}

/// Unpacks an archive as a phone would.
fn unpack(pass: Vec<u8>) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(pass)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            (file.name().unwrap().into_owned(), content)
        })
        .collect()
}

fn json(file: &[u8]) -> Value {
    serde_json::from_slice(file).unwrap()
}

#[test]
fn the_list_of_hashes_has_every_other_file() {
    let files = unpack(issuer().issue(&ticket(), Language::English, now()).unwrap());
    let manifest = json(&files["manifest.json"]);
    let manifest = manifest.as_object().unwrap();
    let listed: Vec<&String> = files.keys().filter(|name| !["manifest.json", "signature"].contains(&name.as_str())).collect();
    assert_eq!(manifest.keys().collect::<Vec<_>>(), listed);
    assert_eq!(listed, ["icon.png", "icon@2x.png", "icon@3x.png", "pass.json"]);
    for (name, hash) in manifest {
        assert_eq!(hash, &hex(&Sha1::digest(&files[name])), "{name}");
    }
}

#[test]
fn the_signature_is_that_of_the_certificate() {
    let files = unpack(issuer().issue(&ticket(), Language::English, now()).unwrap());
    let signed: SignedData = ContentInfo::from_der(&files["signature"]).unwrap().content.decode_as().unwrap();
    assert!(signed.encap_content_info.econtent.is_none(), "the signature is detached");
    assert_eq!(signed.certificates.as_ref().unwrap().0.len(), 2);
    let [info] = signed.signer_infos.0.as_slice() else { panic!("one signer") };
    let attributes = info.signed_attrs.as_ref().unwrap();
    let attribute = |oid| attributes.iter().find(|attribute| attribute.oid == oid).unwrap().values.get(0).unwrap();
    assert_eq!(attribute(rfc5911::ID_MESSAGE_DIGEST).value(), sha2::Sha256::digest(&files["manifest.json"]).as_slice());
    assert_eq!(attribute(rfc5911::ID_SIGNING_TIME).value(), b"260801123000Z");
    let certificate = Certificate::load_pem_chain(CERTIFICATE.as_bytes()).unwrap().remove(0);
    let key = certificate.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes().to_vec();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    key.verify(&attributes.to_der().unwrap(), info.signature.as_bytes()).unwrap();
}

#[test]
fn the_content_names_the_event_the_holder_and_the_pass_type() {
    let content = |ticket, language| json(&unpack(issuer().issue(&ticket, language, now()).unwrap())["pass.json"]);
    let pass = content(ticket(), Language::English);
    assert_eq!(pass["passTypeIdentifier"], "pass.org.example.rowlock");
    assert_eq!(pass["teamIdentifier"], "A1B2C3D4E5");
    assert_eq!(pass["organizationName"], "Old Harbor Hall");
    assert_eq!(pass["serialNumber"], "00000000-0000-0000-0000-000000000003-4");
    assert_eq!(pass["relevantDate"], "2026-08-14T20:00:00+02:00");
    assert_eq!(pass["barcodes"][0]["message"], "CODE");
    let fields = &pass["eventTicket"];
    assert_eq!(fields["primaryFields"][0]["value"], "Große Nacht der Musik");
    assert_eq!(fields["secondaryFields"], serde_json::json!([{"key": "when", "label": "When", "value": "Friday, 14 August 2026, 20:00"}]));
    assert_eq!(fields["auxiliaryFields"][1]["value"], "Ευγενία \"Ж\"");
    let german = content(PassTicket { venue: Some("Hamburg".to_owned()), starts_at: None, ..ticket() }, Language::German);
    let fields = &german["eventTicket"]["secondaryFields"];
    assert_eq!((&fields[0]["value"], &fields[1]["label"]), (&Value::from("Der Termin wird noch bekannt gegeben."), &Value::from("Wo")));
    assert!(german.get("relevantDate").is_none());
}

#[test]
fn a_certificate_and_a_key_that_do_not_fit_are_rejected() {
    let error = |certificates: &str, key: &str| PassIssuer::new(certificates, key, String::new()).unwrap_err();
    assert!(matches!(error("", KEY), CertificateError::Certificates));
    assert!(matches!(error(KEY, KEY), CertificateError::Certificates));
    assert!(matches!(error(OTHER_CERTIFICATE, KEY), CertificateError::NoPassType));
    assert!(matches!(error(CERTIFICATE, ""), CertificateError::Key));
    assert!(matches!(error(CERTIFICATE, CERTIFICATE), CertificateError::Key));
    assert!(matches!(error(CERTIFICATE, OTHER_KEY), CertificateError::OtherKey));
    assert!(PassIssuer::new(CERTIFICATE, KEY_PKCS1, String::new()).is_ok());
}
