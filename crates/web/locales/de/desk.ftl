# Der Schalter der Veranstalter.
desk-events = Veranstaltungen
desk-event = Veranstaltung
desk-accounts = Konten
desk-account = Konto
desk-audit-log = Protokoll
desk-create-event = Veranstaltung anlegen
desk-search = Suchen
desk-search-events = Nach Name, Ort oder Beschreibung suchen
desk-search-accounts = Nach Name, Benutzername oder E-Mail suchen
desk-filter = Filter
desk-when-upcoming = Kommende
desk-when-past = Vergangene
desk-when-all = Alle
desk-no-events = Hier gibt es noch keine Veranstaltungen. Legen Sie die erste an.
desk-no-events-found = Keine Veranstaltung passt zu „{ $search }“.
desk-no-accounts-found = Kein Konto passt zu „{ $search }“.
desk-starts = Beginn
desk-no-date = Noch ohne Termin
desk-status = Status
desk-status-draft = Entwurf
desk-status-published = Veröffentlicht
desk-status-cancelled = Abgesagt
desk-sold = Verkauft
desk-of-total = von { $total }
desk-percent-of = { $percent } % von { $total }
desk-sold-of = { $sold } von { $total }
desk-left = Frei
desk-waiting = Wartend
desk-waiting-hint = Gruppen in der Warteschlange
desk-held = Zurückgehalten
desk-held-hint = Zurückgegeben, nur für die Warteschlange
desk-reserved = Reserviert
desk-reserved-hint = Noch nicht bestätigt
desk-number-reserved = { $count } reserviert
desk-number-held = { $count } für die Warteschlange
desk-number-left = { $count } frei
desk-returned = Zurückgegeben
desk-returned-hint = Bisher zurückgegebene Tickets
desk-sales = Verkauf im Zeitverlauf
desk-sales-none = Noch nichts verkauft.
desk-sales-late = Das Diagramm folgt in einigen Sekunden: Die jüngsten Verkäufe werden noch gezählt.
desk-sales-zone = Zeiten in { $zone }.
desk-sales-title = Verkaufte Tickets und wartende Gruppen im Zeitverlauf
desk-sales-description = Von { $from } bis { $to }: Am Ende sind { $sold } von { $total } Tickets verkauft, und { $waiting } Gruppen warten.
desk-sales-sold = Verkauft { $count }
desk-sales-waiting = Wartend { $count }
desk-sales-on-sale = Verkaufsstart
desk-sales-sold-out = Ausverkauft
desk-sales-capacity = { $total } Tickets
desk-sales-booked = Gebucht
desk-sales-returned = Zurückgegeben
desk-sales-returned-sum = { $count ->
    [one] Ein Ticket wurde zurückgegeben.
   *[other] { $count } Tickets wurden zurückgegeben.
 }
desk-sales-promoted = An die Warteschlange
desk-sales-promoted-sum = { $count ->
    [one] Ein Ticket ging an die Warteschlange.
   *[other] { $count } Tickets gingen an die Warteschlange.
 }
desk-sales-joined = Neu in der Warteschlange
desk-sales-left = Warteschlange verlassen
desk-sales-from = Ab
desk-sales-table = Die Zahlen als Tabelle zeigen
desk-more = Nächste Seite
desk-back = Zurück
desk-continue = Weiter
desk-overview = Übersicht
desk-bookings = Buchungen
desk-waiting-list = Warteliste
desk-details = Angaben
desk-capacity = Anzahl der Tickets
desk-ticket-type = Ticketart
desk-ticket-types = Ticketarten
desk-price = Preis
desk-actions = Aktionen
desk-view-page = Öffentliche Seite ansehen
desk-duplicate = Kopieren
desk-tickets = Tickets
desk-tickets-sold = { $count ->
    [one] { $count } Ticket verkauft
   *[other] { $count } Tickets verkauft
 }
desk-export = Als CSV herunterladen
desk-no-bookings = Noch hat niemand gebucht.
desk-no-such-bookings = Solche Buchungen gibt es nicht.
desk-all-bookings = Alle
desk-reserved-until = bis
desk-holder = Name
desk-origin = Herkunft
desk-origin-direct = Gebucht
desk-origin-waitlist = Aus der Warteschlange
desk-origin-transfer = Von einem anderen Konto
desk-origin-manual = Durch Veranstalter
desk-booked-at = Gebucht am
desk-booking-id = Buchung
desk-booking-reserved = Reserviert
desk-booking-expired = Abgelaufen
desk-booking-confirmed = Bestätigt
desk-booking-cancelled = Storniert
desk-cancel-booking-link = Stornieren
desk-cancel-booking-title = Diese Buchung stornieren?
desk-cancel-booking-explanation = Die Person verliert ihre Tickets. Sie gehen sofort an die Nächsten in der Warteschlange, oder zurück in den Verkauf, wenn niemand wartet.
desk-cancel-booking-button = Buchung stornieren
desk-parties-waiting = { $count ->
    [one] { $count } Gruppe
   *[other] { $count } Gruppen
 }
desk-all-types = Alle
desk-nobody-waits = Niemand wartet.
desk-place = Platz
desk-waits-since = Wartet seit
desk-not-servable = Wünscht mehr Tickets, als die Grenzen erlauben
desk-remove-entry-link = Entfernen
desk-remove-entry-title = Diese Gruppe aus der Warteschlange entfernen?
desk-remove-entry-explanation = Die Gruppe verliert ihren Platz, und alle hinter ihr rücken auf.
desk-remove-entry-button = Aus der Warteschlange entfernen
desk-reason = Grund
desk-reason-hint = Freiwillig. Er wird im Protokoll aufbewahrt.
desk-capacity-title = Anzahl der Tickets ändern
desk-capacity-explanation = Geben Sie die neuen Gesamtzahlen ein. Sie sehen, was geschieht, bevor etwas geändert wird.
desk-capacity-hint = { $sold } verkauft, { $waiting } wartend
desk-capacity-hint-reserved = { $sold } verkauft, { $reserved } reserviert, { $waiting } wartend
desk-capacity-check = Das wird geschehen
desk-capacity-button = Anzahl der Tickets ändern
desk-capacity-raised = { $type }: { $change } mehr, insgesamt { $total }. { $left } sind dann im Verkauf.
desk-capacity-raised-for-queue = { $type }: { $change } mehr, insgesamt { $total }. Sie gehen zuerst an die Warteschlange: { $waiting ->
    [one] Eine Gruppe wartet.
   *[other] { $waiting } Gruppen warten.
 }
desk-capacity-lowered = { $type }: { $change } weniger, insgesamt { $total }. Niemand verliert ein Ticket.
desk-capacity-below-sold = { $type }: { $sold } Tickets sind schon verkauft, die Gesamtzahl kann nicht kleiner sein.
desk-capacity-below-taken = { $type }: { $sold } Tickets sind schon verkauft oder reserviert, die Gesamtzahl kann nicht kleiner sein.
desk-capacity-invalid = { $type }: Geben Sie eine ganze Zahl ab 1 ein.
desk-guest-title = Für einen Gast buchen
desk-guest-explanation = Der Gast braucht kein Konto und bekommt eine E-Mail mit einem Link, über den er seine Tickets sieht und zurückgibt. So werden Freikarten und Verkäufe an der Abendkasse gebucht.
desk-guest-button = Für einen Gast buchen
desk-guest-book = Für den Gast buchen
desk-guest-name = Name des Gastes
desk-send-link = Link senden
desk-send-link-title = Den Link noch einmal senden
desk-send-link-button = Link senden
desk-send-link-explanation = Der Gast bekommt noch eine E-Mail mit einem Link, über den er seine Tickets sieht und zurückgibt.
desk-send-link-explanation-waits = Der Gast bekommt noch eine E-Mail mit einem Link, über den er seinen Platz in der Warteschlange und später seine Tickets sieht.
desk-send-link-replace = Die bisherigen Links funktionieren nicht mehr
desk-guest-account = Oder die Kennung eines Kontos
invalid-accountid = Es gibt kein aktives Konto mit dieser Kennung.
desk-guest-account-hint = Wenn Sie sie angeben, lassen Sie Name und Adresse leer. Die Buchung gehört dann zu dem Konto. Inhaber finden die Kennung in der Liste der Konten.
desk-guest-may-wait = Den Gast in die Warteschlange stellen, wenn nicht genug Tickets da sind
desk-n-left = { $count } frei
desk-new-title = Veranstaltung anlegen
desk-edit-title = Veranstaltung ändern
desk-copy-of = Kopie von { $name }
desk-field-name = Name
desk-field-venue = Ort
desk-field-venue-hint = So, wie er gelesen werden soll, etwa „Alte Hafenhalle, Hamburg“
desk-field-description = Beschreibung
desk-field-description-hint = Markdown: **fett**, *kursiv*, # Überschriften, - Listen, [Links](https://example.org)
desk-times = Termine
desk-field-timezone = Zeitzone
desk-field-timezone-hint = IANA-Name wie Europe/Berlin. Alle Zeiten hier gelten in dieser Zone. Wenn die Uhren zurückgestellt werden und es eine Zeit zweimal gibt, gilt die erste.
invalid-timezone = Wählen Sie eine Zeitzone aus der Liste, etwa Europe/Berlin.
desk-field-startsat = Beginn
desk-field-endsat = Ende
desk-field-salesstartat = Im Verkauf ab
desk-field-salesendat = Im Verkauf bis
desk-field-canceluntil = Rückgabe möglich bis
desk-field-waitlistuntil = Die Warteschlange wird bedient bis
desk-until-start = zum Beginn der Veranstaltung
desk-until-sales-end = zum Ende des Verkaufs
desk-reservations = Reservierungen und Angebote
desk-field-checkoutminutes = Minuten bis zur Bestätigung
desk-field-checkoutminutes-hint = Wie lange Tickets zurückgelegt werden, bis eine Buchung bestätigt sein muss, von 1 bis 1440 Minuten. Lassen Sie das Feld leer, damit Buchungen sofort gelten.
invalid-checkoutminutes = Geben Sie eine ganze Zahl von 1 bis 1440 Minuten ein, oder lassen Sie das Feld leer.
desk-field-offerminutes = Minuten, um ein Angebot anzunehmen
desk-field-offerminutes-hint = Wie lange zurückgegebene Tickets den Nächsten in der Warteschlange angeboten werden, von 1 bis 10080 Minuten: 120 für zwei Stunden, 1440 für einen Tag. Lassen Sie das Feld leer, damit sie die Tickets sofort bekommen.
invalid-offerminutes = Geben Sie eine ganze Zahl von 1 bis 10080 Minuten ein, oder lassen Sie das Feld leer.
desk-types-hint = Füllen Sie für jede Ticketart eine Zeile aus. Zeilen ohne Namen bleiben unbeachtet. Ticketarten und Preise lassen sich später nicht ändern.
desk-field-currency = Währung
desk-field-currency-hint = Drei Buchstaben, etwa EUR
desk-type-name = Name
desk-type-total = Tickets
desk-type-per-booking = Höchstens je Buchung
desk-type-per-account = Höchstens je Person
desk-missing-event-name = Geben Sie der Veranstaltung einen Namen.
desk-invalid-time = Geben Sie Datum und Uhrzeit ein.
desk-skipped-time = Diese Zeit gibt es nicht, denn die Uhren werden über sie hinweg vorgestellt. Geben Sie eine spätere oder frühere ein.
desk-missing-type-name = Zeile { $row }: Geben Sie der Ticketart einen Namen.
desk-invalid-type-total = Zeile { $row }: Geben Sie die Anzahl der Tickets ein, ab 1.
desk-invalid-type-price = Zeile { $row }: Geben Sie einen Preis wie 12,50 ein, oder lassen Sie das Feld leer, wenn die Tickets kostenlos sind.
desk-invalid-type-limit = Zeile { $row }: Grenzen sind ganze Zahlen ab 1.
desk-missing-types = Füllen Sie mindestens eine Ticketart aus.
desk-save-draft = Als Entwurf speichern
desk-create-and-publish = Anlegen und veröffentlichen
desk-save-changes = Änderungen speichern
desk-publish-title = Diese Veranstaltung veröffentlichen?
desk-publish-explanation = Alle können sie sehen, und Tickets sind buchbar, sobald der Verkauf offen ist.
desk-publish-button = Veröffentlichen
desk-unpublish-title = Diese Veranstaltung zurückziehen?
desk-unpublish-explanation = Sie wird wieder ein Entwurf, den nur Veranstalter sehen.
desk-unpublish-button = Wieder zum Entwurf machen
desk-calloff-title = Diese Veranstaltung absagen?
desk-calloff-explanation = { $tickets ->
    [0] Es sind keine Tickets verkauft oder reserviert.
    [one] Ein Ticket wird storniert.
   *[other] { $tickets } Tickets werden storniert.
 } { $waiting ->
    [0] Niemand wartet.
    [one] Eine Gruppe verliert ihren Platz in der Warteschlange.
   *[other] { $waiting } Gruppen verlieren ihren Platz in der Warteschlange.
 } Das lässt sich nicht rückgängig machen.
desk-calloff-button = Veranstaltung absagen
desk-delete-title = Diesen Entwurf löschen?
desk-delete-explanation = Der Entwurf und seine Ticketarten werden entfernt. Das lässt sich nicht rückgängig machen.
desk-delete-button = Entwurf löschen
desk-username = Benutzername
desk-role = Rolle
desk-role-owner = Inhaber
desk-role-organiser = Veranstalter
desk-role-door = Einlass
desk-role-user = Käufer
desk-created-at = Seit
desk-change-role = Rolle ändern
desk-change = Ändern
desk-role-owner-explained = Alles, auch Konten und Rollen.
desk-role-organiser-explained = Veranstaltungen, Buchungen, Wartelisten und Einlass.
desk-role-door-explained = Nur Einlass.
desk-account-is-active = Aktiv
desk-account-is-disabled = Gesperrt
desk-disable-account-link = Sperren
desk-enable-account-link = Entsperren
desk-disable-account-title = Dieses Konto sperren?
desk-disable-account-explanation = Niemand kann sich mehr damit anmelden.
desk-disable-account-loses = Es verliert { $bookings ->
    [one] eine Buchung
   *[other] { $bookings } Buchungen
 } mit { $tickets ->
    [one] einem Ticket
   *[other] { $tickets } Tickets
 } und { $entries ->
    [one] einen Platz
   *[other] { $entries } Plätze
 } in der Warteschlange kommender Veranstaltungen.
desk-disable-account-button = Konto sperren
desk-enable-account-title = Dieses Konto entsperren?
desk-enable-account-explanation = Es kann sich wieder anmelden. Stornierte Buchungen kommen nicht zurück.
desk-enable-account-button = Konto entsperren
desk-audit-explanation = Jede Änderung durch Veranstalter oder Betreiber, die neueste zuerst.
desk-no-audit = Noch ist nichts aufgezeichnet.
desk-audit-when = Wann
desk-audit-what = Was
desk-audit-details = Einzelheiten
desk-audit-who = Wer
desk-action-event-create = Veranstaltung angelegt
desk-action-event-change = Veranstaltung geändert
desk-action-event-cancel = Veranstaltung abgesagt
desk-action-event-delete = Entwurf gelöscht
desk-action-booking-create = Für eine Person gebucht
desk-action-booking-link = Link eines Gastes noch einmal gesendet
desk-action-waitlist-link = Link eines wartenden Gastes noch einmal gesendet
desk-action-booking-cancel = Buchung für eine Person storniert
desk-action-checkin-undo = Einlass rückgängig gemacht
desk-action-waitlist-remove = Gruppe aus der Warteschlange entfernt
desk-done-created = Die Veranstaltung ist angelegt.
desk-done-changed = Ihre Änderungen sind gespeichert.
desk-done-publish = Die Veranstaltung ist veröffentlicht.
desk-done-unpublish = Die Veranstaltung ist wieder ein Entwurf.
desk-done-calloff = Die Veranstaltung ist abgesagt. Alle Buchungen werden storniert.
desk-done-deleted = Der Entwurf ist gelöscht.
desk-done-capacity = Die Anzahl der Tickets ist geändert.
desk-done-booking-cancelled = Die Buchung ist storniert.
desk-done-entry-removed = Die Gruppe ist aus der Warteschlange entfernt.
desk-done-link-sent = Der Link ist unterwegs zum Gast.
desk-done-guest-booked = Die Tickets sind für den Gast gebucht.
desk-done-guest-waits = Es sind nicht genug Tickets da, deshalb steht der Gast in der Warteschlange.
desk-done-account-disabled = Das Konto ist gesperrt.
desk-done-account-role = Die Rolle ist geändert.
desk-done-account-enabled = Das Konto ist entsperrt.
desk-done-second-factor-disabled = Der zweite Faktor ist ausgeschaltet. Zum Anmelden genügt Ihr Passwort.
desk-field-closewaitlist = Wenn die neuen Zeiten die Warteliste beenden: sie schließen, obwohl noch Gruppen warten. Diese verlieren ihren Platz.
problem-precondition-failed = Jemand anderes hat diese Veranstaltung inzwischen geändert. Vergleichen Sie die Werte unten mit dem, was Sie wollen, und speichern Sie noch einmal.
problem-capacity-below-booked = Es sind schon mehr Tickets verkauft, die Gesamtzahl kann nicht kleiner sein.
problem-event-has-bookings = Jemand hat für diese Veranstaltung gebucht oder gewartet, sie kann nur noch abgesagt werden.
problem-waitlist-would-close = Diese Zeiten würden die Warteliste beenden, obwohl noch Gruppen warten. Kreuzen Sie das Feld unter den Zeiten an, wenn Sie das wollen.
problem-last-administrator = Das ist das letzte Konto mit der Rolle „Inhaber“. Geben Sie die Rolle zuerst einem anderen Konto.
desk-picture = Bild
desk-picture-now = Das jetzige Bild
desk-picture-choose = Bild auswählen
desk-picture-replace = Bild ersetzen
desk-picture-hint = PNG, JPEG oder WebP, bis 5 MB, mindestens 300 × 200 Pixel. Es wird um seine Mitte auf 3:2 zugeschnitten. Am besten wirken 1200 × 800.
desk-picture-upload = Bild hochladen
desk-picture-remove = Bild entfernen
desk-picture-missing = Wählen Sie zuerst eine Datei aus.
desk-done-image-set = Das Bild ist jetzt auf der Seite der Veranstaltung zu sehen.
desk-done-image-removed = Das Bild ist entfernt.
problem-unsupported-image = Dieses Bild kann nicht verwendet werden. Wählen Sie eine vollständige PNG-, JPEG- oder WebP-Datei mit mindestens 300 × 200 und höchstens 40 Millionen Pixeln.
problem-unsupported-media-type = Das ist keine PNG-, JPEG- oder WebP-Datei. Wählen Sie eine andere.
problem-body-too-large = Das Bild ist größer als 5 MB. Wählen Sie ein kleineres, oder speichern Sie es mit geringerer Qualität.
desk-second-factor = Zweiter Faktor
second-factor-explained = Mit einem zweiten Faktor braucht man zum Anmelden außer dem Passwort einen Code aus einer Authenticator-App auf dem Telefon. Wer nur Ihr Passwort kennt, kann sich nicht anmelden.
second-factor-begin = Zweiten Faktor einrichten
second-factor-scan = Scannen Sie dieses Bild mit einer Authenticator-App.
second-factor-qr-code = QR-Code für die Authenticator-App
second-factor-type = Oder tippen Sie dieses Geheimnis in die App ein:
second-factor-open-app = In einer App auf diesem Gerät öffnen
second-factor-first-code-hint = Die sechs Ziffern, die die App jetzt zeigt.
second-factor-enable = Zweiten Faktor einschalten
second-factor-is-on = Der zweite Faktor ist eingeschaltet. Zum Anmelden brauchen Sie einen Code aus Ihrer Authenticator-App.
recovery-codes-explained = Bewahren Sie diese Wiederherstellungscodes sicher auf. Jeder ersetzt einmal einen Code der App, zum Beispiel wenn Sie Ihr Telefon verlieren. Sie werden nicht noch einmal angezeigt.
recovery-codes-kept = Ich habe die Codes aufbewahrt
second-factor-disable-title = Zweiten Faktor ausschalten
second-factor-disable-explained = Danach genügt Ihr Passwort zum Anmelden.
second-factor-disable = Zweiten Faktor ausschalten
desk-action-admin-create = Konto für die Verwaltung angelegt
desk-action-account-role = Rolle geändert
desk-action-account-disable = Konto gesperrt
desk-action-account-enable = Konto entsperrt
desk-action-totp-enable = Zweiter Faktor eingeschaltet
desk-action-totp-disable = Zweiter Faktor ausgeschaltet
desk-action-totp-reset = Zweiter Faktor vom Betreiber entfernt
desk-action-webhook-create = Webhook angelegt
desk-action-webhook-change = Webhook geändert
desk-action-webhook-rotate = Geheimnis eines Webhooks ersetzt
desk-action-webhook-enable = Webhook eingeschaltet
desk-action-webhook-disable = Webhook ausgeschaltet
desk-action-webhook-delete = Webhook gelöscht
