//! Tests of the encoding. The values of the test vector are also in `docs/queue-log.md`.

use super::*;
use crate::ids::{EventId, TicketTypeId};

fn key() -> TypeKey {
    TypeKey {
        event: "0192f0c1-2345-7abc-8def-0123456789ab".parse::<EventId>().unwrap(),
        ticket_type: "0192f0c1-2345-7abc-8def-0123456789ac".parse::<TicketTypeId>().unwrap(),
    }
}

fn at(micros: i64) -> Timestamp {
    chrono::DateTime::from_timestamp_micros(micros).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Two records that the documentation shows.
fn vector() -> [QueueLogRecord; 2] {
    let mut head = QueueLogHead::START;
    let joined = QueueChange::waits(QueueLogKind::Joined, 1, PartySize { quantity: 4, min_quantity: 2 });
    [
        head.append(key(), at(1_795_000_000_123_456), joined),
        head.append(key(), at(1_795_000_060_000_000), QueueChange::promoted(1, 3, 3, 10)),
    ]
}

#[test]
fn the_documented_test_vector_is_what_the_code_computes() {
    let guide = include_str!("../../../../docs/queue-log.md");
    let [first, second] = vector();
    let bytes = |previous, record: &QueueLogRecord| hex(&encode(previous, key(), record.position, record.recorded_at, &record.change));
    let encoded = [bytes(QueueLogHash::START, &first), bytes(first.hash, &second)];
    assert!(encoded.iter().all(|bytes| bytes.len() == 2 * ENCODED_LENGTH));
    for shown in encoded.into_iter().chain([first, second].iter().map(|record| serde_json::to_string(record).unwrap())) {
        assert!(guide.contains(&shown), "docs/queue-log.md does not show {shown}");
    }
    assert!(guide.contains(&first.hash.to_string()) && guide.contains(&second.hash.to_string()));
}

#[test]
fn the_bytes_have_fixed_places() {
    let change = QueueChange::moved(0x0102, 0x0304, PartySize { quantity: 5, min_quantity: 6 });
    let previous = QueueLogHash::from_bytes([0xAA; 32]);
    let bytes = encode(previous, key(), 7, at(8), &change);
    let zeros = |count: usize| "00".repeat(count);
    let expected = [
        "aa".repeat(32),
        "01".to_owned(),
        "0192f0c123457abc8def0123456789ab".to_owned(),
        "0192f0c123457abc8def0123456789ac".to_owned(),
        zeros(7) + "07",
        "03".to_owned(),
        zeros(7) + "08",
        zeros(6) + "0304",
        zeros(6) + "0102",
        zeros(3) + "05",
        zeros(3) + "06",
        zeros(8),
    ];
    assert_eq!(hex(&bytes), expected.concat());
    let promoted = encode(previous, key(), 7, at(8), &QueueChange::promoted(9, 1, 2, 3));
    assert_eq!(hex(&promoted[98..]), ["00000001", "00000000", "00000002", "00000003"].concat());
}

#[test]
fn every_kind_has_a_code_of_its_own() {
    let codes: Vec<u8> = QueueLogKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes, (1..=10).collect::<Vec<u8>>());
}

#[test]
fn a_hash_survives_the_way_to_text_and_back() {
    let hash = vector()[1].hash;
    assert_eq!(hash.to_string().parse(), Ok(hash));
    assert_eq!(hash.to_string().to_uppercase().parse(), Ok(hash));
    for bad in ["", "00", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32), &format!("+{}", "0".repeat(63))] {
        assert_eq!(bad.parse::<QueueLogHash>(), Err(InvalidHash), "{bad}");
    }
}

#[test]
fn a_record_survives_the_way_to_json_and_back() {
    for record in vector() {
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<QueueLogRecord>(&json).unwrap(), record);
    }
    let mut start = QueueLogHead::START;
    let left = start.append(key(), at(1), QueueChange::of(QueueLogKind::Left, 3));
    let mut fields: Vec<String> = serde_json::to_value(left).unwrap().as_object().unwrap().keys().cloned().collect();
    fields.sort();
    assert_eq!(fields, ["hash", "kind", "number", "position", "recordedAt"]);
}
