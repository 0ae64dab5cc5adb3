//! Mails about places in waiting lists.

use super::*;

#[test]
fn a_mail_about_a_place_in_the_queue_says_how_the_party_gets_its_tickets() {
    let tickets = tickets(2);
    let text_of = |event: &Event| {
        let topic = Topic::Tickets { kind: Kind::Waitlisted, tickets, event };
        let mail = composer().compose(key(), &recipient(Some("Ada Lovelace"), Language::English), &topic, None).unwrap();
        read(&mail).1
    };
    let at_once = event("Chess", "published");
    let offers = Event { offer_minutes: Some(120), ..at_once.clone() };
    assert!(text_of(&at_once).contains("you get yours automatically"));
    assert!(text_of(&offers).contains("we offer them to you by e-mail, and you have time to accept"));
}

#[test]
fn a_mail_about_a_place_in_the_queue_names_the_choices_of_the_party() {
    let text_of = |minimum, belongs_to_wish| {
        let tickets = TicketData { minimum, belongs_to_wish, ..tickets(4) };
        let event = event("Chess", "published");
        let topic = Topic::Tickets { kind: Kind::Waitlisted, tickets, event: &event };
        let mail = composer().compose(key(), &recipient(Some("Ada Lovelace"), Language::English), &topic, None).unwrap();
        read(&mail).1.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (at_least_two, only_one, choices) = ("at least 2. You then", "even if it is only one", "all the ticket types that you chose");
    assert!(text_of(Some(2), false).contains(at_least_two));
    assert!(text_of(Some(1), false).contains(only_one));
    assert!(text_of(None, true).contains(choices));
    let plain = text_of(None, false);
    assert!([at_least_two, only_one, choices].iter().all(|text| !plain.contains(text)), "{plain}");
}

#[test]
fn an_offer_names_the_type_of_its_tickets_if_the_event_has_several() {
    let types = |ids: &[u128]| {
        let named = |id: &u128| json!({"id": Uuid::from_u128(*id), "name": format!("Type {id}")});
        serde_json::from_value(ids.iter().map(named).collect()).unwrap()
    };
    let one = Event { ticket_types: types(&[1]), ..event("Chess", "published") };
    let two = Event { ticket_types: types(&[1, 2]), ..one.clone() };
    let text_of = |event: &Event| {
        let ticket_type_id = one.ticket_types.first().map(|known| known.id);
        let tickets = TicketData { ticket_type_id, ..tickets(2) };
        let topic = Topic::Tickets { kind: Kind::Promoted, tickets, event };
        let mail = composer().compose(key(), &recipient(Some("Ada Lovelace"), Language::English), &topic, None).unwrap();
        read(&mail).1
    };
    assert!(text_of(&two).contains("Tickets: 2 tickets · Type 1"));
    assert!(text_of(&one).contains("Tickets: 2 tickets\r\n") || text_of(&one).contains("Tickets: 2 tickets\n"));
}
