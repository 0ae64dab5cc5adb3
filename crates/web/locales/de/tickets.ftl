# Buchungen und Warteplätze.
notice-booked = { $count ->
    [one] Gebucht: 1 Ticket für { $event }. Es gehört Ihnen.
   *[other] Gebucht: { $count } Tickets für { $event }. Sie gehören Ihnen.
 }
notice-returned = Zurückgegeben. Die Tickets für { $event } gehen an die Nächsten in der Reihe.
notice-joined = Sie stehen auf der Warteliste für { $event }.
notice-changed = Geändert. Das ist jetzt Ihr Platz für { $event }.
notice-left = Sie stehen nicht mehr auf der Warteliste für { $event }.
given-back-at = Zurückgegeben { $when }
ticket-count = { $count ->
    [one] 1 Ticket
   *[other] { $count } Tickets
 }
booked-at = Gebucht { $when }
joined-at = Eingetragen { $when }
print = Drucken
give-back = Tickets zurückgeben
give-back-one = 1 Ticket zurückgeben
give-back-many = { $count } Tickets zurückgeben
give-back-explained = Was Sie zurückgeben, geht sofort an die nächste Person in der Reihe. Das lässt sich nicht rückgängig machen; um doch zu kommen, müssten Sie wie alle anderen buchen oder warten.
how-many-back = Wie viele Tickets geben Sie zurück?
your-tickets = Ihre Tickets
keep-tickets = Tickets behalten
cannot-give-back = Diese Tickets können nicht mehr zurückgegeben werden.
back-to-tickets = Zurück zu meinen Tickets
no-tickets-title = Noch keine Tickets
no-tickets = Was Sie buchen, erscheint hier, die nächste Veranstaltung zuerst.
find-event = Veranstaltung finden
history = { $count ->
    [one] Verlauf (1)
   *[other] Verlauf ({ $count })
 }
position = Sie sind auf Platz { $number }
position-unknown = Sie warten
queue-explained = Wenn Sie an der Reihe sind, bekommen Sie die Tickets sofort und finden sie unter „Meine Tickets“.
no-queue-title = Sie stehen auf keiner Warteliste
no-queue = Wenn eine Veranstaltung ausverkauft ist, können Sie sich auf die Warteliste setzen. Ihr Platz erscheint hier.
change-or-leave = Ändern oder verlassen
change-quantity = Anzahl der Tickets ändern
change-quantity-explained = Mit weniger Tickets behalten Sie Ihren Platz. Mit mehr kommen Sie ans Ende der Warteliste.
save-quantity = Neue Anzahl speichern
leave-queue = Warteliste verlassen
leave-explained = Sie verlieren Ihren Platz sofort und bekommen ihn nicht zurück.
entry-promoted = Sie haben Tickets bekommen
entry-left = Sie sind gegangen
entry-closed = Die Warteliste wurde geschlossen
booking-expired = Nicht rechtzeitig bestätigt
entry-expired = Sie haben die Tickets nicht rechtzeitig angenommen
