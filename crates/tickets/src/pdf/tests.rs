use rowlock_domain::ids::{BookingId, EventId, TicketId};
use rowlock_domain::tickets::TicketNumber;
use uuid::Uuid;

use super::text::{ELLIPSIS, Faces};
use super::*;
use crate::keys::TicketSigner;

fn booking(count: u16) -> PrintedBooking {
    let signer = TicketSigner::from_seed(&[1; 32]);
    let ticket = |number: u16| {
        let number = TicketNumber::new(number.into()).unwrap();
        let (event, booking) = (EventId::from_uuid(Uuid::from_u128(2)), BookingId::from_uuid(Uuid::from_u128(3)));
        let ticket = TicketId { event, booking, number };
        PrintedTicket { reference: ticket.reference(), code: signer.sign(ticket) }
    };
    PrintedBooking {
        event_name: "Große Nacht der Musik".to_owned(),
        starts_at: Some("2026-08-14T18:00:00Z".parse().unwrap()),
        zone: Tz::Europe__Berlin,
        venue: Some("Elbphilharmonie, Platz der Deutschen Einheit 1, Hamburg".to_owned()),
        holder_name: "Ευγενία Ковалёва-Nuñez".to_owned(),
        ticket_type: "Standing, front".to_owned(),
        tickets: (0..count).map(ticket).collect(),
    }
}

fn pages(file: &[u8]) -> usize {
    let text = String::from_utf8_lossy(file).replace("/Type /", "/Type/");
    text.matches("/Type/Page").count() - text.matches("/Type/Pages").count()
}

#[test]
fn each_ticket_has_a_page() {
    let printer = PdfPrinter::new().unwrap();
    for language in [Language::English, Language::German] {
        for count in [0, 1, 3, 100] {
            let file = printer.print(&booking(count), language).unwrap();
            assert!(file.starts_with(b"%PDF-") && file.ends_with(b"%%EOF"), "{count}");
            if count > 0 {
                assert_eq!(pages(&file), usize::from(count));
            }
            assert!(file.len() < 60_000 + usize::from(count) * 12_000, "{count} tickets: {} bytes", file.len());
        }
    }
}

#[test]
fn no_text_is_too_strange_to_print() {
    let printer = PdfPrinter::new().unwrap();
    for text in ["", " ", "東京ジャズ", "🎷🎺", "مهرجان الجاز", "e\u{301}\u{202e}x", &"x".repeat(2_000), &"long words ".repeat(500)]
    {
        let strange = PrintedBooking {
            event_name: text.to_owned(),
            venue: Some(text.to_owned()),
            holder_name: text.to_owned(),
            ticket_type: text.to_owned(),
            starts_at: None,
            ..booking(1)
        };
        assert_eq!(pages(&printer.print(&strange, Language::English).unwrap()), 1, "{text}");
    }
}

#[test]
fn the_fonts_have_latin_greek_and_cyrillic_letters_and_boxes_for_others() {
    let faces = Faces::load().unwrap();
    for face in [&faces.regular, &faces.bold] {
        for text in ["Crème brûlée — Łódź, Ştefan, Ðặng €5", "Αθήνα Ώρα ΐ", "Київ Ґанок Ђорђе Ёлка"]
        {
            assert_eq!(face.printable(text), text);
        }
        assert_eq!(face.printable("東京 Jazz 🎷 \n2026"), "\u{25a1}\u{25a1} Jazz 2026");
    }
}

#[test]
fn wrapped_lines_fit_and_lose_nothing_unless_they_are_cut() {
    let face = Faces::load().unwrap().regular;
    let text = "Donaudampfschifffahrtsgesellschaftskapitän und die sieben anderen";
    let lines = face.wrap(text, 12.0, 100.0, 20);
    assert!(lines.len() > 3 && lines.iter().all(|line| face.width(line, 12.0) <= 100.0 && !line.is_empty()), "{lines:?}");
    assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
    let cut = face.wrap(text, 12.0, 100.0, 2);
    assert_eq!(cut.len(), 2);
    assert!(cut[1].ends_with(ELLIPSIS) && face.width(&cut[1], 12.0) <= 100.0, "{cut:?}");
}

#[test]
fn both_languages_have_the_same_texts() {
    let ids = |source| rowlock_locale::ids_in(source).map(ToOwned::to_owned).collect::<Vec<_>>();
    assert_eq!(ids(ENGLISH), ids(GERMAN));
}
