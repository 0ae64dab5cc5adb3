//! Event search: it finds what organizers wrote, however either side spells it.

use rowlock_test_support::system::{Plan, System};
use serde_json::json;

use crate::support::{each, read_all};

/// Percent-encodes a text for a query string.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
}

/// Returns the names of the events that a search finds, after checking that the public and administrators get the same.
async fn found(system: &System, term: &str) -> Vec<String> {
    let query = format!("q={}&when=all", encoded(term));
    let mut names = each(&read_all(&system.visitor(), &format!("/api/events?{query}"), 2).await, "name");
    let mut listed = each(&read_all(&system.admin().client, &format!("/admin/events?status=published&{query}"), 2).await, "name");
    names.sort();
    listed.sort();
    assert_eq!(names, listed, "{term}: the public and administrators search alike");
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_ignores_case_accents_word_order_and_typography() {
    let system = Plan::default().workers(0).start().await;
    for (name, venue, description) in [
        ("Café Müller", "Straße des 17. Juni", "Tanztheater — ein Stück"),
        ("Rock ’n’ Roll", "L’Olympia", "Said “loud”"),
        ("Łódź Ærø Þing", "København", "ﬁne wine, Ｆｕｌｌ ｗｉｄｔｈ"),
        ("Ἀθῆναι Ὀδυσσεύς", "ΘΕΑΤΡΟ", "…"),
        ("Йога для всех", "Москва", "Ёлка"),
        ("🎟\u{fe0f} Emoji night", "東京ドーム", "U2 at 50% off_now"),
    ] {
        system.event_like(json!({"name": name, "venue": venue, "description": description, "totalTickets": 1})).await;
    }
    let [cafe, rock, latin, greek, cyrillic, emoji] =
        ["Café Müller", "Rock ’n’ Roll", "Łódź Ærø Þing", "Ἀθῆναι Ὀδυσσεύς", "Йога для всех", "🎟\u{fe0f} Emoji night"];
    for (term, name) in [
        ("cafe muller", cafe),
        ("CAFÉ MÜLLER", cafe),
        ("Cafe\u{301} Mu\u{308}ller", cafe),
        ("Müller Café", cafe),
        ("  Café \u{a0}\u{3000} Müller ", cafe),
        ("strasse", cafe),
        ("STRASSE", cafe),
        ("STRAẞE", cafe),
        ("juni muller tanz", cafe),
        ("ülle", cafe),
        ("theater - stuck", cafe),
        ("rock 'n' roll", rock),
        ("l'olympia", rock),
        ("L´Olympia", rock),
        ("\"loud\"", rock),
        ("lodz", latin),
        ("aero thing", latin),
        ("kobenhavn", latin),
        ("fine full width", latin),
        ("αθηναι", greek),
        ("ΟΔΥΣΣΕΥΣ", greek),
        ("οδυσσευς θεατρο", greek),
        ("θέατρο ...", greek),
        ("йога", cyrillic),
        ("елка МОСКВА", cyrillic),
        ("🎟", emoji),
        ("🎟\u{fe0f} night", emoji),
        ("東京", emoji),
        ("u2", emoji),
        ("50%", emoji),
        ("f_n", emoji),
        ("u 5 %", emoji),
        ("at u", emoji),
        ("京", emoji),
    ] {
        assert_eq!(found(&system, term).await, [name], "{term}");
    }
    for term in ["cafe roll", "muller\\", "caf_", "caf%", "%afe", "r.ck", "olympia’l", "🎭", "zq", "%%", "strase"] {
        assert_eq!(found(&system, term).await, Vec::<String>::new(), "{term}");
    }
    for term in ["", " ", "\u{a0} \u{2003}"] {
        assert_eq!(found(&system, term).await.len(), 6, "{term:?} has no word to look for");
    }
    system.visitor().get("/api/events?q=%E2%80%8B").await.refused(422, "invalid-input");
    // The longest possible terms, of words without and with trigrams.
    assert_eq!(found(&system, &"u2 ".repeat(60)).await, [emoji]);
    let pairs = ('a'..='z').flat_map(|first| ('a'..='c').map(move |second| format!("{first}{second}")));
    assert_eq!(found(&system, &pairs.take(66).collect::<Vec<_>>().join(" ")).await, Vec::<String>::new());
    let words = ('a'..='z').map(|letter| letter.to_string().repeat(3)).chain(('a'..='x').map(|letter| letter.to_string().repeat(3) + "y"));
    assert_eq!(found(&system, &words.take(40).collect::<Vec<_>>().join(" ")).await, Vec::<String>::new());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_changed_texts() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event_like(json!({"name": "Jazz", "venue": "Alte Brücke", "totalTickets": 1})).await;
    let path = format!("/admin/events/{}", event["id"].as_str().unwrap());
    assert_eq!(found(&system, "brucke").await, ["Jazz"]);
    system.admin().client.patch(&path, json!({"venue": null, "description": "Am Fluß"})).await.expect(200);
    assert_eq!((found(&system, "brucke").await, found(&system, "fluss jazz").await), (vec![], vec!["Jazz".to_owned()]));
    system.stop().await;
}
