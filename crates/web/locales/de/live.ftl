# Seiten, die mitgehen.
live-lost = Gerade nicht verbunden. Diese Seite kann veraltet sein; sie aktualisiert sich von selbst.
live-tickets = { $count ->
    [0] Sie haben jetzt keine Tickets.
    [one] Sie haben jetzt 1 Ticket.
   *[other] Sie haben jetzt { $count } Tickets.
 }
live-promoted = { $count ->
    [one] Sie haben 1 Ticket bekommen
   *[other] Sie haben { $count } Tickets bekommen
 }
live-promoted-of = { $count ->
    [one] Sie haben 1 der { $requested } gewünschten Tickets bekommen
   *[other] Sie haben { $count } der { $requested } gewünschten Tickets bekommen
 }
live-promoted-explained = Sie waren an der Reihe, und die Buchung ist abgeschlossen.
live-show-tickets = Meine Tickets zeigen
live-reserved = { $count ->
    [one] 1 weiteres Ticket ist für Sie reserviert.
   *[other] { $count } weitere Tickets sind für Sie reserviert.
 }
