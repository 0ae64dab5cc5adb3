//! Tests of which texts are accepted, and in which form.

use super::*;

#[test]
fn names_are_trimmed_and_counted_in_characters() {
    assert_eq!(" Ada ".parse::<PersonName>().unwrap().as_str(), "Ada");
    assert_eq!("🎟️🎉".parse::<PersonName>().unwrap().as_str(), "🎟️🎉");
    assert!("é".repeat(200).parse::<PersonName>().is_ok());
    assert!("é".repeat(201).parse::<PersonName>().is_err());
    assert!("a".repeat(10_000).parse::<PersonName>().is_err());
}

#[test]
fn control_characters_are_refused_everywhere_but_lines_in_a_description() {
    for bad in ["a\0b", "a\nb", "a\u{7f}", "a\u{202e}b"] {
        assert!(bad.parse::<PersonName>().is_err(), "{bad:?}");
        assert!(bad.parse::<Title>().is_err(), "{bad:?}");
        assert!(bad.parse::<SearchTerm>().is_err(), "{bad:?}");
    }
    assert!("first\nsecond".parse::<Description>().is_ok());
    assert!("null\0".parse::<Description>().is_err());
}

#[test]
fn a_password_longer_than_bcrypt_reads_is_refused_by_name() {
    let reason = "x".repeat(73).parse::<Password>().unwrap_err().to_string();
    assert_eq!(reason, "must be at most 72 bytes");
    assert!("é".repeat(37).parse::<Password>().is_err(), "74 bytes in 37 characters");
    assert!("x".repeat(72).parse::<Password>().is_ok());
    assert!("short".parse::<Password>().is_err());
}

#[test]
fn a_password_is_the_same_however_it_is_typed() {
    let expose = |text: &str| text.parse::<Password>().unwrap().expose().to_owned();
    assert_eq!(expose("pa\u{308}sswo\u{308}rd-e\u{301}1"), "pässwörd-é1");
    assert_eq!(expose("pässwörd-é1"), "pässwörd-é1");
    assert_eq!(expose("two\u{a0}ideographic\u{3000}words"), "two ideographic words");
    assert_eq!(expose("ﬁne Ｐａｓｓｗｏｒｄ"), "ﬁne Ｐａｓｓｗｏｒｄ", "compatibility characters stay, as RFC 8265 says");
    assert!("e\u{301}".repeat(7).parse::<Password>().is_err(), "7 characters, typed as 14");
    assert!("e\u{301}".repeat(36).parse::<Password>().is_ok(), "72 bytes, typed as 108");
}

#[test]
fn a_password_is_not_printed() {
    let password: Password = "correct horse".parse().unwrap();
    assert!(!format!("{password:?}").contains("horse"));
}

/// Texts that contain no visible character.
const INVISIBLE: [&str; 14] = [
    "\u{200b}",
    "\u{2060}",
    "\u{3164}",
    "\u{2800}",
    "\u{ad}",
    "\u{34f}",
    "\u{115f}",
    "\u{180e}",
    "\u{200d}",
    "\u{fe0f}",
    "\u{ffa0}",
    "\u{e0041}",
    "\u{301}",
    " \u{200b}\u{2800}\u{3000}\u{200f} ",
];

/// Noncharacter code points.
const NONCHARACTERS: [&str; 5] = ["\u{fffe}", "\u{ffff}", "\u{fdd0}", "\u{1fffe}", "\u{10ffff}"];

fn refused<T: FromStr<Err = InvalidValue>>(text: &str) -> Option<String> {
    text.parse::<T>().err().map(|error| error.to_string())
}

#[test]
fn text_that_shows_nothing_is_refused_everywhere() {
    for text in INVISIBLE {
        assert!(refused::<PersonName>(text).is_some(), "{text:?}");
        assert!(refused::<Title>(text).is_some(), "{text:?}");
        assert!(refused::<Username>(text).is_some(), "{text:?}");
        assert!(refused::<Email>(&format!("{text}@example.org")).is_some() || text == "\u{301}", "{text:?}");
        assert!(refused::<Password>(&text.repeat(8)).is_some(), "{text:?}");
        if !text.trim_matches(visible::is_blank).is_empty() {
            assert_eq!(refused::<Description>(text).unwrap(), "must contain a visible character", "{text:?}");
            assert_eq!(refused::<SearchTerm>(text).unwrap(), "must contain a visible character", "{text:?}");
        }
    }
    assert_eq!(" \u{3000}\u{2800} ".parse::<Description>().unwrap().as_str(), "");
}

#[test]
fn what_is_not_a_character_is_refused_everywhere() {
    for code in NONCHARACTERS {
        let text = format!("long enough{code}");
        let reasons = [
            refused::<PersonName>(&text),
            refused::<Title>(&text),
            refused::<Description>(&text),
            refused::<SearchTerm>(&text),
            refused::<Username>(&format!("ada{code}")),
            refused::<Password>(&text),
            refused::<Email>(&format!("ada{code}@example.org")),
        ];
        for reason in reasons {
            assert_eq!(reason.as_deref(), Some("must not contain code points that are not characters"), "{code:?}");
        }
    }
}

#[test]
fn invisible_characters_stand_only_within_what_they_shape() {
    let visible_sequences = [
        "🎟️ Zoë 山田 👩‍👩‍👧",
        "می‌خواهم",
        "👩‍❤️‍👨",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} fans",
        "1️⃣ first",
        "👍🏽",
        "葛\u{e0100}城",
        "ന്\u{200d}",
        "क्\u{200d}ष",
        "🏳️‍🌈",
        "★\u{fe0e} five",
        "⠏\u{2800}⠗",
    ];
    for text in visible_sequences {
        assert_eq!(text.parse::<PersonName>().map(PersonName::into_string).as_deref(), Ok(text), "{text:?}");
        assert_eq!(text.parse::<Title>().map(Title::into_string).as_deref(), Ok(text), "{text:?}");
    }
    let loose = [
        "eve\u{200b}",
        "\u{200d}eve",
        "eve\u{200d}",
        "eve \u{200d}x",
        "a\u{200d}\u{200d}b",
        "a\u{200c} b",
        "a\u{2060}b",
        "a\u{ad}b",
        "\u{fe0f}a",
        "a \u{fe0f}b",
        "a\u{fe0f}\u{fe0f}b",
        "a\u{e0067}",
        "a\u{e007f}",
        "a\u{3164}b",
        "a\u{200e}b",
        "a\u{200f}",
        "a\u{61c}b",
        "a\u{115f}b",
        "a\u{206a}b",
        "a\u{180e}b",
    ];
    for text in loose {
        assert_eq!(refused::<PersonName>(text).as_deref(), Some("must not contain invisible characters"), "{text:?}");
        assert!(refused::<Username>(text).is_some(), "{text:?}");
    }
    assert!("Pasted\u{ad} from a\u{200b} word processor\u{2060}".parse::<Description>().is_ok());
}

#[test]
fn names_are_composed_and_white_space_in_them_is_one_space() {
    let name = |text: &str| text.parse::<PersonName>().unwrap().into_string();
    assert_eq!(name("Jose\u{301}"), "José");
    assert_eq!(name("\u{3000}山田\u{3000}太郎\u{a0}"), "山田 太郎");
    assert_eq!(name("Ada   \u{2003} Lovelace"), "Ada Lovelace");
    assert_eq!(name(&format!("a{}b", " ".repeat(500))), "a b");
    assert_eq!("Ada  Lovelace\n\n  x".parse::<Description>().unwrap().as_str(), "Ada  Lovelace\n\n  x");
}

#[test]
fn usernames_that_look_the_same_have_one_key() {
    let key = |text: &str| text.parse::<Username>().unwrap().key();
    for (one, other) in [
        ("josé", "jose\u{301}"),
        ("Ada", "aDA"),
        ("ｅｖｅ", "eve"),
        ("ﬁne", "fine"),
        ("STRASSE", "straße"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("①", "1"),
        ("ſam", "sam"),
    ] {
        assert_eq!(key(one), key(other), "{one} {other}");
    }
    for (one, other) in [("jose", "josé"), ("eve", "evé"), ("🎉", "🎊"), ("ı", "i")] {
        assert_ne!(key(one), key(other), "{one} {other}");
    }
    assert_eq!(Username::key_of("eve\u{200b}"), "eve", "one from before the rules");
    for text in [
        "two words",
        "a\u{a0}b",
        "a\u{2800}b",
        "¨",
        "\u{301}a",
        "\u{e000}",
        "a\u{f8ff}",
        "eve\u{200b}",
        "e\u{2060}ve",
        "ev\u{3164}e",
        "می‌خ",
        "",
    ] {
        assert!(refused::<Username>(text).is_some(), "{text:?}");
    }
    for text in ["🎉🎉", "ada_l", "Ω", "हिन्दी", "山田", "o'neil", "&\u{1f1e9}\u{1f1ea}"] {
        assert_eq!(text.parse::<Username>().map(Username::into_string).as_deref(), Ok(text));
    }
}

#[test]
fn addresses_that_reach_the_same_mailbox_have_one_key() {
    let key = |text: &str| text.parse::<Email>().unwrap().lookup_keys().key;
    assert_eq!(key("Ada@Example.org"), "ada@example.org");
    assert_eq!(key("ada@München.example"), "ada@xn--mnchen-3ya.example");
    assert_eq!(key("ada@XN--MNCHEN-3ya.example"), "ada@xn--mnchen-3ya.example");
    assert_eq!(key("ada@mu\u{308}nchen.example"), "ada@xn--mnchen-3ya.example");
    assert_eq!(key("ada@ｅxample.org"), "ada@example.org");
    assert_eq!(key("jose\u{301}@example.org"), key("JOSÉ@example.org"));
    assert_ne!(key("jose@example.org"), key("josé@example.org"));
    assert_eq!("ada@mu\u{308}nchen.example".parse::<Email>().unwrap().as_str(), "ada@münchen.example", "shown as typed, composed");
    for bad in [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada lovelace@example.org",
        "Ada <ada@example.org>",
        &format!("{}@example.org", "a".repeat(300)),
        "ada@exa_mple.org",
        "ada@-example.org",
        "ada@example..org",
        "ada@.org",
        "ada@example.org.",
        "ada@xn--a.example",
        "ad\u{200b}a@example.org",
        "ada@exam\u{ad}ple.org",
        "ada@[127.0.0.1]",
        &format!("ada@{}.org", "x".repeat(64)),
        "a\u{a0}b@example.org",
    ] {
        assert!(refused::<Email>(bad).is_some(), "{bad}");
    }
}

#[test]
fn a_domain_needs_a_dot_unless_local_ones_are_allowed() {
    for local in ["a@gmail", "ada@localhost", "ada@münchen"] {
        let email: Email = local.parse().unwrap();
        assert!(EmailDomains::of_setting(false).admit(email.clone()).unwrap_err().to_string().contains("a dot"), "{local}");
        assert_eq!(EmailDomains::of_setting(true).admit(email.clone()), Ok(email));
    }
    for public in ["a@gmail.com", "a@sub.example.org"] {
        assert!(EmailDomains::Public.admit(public.parse().unwrap()).is_ok(), "{public}");
    }
}

#[test]
fn login_accepts_addresses_from_before_the_rules() {
    for (typed, key) in
        [("a@gmail", "a@gmail"), (" Jose\u{301}@Example.org ", "josé@example.org"), ("ada@München.example", "ada@xn--mnchen-3ya.example")]
    {
        let lookup_keys = typed.parse::<LoginEmail>().unwrap_or_else(|error| panic!("{typed:?} {error}")).lookup_keys();
        assert_eq!((lookup_keys.key.as_str(), lookup_keys.lower), (key, typed.trim().to_lowercase()));
    }
    for bad in ["", "ada", "ada@", "a\0@example.org"] {
        assert!(bad.parse::<LoginEmail>().is_err(), "{bad:?}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Generates arbitrary texts mixed with fragments that the rules treat specially.
    fn text() -> impl Strategy<Value = String> {
        let pieces = [
            "a", "É", "e\u{301}", "ß", "Σ", "İ", "ﬁ", "ｅ", "\u{200d}", "\u{200c}", "\u{fe0f}", "👩", " ", "\u{3000}", "\u{345}", "क्",
            "\u{ad}", "ΐ", "ǰ", "\u{1e9e}",
        ];
        let built = proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..8).prop_map(|pieces| pieces.concat());
        prop_oneof![any::<String>(), built]
    }

    proptest! {
        #[test]
        fn what_was_accepted_is_accepted_again_unchanged(text in text()) {
            if let Ok(name) = text.parse::<PersonName>() {
                prop_assert_eq!(name.as_str().parse::<PersonName>(), Ok(name));
            }
            if let Ok(username) = text.parse::<Username>() {
                prop_assert_eq!(username.as_str().parse::<Username>(), Ok(username));
            }
            if let Ok(description) = text.parse::<Description>() {
                prop_assert_eq!(description.as_str().parse::<Description>(), Ok(description));
            }
            if let Ok(email) = format!("{text}@{text}.example").parse::<Email>() {
                prop_assert_eq!(email.as_str().parse::<Email>(), Ok(email));
            }
        }

        #[test]
        fn the_comparison_key_is_idempotent(text in text()) {
            let key = Username::key_of(&text);
            prop_assert_eq!(&Username::key_of(&key), &key);
            prop_assert_eq!(Username::key_of(&text.nfd().collect::<String>()), Username::key_of(&text.nfc().collect::<String>()));
            let key = EmailLookupKeys::of(&format!("{text}@{text}.example")).key;
            prop_assert_eq!(&EmailLookupKeys::of(&key).key, &key);
        }

        #[test]
        fn the_key_of_ascii_text_is_its_lower_case(username in "[!-~]{1,64}", email in "[!-?A-~]{1,20}@[ -~]{1,20}") {
            prop_assert_eq!(Username::key_of(&username), username.to_lowercase());
            prop_assert_eq!(EmailLookupKeys::of(&email).key, email.to_lowercase());
        }
    }
}

#[test]
fn a_search_has_words_however_they_are_spaced() {
    let words =
        |text: &str| text.parse::<SearchTerm>().unwrap().words().into_iter().map(|word| word.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(words("  Café\u{a0}Müller  Café\u{3000}50% "), ["Café", "Müller", "50%"]);
    assert_eq!(words(" \u{2003} "), Vec::<String>::new());
    let place = |word: &str| word.parse::<SearchTerm>().unwrap().words()[0].match_position();
    assert!(["bar", "ﬃ", "...", "東京都"].map(place).iter().all(|place| *place == MatchPosition::Anywhere));
    assert!(["u2", "u\u{308}2", "й", "5%"].map(place).iter().all(|place| *place == MatchPosition::WordStart));
    assert!(["%", "🎟", "東京", "—"].map(place).iter().all(|place| *place == MatchPosition::AnywhereUnindexed));
}
