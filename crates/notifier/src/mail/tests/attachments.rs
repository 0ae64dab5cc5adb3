//! Files that mails carry, as a mail program reads them.

use super::*;

const CALENDAR: &str = "BEGIN:VCALENDAR\r\nSUMMARY:Größe\r\nEND:VCALENDAR\r\n";

/// Writes a confirmation and returns its paragraphs in one line, and the name, type and content of each file.
fn written(language: Language, attachments: Attachments) -> (String, Vec<(String, String, Vec<u8>)>) {
    let event = event("Chess", "published");
    let tickets = tickets(3);
    let topic = Topic::Tickets { kind: Kind::Confirmed, tickets, event: &event };
    let mail = composer().compose_with(key(), &recipient(Some("Ada Lovelace"), language), &topic, None, attachments).unwrap();
    assert!(mail.content.is_ascii());
    let message = MessageParser::default().parse(&mail.content).unwrap();
    let kind = message.content_type().unwrap();
    assert_eq!((kind.ctype(), kind.subtype()), ("multipart", Some("mixed")));
    assert_eq!((message.text_body_count(), message.html_body_count()), (1, 1), "the files are not shown as texts");
    let (text, html) = (message.body_text(0).unwrap(), message.body_html(0).unwrap());
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(html.contains("<html"));
    let files = message.attachments().map(|file| {
        let kind = file.content_type().unwrap();
        let kind = format!("{}/{}", kind.ctype(), kind.subtype().unwrap());
        (file.attachment_name().unwrap().to_owned(), kind, file.contents().to_vec())
    });
    (text, files.collect())
}

#[test]
fn tickets_and_a_calendar_entry_are_attached_under_names_in_the_language_of_the_recipient() {
    for (language, calendar_name, words) in [
        (Language::English, "event.ics", "Your tickets are attached as a PDF file"),
        (Language::German, "termin.ics", "Ihre Tickets hängen"),
    ] {
        let pdf = b"%PDF-1.7 \x00\xff".to_vec();
        let (text, files) = written(language, Attachments { tickets: Some(pdf.clone()), calendar: Some(CALENDAR.to_owned()) });
        assert!(text.contains(words), "{text}");
        let expected = [
            ("tickets.pdf".to_owned(), "application/pdf".to_owned(), pdf),
            (calendar_name.to_owned(), "text/calendar".to_owned(), CALENDAR.as_bytes().to_vec()),
        ];
        assert_eq!(files, expected);
    }
}

#[test]
fn the_text_names_the_files_that_there_are() {
    let (text, files) = written(Language::English, Attachments { tickets: Some(b"%PDF-".to_vec()), calendar: None });
    assert!(text.contains("or to keep on your phone.") && text.contains("admits one person once"), "{text}");
    assert_eq!(files.len(), 1);
    let (text, files) = written(Language::English, Attachments { tickets: None, calendar: Some(CALENDAR.to_owned()) });
    assert!(text.contains("You find your tickets on the site.") && !text.contains("admits one person once"), "{text}");
    assert_eq!(files.len(), 1);
}
