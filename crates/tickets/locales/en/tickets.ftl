# Texts on printed tickets and on passes for a phone.
ticket-page = Ticket { $page } of { $pages }
ticket-when = When
ticket-where = Where
ticket-date-open = The date will be announced.
ticket-holder = Name
ticket-type = Ticket type
ticket-reference = Ticket
ticket-hint = Show this code at the entrance, on paper or on a screen. It admits one person once. Whoever has a copy can use it, so do not pass it on.
ticket-zone = Time zone
ticket-use = How to use it
ticket-code = Code
