# Buchungen und Warteplätze.
notice-booked = { $count ->
    [one] Gebucht: 1 Ticket für { $event }. Es gehört Ihnen.
   *[other] Gebucht: { $count } Tickets für { $event }. Sie gehören Ihnen.
 }
notice-returned = Zurückgegeben. Die Tickets für { $event } gehen an die Nächsten in der Reihe oder wieder in den Verkauf.
notice-lapsed = Die Zeit für { $event } war schon abgelaufen. Die Tickets sind an die Nächsten in der Reihe gegangen oder wieder im Verkauf.
notice-declined = Abgelehnt. Die Tickets für { $event } gehen an die Nächsten in der Reihe.
notice-joined = Sie stehen auf der Warteliste für { $event }.
notice-changed = Geändert. Das ist jetzt Ihr Platz für { $event }.
notice-left = Sie stehen nicht mehr auf der Warteliste für { $event }.
given-back-at = Zurückgegeben { $when }
reservation-lapsed-at = Reservierung abgelaufen { $when }
offer-lapsed-at = Angebot abgelaufen { $when }
reserved-until = Für Sie reserviert bis
offered-until = Ihnen angeboten bis
local-time = { $time } Ihrer Zeit
time-left = Verbleibende Zeit:
last-minute = Es bleibt weniger als eine Minute.
reservation-title = Tickets bestätigen
reservation-explained = Die Tickets gehören Ihnen noch nicht. Wenn Sie sie nicht rechtzeitig bestätigen, gehen sie an die Nächsten in der Reihe oder wieder in den Verkauf.
offer-title = Sie sind an der Reihe
offer-explained-open = Diese Tickets werden Ihnen angeboten. Wenn Sie sie nicht rechtzeitig annehmen, gehen sie an die Nächsten in der Reihe.
confirm-one = 1 Ticket bestätigen
confirm-many = { $count } Tickets bestätigen
accept-one = 1 Ticket annehmen
accept-many = { $count } Tickets annehmen
decline = Ablehnen
decline-title = Angebot ablehnen
decline-explained = Abgelehnte Tickets gehen sofort an die nächste Person in der Reihe. Das lässt sich nicht rückgängig machen; um doch zu kommen, müssten Sie sich wieder auf die Warteliste setzen, an deren Ende.
decline-one = 1 Ticket ablehnen
decline-many = { $count } Tickets ablehnen
give-back-short = Zurückgeben
reservation-lapsed-title = Die Reservierung ist abgelaufen
reservation-lapsed-today = Die Reservierung endete um { $when }. Die Tickets sind an die Nächsten in der Reihe gegangen oder wieder im Verkauf.
reservation-lapsed-earlier = Die Reservierung endete am { $when }. Die Tickets sind an die Nächsten in der Reihe gegangen oder wieder im Verkauf.
offer-lapsed-title = Das Angebot ist abgelaufen
offer-lapsed-today = Das Angebot endete um { $when }. Die Tickets sind an die Nächsten in der Reihe gegangen.
offer-lapsed-earlier = Das Angebot endete am { $when }. Die Tickets sind an die Nächsten in der Reihe gegangen.
offer-lapsed-explained = Die Tickets sind an die Nächsten in der Reihe gegangen. Sie können sich wieder auf die Warteliste setzen, an deren Ende.
reservation-confirmed-title = Diese Tickets gehören Ihnen
reservation-confirmed = Die Buchung ist bestätigt.
reservation-cancelled-title = Sie haben diese Tickets nicht mehr
offer-count = { $count ->
    [one] 1 Ticket wird Ihnen angeboten
   *[other] { $count } Tickets werden Ihnen angeboten
 }
offer-count-of = { $count ->
    [one] 1 der { $requested } gewünschten Tickets wird Ihnen angeboten
   *[other] { $count } der { $requested } gewünschten Tickets werden Ihnen angeboten
 }
ticket-range = { $least } bis { $most } Tickets
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
give-back-explained = Zurückgegebene Tickets gehen sofort an die nächste Person in der Reihe, oder wieder in den Verkauf, wenn niemand wartet. Das lässt sich nicht rückgängig machen; um doch zu kommen, müssten Sie wie alle anderen buchen oder warten.
how-many-back = Wie viele Tickets geben Sie zurück?
your-tickets = Ihre Tickets
keep-tickets = Tickets behalten
keep-offer = Angebot behalten
all-used = Diese Tickets wurden am Einlass benutzt und können nicht mehr zurückgegeben werden.
cannot-give-back = Diese Tickets können nicht mehr zurückgegeben werden.
back-to-tickets = Zurück zu meinen Tickets
no-tickets-title = Noch keine Tickets
no-tickets = Ihre Buchungen erscheinen hier, die nächste Veranstaltung zuerst.
find-event = Veranstaltung finden
history = { $count ->
    [one] Verlauf (1)
   *[other] Verlauf ({ $count })
 }
position = Sie sind auf Platz { $number }
position-unknown = Sie warten
chance = Ihre Chance auf Tickets liegt bei etwa { $low } bis { $high } %.
chance-reason = Geschätzt wird sie aus den { $tickets } Tickets, die in den letzten { $days } Tagen zurückgegeben wurden, den Wartenden vor Ihnen und der verbleibenden Zeit ({ $left }).
queue-explained = Wenn Sie an der Reihe sind, bekommen Sie die Tickets sofort und finden sie unter „Meine Tickets“.
no-queue-title = Sie stehen auf keiner Warteliste
no-queue = Wenn eine Veranstaltung ausverkauft ist, können Sie sich auf die Warteliste setzen. Ihr Platz erscheint hier.
change-or-leave = Ändern oder austragen
change-quantity = Anzahl der Tickets ändern
change-quantity-explained = Mit weniger Tickets behalten Sie Ihren Platz. Mit mehr kommen Sie ans Ende der Warteliste.
save-quantity = Neue Anzahl speichern
change-minimum = Mindestanzahl ändern
save-minimum = Auswahl speichern
leave-queue = Warteliste verlassen
leave-explained = Sie verlieren Ihren Platz sofort und bekommen ihn nicht zurück.
wish-explained = Sie bekommen die Tickets, die zuerst frei werden. Ihre übrigen Plätze enden dann.
wish-place = Oder { $type }: Platz { $number }
wish-place-unknown = Oder { $type }: Sie warten
change-wish-explained = Die Änderung gilt für alle Ticketarten, auf die Sie hier warten.
leave-one = Nur diese Liste verlassen
leave-one-explained = Auf die anderen Ticketarten warten Sie weiter.
leave-all = Alle Listen verlassen
notice-left-one = Sie warten nicht mehr auf { $type } für { $event }.
entry-promoted = Sie haben Tickets bekommen
entry-left = Sie sind gegangen
entry-declined = Sie haben das Angebot abgelehnt
entry-expired = Das Angebot ist abgelaufen
entry-closed = Die Warteliste wurde geschlossen

# Tickets, die jemand anderem überlassen werden.
give-tickets = Tickets weitergeben
give-tickets-explained = Wir schicken der anderen Person einen Link. Sie nimmt mit einem eigenen Konto an und bekommt neue Codes. Bis dahin gehören die Tickets Ihnen, und Sie können es sich anders überlegen. Der Link gilt 7 Tage, aber nicht mehr, wenn die Veranstaltung begonnen hat.
to-email = E-Mail-Adresse der anderen Person
to-email-hint = Mit dem Link kann jede Person die Tickets annehmen. Prüfen Sie also die Adresse.
offer-tickets = Tickets anbieten
offer-one = 1 Ticket anbieten
offer-many = { $count } Tickets anbieten
pending-transfers = Angeboten und noch nicht angenommen
offered-until-time = bis { $when }
withdraw-transfer = Zurückziehen
cannot-give = Diese Tickets können nicht mehr weitergegeben werden.
all-offered = Alle Tickets, die Sie noch nicht benutzt haben, sind schon angeboten. Ziehen Sie ein Angebot zurück, um ein anderes zu machen.
notice-offered = Angeboten. Die andere Person bekommt eine E-Mail mit einem Link.
notice-withdrawn = Zurückgezogen. Der Link funktioniert nicht mehr, und die Tickets gehören weiter Ihnen.
notice-received = Diese Tickets gehören jetzt Ihnen.
given-away-at = Weitergegeben { $when }
transfer-title = Tickets für Sie
transfer-explained = { $count ->
    [one] Jemand bietet Ihnen dieses Ticket bis { $when } an. Wenn Sie annehmen, gehört es Ihnen, mit einem neuen Code.
   *[other] Jemand bietet Ihnen diese Tickets bis { $when } an. Wenn Sie annehmen, gehören sie Ihnen, mit neuen Codes.
 }
accept-count = { $count ->
    [one] 1 Ticket annehmen
   *[other] { $count } Tickets annehmen
 }
show-own-offer = Mein Angebot zeigen
transfer-is-own = Diese Tickets haben Sie selbst angeboten. Nur ein anderes Konto kann sie annehmen.
transfer-is-yours = Sie haben diese Tickets angenommen. Sie gehören Ihnen.
transfer-is-accepted = Diese Tickets wurden mit einem anderen Konto angenommen.
transfer-is-withdrawn = Die andere Person hat das Angebot zurückgezogen.
transfer-is-declined = Das Angebot wurde abgelehnt. Es bleibt alles, wie es ist.
transfer-is-lapsed = Das Angebot ist abgelaufen. Bitten Sie die andere Person, es noch einmal zu machen.
transfer-event-begun = Die Veranstaltung hat begonnen, deshalb können ihre Tickets nicht mehr weitergegeben werden.
transfer-booking-cancelled = Diese Tickets gibt es nicht mehr.
transfer-already-checked-in = Tickets, die am Einlass benutzt wurden, können nicht weitergegeben werden.
invalid-toemail = Geben Sie die E-Mail-Adresse der anderen Person ein, zum Beispiel grace@example.org. Ihre eigene geht nicht.

# Das Protokoll einer Warteliste. Es ist öffentlich und nennt niemanden.
queue-record = Das Protokoll dieser Warteliste
queue-record-number = Ihre Nummer darin: { $number }
queue-record-explained = Jede Zeile sagt, was mit einem Platz der Warteliste geschehen ist. Ein Platz ist nur eine Nummer; über die Menschen, die warten, steht nichts darin. Ihre Nummer finden Sie unter „Meine Warteplätze“.
record-empty = Auf dieser Warteliste war noch niemand.
record-all = { $count ->
    [one] Eine Zeile
   *[other] Alle { $count } Zeilen, die neueste zuerst
 }
record-shown = Die letzten { $shown } von { $count } Zeilen, die neueste zuerst
record-position = Zeile
record-when = Wann ({ $zone })
record-who = Nummer
record-what = Was geschah
record-joined = Wartet auf { $size }
record-changed = Wartet jetzt auf { $size }
record-moved = Wartet jetzt auf { $size } und kam von Nummer { $previous } ans Ende
record-left = Hat die Warteliste verlassen
record-removed = Wurde vom Veranstalter entfernt
record-closed = Wurde geschlossen, weil die Warteliste endete
record-reopened = Wartet wieder, auf { $size }
record-promoted = Bekam { $count } von { $free } freien { $free ->
    [one] Ticket
   *[other] Tickets
 }
record-restarted = Das Protokoll beginnt nach einer Aktualisierung neu. Alle, die warten, folgen.
record-listed = Wartet auf { $size }
record-hash = Prüfwert der letzten Zeile:
record-check-title = Selbst nachprüfen
record-check-hash = Der Prüfwert wird aus der letzten Zeile und allen Zeilen davor berechnet. Notieren Sie ihn heute: Wer später eine Zeile ändert, entfernt oder einfügt, kann das nicht tun, ohne dass dieser Wert aus dem Protokoll verschwindet.
record-check-program = Das Programm rowlockctl liest das ganze Protokoll ohne Konto, berechnet alle Prüfwerte neu und sagt, ob eine Nummer übergangen wurde, die an der Reihe war. Die Dokumentation beschreibt das Format, sodass Sie auch ein eigenes Programm schreiben können.
record-check-limits = Eine Gruppe wird nur übergangen, wenn sie mehr Tickets möchte, als frei waren oder eine Buchung haben darf. Wie viele Tickets frei waren, kann das Protokoll nicht beweisen; es zeigt, was jedes Mal angegeben wurde.

# Die Seiten hinter dem Link eines Gastes.
notice-guest-returned = Zurückgegeben. Die Tickets gehen an die Nächsten in der Reihe oder wieder in den Verkauf.
notice-guest-left = Sie stehen nicht mehr auf der Warteliste.
guest-queue-explained = Wenn Sie an der Reihe sind, bekommen Sie die Tickets sofort. Wir schreiben Ihnen dann, und diese Seite zeigt sie.
guest-link-unknown-title = Dieser Link funktioniert nicht
guest-link-unknown = Der Link ist unvollständig, oder Sie haben einen neueren bekommen. Nehmen Sie den aus der neuesten E-Mail zu Ihren Tickets, oder bitten Sie den Veranstalter, den Link noch einmal zu senden.
