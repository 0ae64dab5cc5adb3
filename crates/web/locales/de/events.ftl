# Die Liste der Veranstaltungen und die Seite einer Veranstaltung.
events-description = Tickets für die Veranstaltungen von { $site }: was läuft, was es noch gibt, und eine faire Warteliste.
search = Suchen
search-label = Veranstaltungen suchen
search-hint = Name, Ort oder Künstler
filter-when = Wann
filter-month = Monat
filter-availability = Verfügbarkeit
upcoming = Kommende
past = Vergangene
filter-remove = Filter aufheben
show-available = Mit freien Tickets
all-months = Alle Monate
more-events = Weitere Veranstaltungen
events-found = { $count ->
    [one] Eine Veranstaltung
   *[other] { $count } Veranstaltungen
 }
no-events-title = Zurzeit steht nichts an
no-events = Es gibt noch keine Veranstaltungen. Schauen Sie bald wieder herein.
nothing-found-title = Keine Veranstaltung passt dazu
nothing-found = Versuchen Sie ein anderes Wort, einen anderen Monat oder alle Veranstaltungen.
show-all-events = Alle Veranstaltungen zeigen
date-unknown = Termin wird noch bekannt gegeben
state-called-off = Abgesagt
state-past = Vorbei
state-sales-ended = Der Verkauf ist beendet
state-sold-out = Ausverkauft
state-left = Noch { $count } frei
state-waiting = { $count ->
    [one] 1 Gruppe wartet
   *[other] { $number } Gruppen warten
 }
state-on-sale = Verkauf ab { $when }
in-days = { $count ->
    [one] in 1 Tag
   *[other] in { $count } Tagen
 }
in-hours = { $count ->
    [one] in 1 Stunde
   *[other] in { $count } Stunden
 }
in-minutes = { $count ->
    [one] in 1 Minute
   *[other] in { $count } Minuten
 }
duration-days = { $count ->
    [one] 1 Tag
   *[other] { $count } Tage
 }
duration-hours = { $count ->
    [one] 1 Stunde
   *[other] { $count } Stunden
 }
duration-minutes = { $count ->
    [one] 1 Minute
   *[other] { $count } Minuten
 }
when = Wann
where = Wo
until = bis { $when }
show-map = Auf der Karte zeigen
tickets = Tickets
opens = Der Verkauf beginnt
waiting-explained = Zurückgegebene Tickets gehen der Reihe nach an die Warteliste. Sie sehen Ihren Platz, bevor Sie sich eintragen, und es kostet nichts.
offer-explained = Wenn Sie an der Reihe sind, werden Ihnen die Tickets angeboten, und Sie haben { $time } Zeit, sie anzunehmen.
checkout-explained = Reservierte Tickets werden { $time } für Sie zurückgelegt. Sie gehören Ihnen, sobald Sie in dieser Zeit bestätigen.
called-off-explained = Alle Buchungen wurden storniert. Wenn Sie Tickets hatten, meldet sich der Veranstalter bei Ihnen.
ticket-type = Ticketart
how-many = Wie viele Tickets?
one-less = Ein Ticket weniger
one-more = Ein Ticket mehr
total = Summe
continue-to-booking = Weiter
join-waiting-list = Auf die Warteliste setzen
book-one = 1 Ticket buchen
book-many = { $count } Tickets buchen
reserve-one = 1 Ticket reservieren
reserve-many = { $count } Tickets reservieren
return-until = Sie können Tickets bis { $when } zurückgeben.
about-event = Über diese Veranstaltung
event = Veranstaltung
quantity = Anzahl
total-when-promoted = Summe, falls Sie Tickets bekommen
check-and-book = Prüfen und buchen
check-and-reserve = Prüfen und reservieren
change-choice = Auswahl ändern
back-to-event = Zurück zur Veranstaltung
not-possible-now = Für diese Veranstaltung sind zurzeit weder Buchungen noch Warteplätze möglich.
ahead = { $count ->
    [0] Niemand ist vor Ihnen
    [one] 1 Gruppe ist vor Ihnen
   *[other] { $count } Gruppen sind vor Ihnen
 }
waiting-summary = { $count ->
    [one] Gerade ist kein Ticket für Sie da. Sobald eines zurückkommt und Sie an der Reihe sind, bekommen Sie es sofort.
   *[other] Gerade sind weniger als { $count } Tickets frei. Sobald genug zurückkommen und Sie an der Reihe sind, bekommen Sie sie sofort.
 }
waiting-summary-offer = { $count ->
    [one] Gerade ist kein Ticket für Sie da. Sobald eines zurückkommt und Sie an der Reihe sind, wird es Ihnen angeboten, und Sie haben { $time } Zeit, es anzunehmen.
   *[other] Gerade sind weniger als { $count } Tickets frei. Sobald genug zurückkommen und Sie an der Reihe sind, werden sie Ihnen angeboten, und Sie haben { $time } Zeit, sie anzunehmen.
 }
also-label = Kämen auch andere Tickets infrage?
also-explained = Sie warten dann auf alle und bekommen die Tickets, die zuerst frei werden. Ihre Plätze auf den anderen Listen enden damit. Sind welche davon schon jetzt frei, bekommen Sie diese sofort.
also-type = { $name }, { $price }: { $count ->
    [0] niemand wartet
    [one] 1 Gruppe wartet
   *[other] { $count } Gruppen warten
 }
minimum-label = Würden auch weniger Tickets genügen?
minimum-explained = Ihr Platz bleibt derselbe. Wenn weniger Tickets frei werden und Ihnen genügen, bekommen Sie diese und warten nicht mehr auf die übrigen.
minimum-all = { $count ->
    [2] Nein, auf beide Tickets warten
   *[other] Nein, auf alle { $count } Tickets warten
 }
minimum-fewer = { $count ->
    [one] Ja, auch nur 1 Ticket
   *[other] Ja, ab { $count } Tickets
 }
just-sold-out = Jemand war schneller: Es sind nicht mehr genug Tickets da. Es wurde nichts gebucht. Sie können sich stattdessen auf die Warteliste setzen.
help-description = Wie Buchen, Warteliste und Rückgabe funktionieren.
help-lead = Jedes Ticket wird einmal verkauft, und jedes zurückgegebene Ticket geht an die nächste Person in der Reihe.
help-1-title = Auswählen und buchen
help-1 = Wählen Sie Veranstaltung, Ticketart und Anzahl. Vor dem Buchen sehen Sie eine Zusammenfassung. Gebuchte Tickets gehören Ihnen. Manche Veranstaltungen legen die Tickets erst eine Weile für Sie zurück, bis Sie sie bestätigen.
help-2-title = Ausverkauft? Auf die Warteliste
help-2 = Sie sehen, wie viele Gruppen vor Ihnen sind, bevor Sie sich eintragen. Ihr Platz steht unter „Meine Warteplätze“, und Sie können jederzeit gehen.
help-3-title = An die Reihe kommen
help-3 = Wenn Tickets zurückkommen, bekommen die Nächsten sie sofort, und Sie finden sie unter „Meine Tickets“. Sie müssen nicht schnell sein. Manche Veranstaltungen bieten Ihnen die Tickets stattdessen an, und Sie haben eine Weile Zeit, sie anzunehmen; wie lange, sehen Sie, bevor Sie sich eintragen.
help-4-title = Zurückgeben, was Sie nicht brauchen
help-4 = Bis zur Frist der Veranstaltung können Sie einen Teil oder alle Tickets zurückgeben.
help-fair-title = Warum das fair ist
help-fair = Wer zuerst kommt, ist zuerst dran: Niemand kann sich vordrängen, und zurückgegebene Tickets kommen nie in den freien Verkauf, solange jemand wartet. Eine Gruppe, die mehr Tickets möchte, als zurückgekommen sind, behält ihren Platz.
help-safe-title = Wenn die Verbindung abbricht
help-safe = Senden Sie das Formular noch einmal. Jedes Formular wirkt nur einmal, auch wenn Sie es zweimal senden.
available = Verfügbar
embed-book = Zu den Tickets
embed-details = Zur Veranstaltung
opens-in-new-tab = öffnet in einem neuen Tab
