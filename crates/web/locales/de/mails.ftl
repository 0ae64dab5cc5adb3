# E-Mails am Schalter der Veranstalter.
mails = E-Mails
mails-explained = E-Mails informieren Menschen über ihre Tickets, ihre Plätze in Warteschlangen und ihre Konten. Hier stehen die, die nicht gesendet wurden oder vielleicht nicht ankamen, die neuesten zuerst. Die Tickets selbst sind davon nicht betroffen.
mails-to-decide = Zu entscheiden
mails-none = Es gibt keine solchen E-Mails.
mail = E-Mail
mail-recipient = Konto des Empfängers
mail-message = Nachricht
mail-failed = Fehlgeschlagen
mail-failed-explained = Fehlgeschlagen: Der Mailserver hat die E-Mail abgelehnt oder konnte sie einen Tag lang nicht annehmen. Beheben Sie zuerst den Grund, etwa eine falsche Adresse im Konto, und senden Sie die E-Mail dann noch einmal. Sie geht an die Adresse, die das Konto jetzt hat.
mail-unclear = Unklar
mail-unclear-explained = Unklar: Die Verbindung brach ab, während die E-Mail übergeben wurde. Vielleicht ist sie angekommen. Fragen Sie den Empfänger, oder sehen Sie im Protokoll des Mailservers nach. Ist sie nicht angekommen, senden Sie sie noch einmal.
mail-pending = Wartend
mail-pending-explained = Wartend: Die E-Mail wird von selbst gesendet. Nimmt der Mailserver sie nicht an, wird es einen Tag lang wieder versucht. Sie müssen nichts tun.
mail-settled = Erledigt
mail-attempts = { $count ->
    [one] 1 Versuch.
   *[other] { $count } Versuche.
 }
mail-next-attempt = Nächster Versuch: { $time }
mail-resend = Noch einmal senden
mail-resend-title = Diese E-Mail noch einmal senden?
mail-resend-explanation = Es ist nicht bekannt, ob diese E-Mail gesendet wurde. Wenn ja, bekommt der Empfänger sie zweimal.
mail-kind-confirmed = Tickets gebucht
mail-kind-waitlisted = Platz in einer Warteschlange
mail-kind-promoted = Tickets aus der Warteschlange
mail-kind-offered = Angebot von Tickets aus der Warteschlange
mail-kind-offer-lapsed = Angebot verfallen
mail-kind-returned = Tickets zurückgegeben oder Veranstaltung abgesagt
mail-kind-withdrawn = Reservierte Tickets zurückgegeben oder Veranstaltung abgesagt
mail-kind-waitlist-closed = Warteschlange geschlossen oder Veranstaltung abgesagt
mail-kind-event-changed = Veranstaltung geändert
mail-kind-reminder = Veranstaltung beginnt bald
mail-kind-transfer-offered = Tickets jemand anderem angeboten
mail-kind-transfer-accepted = Angebotene Tickets angenommen
mail-kind-transfer-declined = Angebotene Tickets abgelehnt
mail-kind-transfer-received = Tickets von jemand anderem
mail-kind-guest-link = Link eines Gastes
mail-kind-waiting-guest-link = Link eines wartenden Gastes
mail-kind-account-notice = Mitteilung zum Konto
mail-kind-webhook-disabled = Webhook ausgeschaltet
desk-done-mail-resent = Die E-Mail wird noch einmal gesendet.
problem-delivery-not-failed = Diese E-Mail wurde schon gesendet oder wird gerade gesendet und deshalb nicht noch einmal.
