# Probleme der Schnittstelle nach ihrem Code und Fehlerseiten.
problem-other = Das hat nicht geklappt. Bitte prüfen Sie Ihre Angaben und versuchen Sie es erneut.
problem-bad-credentials = Die E-Mail-Adresse oder das Passwort ist falsch.
problem-bad-credentials-or-unconfirmed = Die E-Mail-Adresse oder das Passwort ist falsch. Wenn Ihr Konto neu ist, folgen Sie zuerst dem Link, den wir Ihnen geschickt haben.
problem-wrong-password = Das jetzige Passwort ist falsch.
problem-bad-totp = Der Code ist falsch, abgelaufen oder schon benutzt. Warten Sie auf den nächsten.
problem-account-disabled = Dieses Konto wurde gesperrt. Bitte wenden Sie sich an den Veranstalter.
problem-mail-disabled = Dieser Ticketverkauf verschickt keine E-Mails. Wenden Sie sich an den Veranstalter.
problem-link-not-found = Dieser Link ist unvollständig, abgelaufen oder schon benutzt.
problem-forbidden = Ihr Konto darf das nicht.
problem-event-not-found = Diese Veranstaltung gibt es nicht, oder sie ist nicht veröffentlicht.
problem-booking-not-found = Eine solche Buchung haben Sie nicht.
problem-waitlist-entry-not-found = Einen solchen Warteplatz haben Sie nicht.
problem-email-taken = Mit dieser E-Mail-Adresse gibt es schon ein Konto. Melden Sie sich an.
problem-username-taken = Dieser Benutzername ist vergeben. Wählen Sie einen anderen.
problem-sold-out = Es sind nicht mehr genug Tickets da.
problem-already-waiting = Sie stehen für diese Tickets schon auf der Warteliste.
problem-account-limit = Damit hätten Sie mehr Tickets, als eine Person für diese Veranstaltung haben darf.
problem-sales-closed = Zurzeit werden keine Tickets verkauft.
problem-event-cancelled = Diese Veranstaltung wurde abgesagt.
problem-event-begun = Die Veranstaltung hat begonnen, Tickets können nicht mehr zurückgegeben werden.
problem-cancellation-closed = Die Frist für die Rückgabe ist abgelaufen.
problem-reservation-expired = Die Reservierung ist abgelaufen, und die Tickets sind an die Nächsten in der Reihe gegangen oder wieder im Verkauf.
problem-booking-cancelled = Diese Buchung ist storniert.
problem-not-a-guest = Diese Person hat ein Konto, deshalb gibt es keinen Link zu senden.
problem-event-over = Die Veranstaltung ist vorbei, diese Tickets können nicht mehr bestätigt werden.
problem-transfer-not-found = Dieser Link ist unvollständig, oder die Tickets werden nicht mehr angeboten.
problem-transfer-ended = Diese Tickets werden nicht mehr angeboten.
problem-own-transfer = Diese Tickets haben Sie selbst angeboten. Nur ein anderes Konto kann sie annehmen.
problem-tickets-offered = Einige dieser Tickets sind schon jemandem angeboten. Ziehen Sie dieses Angebot zuerst zurück.
problem-booking-not-confirmed = Diese Tickets sind erst für Sie reserviert. Bestätigen Sie sie zuerst.
problem-ambiguous-booking = Sie haben mehrere Buchungen für diese Veranstaltung. Wählen Sie eine unter „Meine Tickets“.
problem-ambiguous-waitlist-entry = Sie haben mehrere Warteplätze für diese Veranstaltung. Wählen Sie einen unter „Meine Warteplätze“.
problem-already-promoted = Sie sind an der Reihe gewesen und haben jetzt Tickets. Sie finden sie unter „Meine Tickets“.
problem-idempotency-key-reused = Dieses Formular wurde schon mit anderen Angaben gesendet. Laden Sie die Seite neu und versuchen Sie es erneut.
problem-invalid-input = Einige Angaben fehlen oder sind ungültig.
problem-rate-limited = { $seconds ->
    [one] Zu viele Anfragen. Bitte warten Sie eine Sekunde und versuchen Sie es erneut.
   *[other] Zu viele Anfragen. Bitte warten Sie { $seconds } Sekunden und versuchen Sie es erneut.
 }
problem-outcome-unknown = Wir konnten nicht feststellen, ob das gewirkt hat. Senden Sie das Formular noch einmal: Es wirkt nur einmal.

error-forbidden-title = Diese Seite ist nicht für Sie freigegeben
error-forbidden-explanation = Ihr Konto darf diese Seite nicht sehen.
error-forbidden-advice = Wenn Sie ein anderes Konto haben, melden Sie sich ab und mit jenem wieder an.
error-foreign-form-title = Dieses Formular kam von einer anderen Website
error-foreign-form-explanation = Zu Ihrem Schutz nehmen wir nur Formulare unserer eigenen Seiten an. Es wurde nichts geändert.
error-foreign-form-advice = Wenn Sie nicht von einer anderen Website kamen, öffnen Sie die Seite neu und wiederholen Sie den Schritt.
error-form-expired-title = Dieses Formular ist veraltet
error-form-expired-explanation = Die Seite war zu lange offen, oder Ihr Browser nimmt keine Cookies an. Es wurde nichts geändert.
error-form-expired-advice = Gehen Sie zurück, laden Sie die Seite neu und senden Sie das Formular noch einmal.
error-not-found-title = Seite nicht gefunden
error-not-found-explanation = Unter dieser Adresse gibt es nichts. Vielleicht wurde die Veranstaltung entfernt, oder der Link ist unvollständig.
error-not-found-advice = Suchen Sie in der Liste der Veranstaltungen.
error-method-title = Das geht hier nicht
error-method-explanation = Die Seite kann so nicht benutzt werden. Es wurde nichts geändert.
error-method-advice = Gehen Sie zurück zur Seite mit dem Formular und senden Sie es noch einmal.
error-conflict-title = Das ist gerade nicht möglich
error-conflict-explanation = Inzwischen hat sich etwas geändert.
error-conflict-advice = Sehen Sie sich die Veranstaltung noch einmal an, dort steht, was jetzt möglich ist.
error-too-large-title = Das war zu viel
error-too-large-explanation = Das Formular enthält mehr, als wir annehmen. Es wurde nichts geändert.
error-too-large-advice = Gehen Sie zurück und kürzen Sie Ihren Text.
error-invalid-title = Es fehlt etwas
error-invalid-explanation = Einige Angaben fehlen oder sind ungültig. Es wurde nichts geändert.
error-invalid-advice = Gehen Sie zurück und prüfen Sie Ihre Angaben.
error-rate-limited-title = Einen Moment, bitte
error-rate-limited-explanation = Von Ihnen kamen zu viele Anfragen. Es wurde nichts geändert.
error-rate-limited-advice = { $seconds ->
    [one] Versuchen Sie es in einer Sekunde erneut.
   *[other] Versuchen Sie es in { $seconds } Sekunden erneut.
 }
error-internal-title = Bei uns ist etwas schiefgegangen
error-internal-explanation = Der Fehler wurde aufgezeichnet, wir gehen ihm nach.
error-internal-advice = Versuchen Sie es erneut. Wenn es wieder geschieht, kommen Sie in ein paar Minuten wieder.
error-bad-gateway-title = Bei uns ist etwas schiefgegangen
error-bad-gateway-explanation = Ein Teil der Kasse hat eine Antwort geschickt, die wir nicht lesen konnten.
error-bad-gateway-advice = Versuchen Sie es gleich noch einmal.
error-unavailable-title = An der Kasse ist sehr viel los
error-unavailable-explanation = Wir erreichen gerade nicht alle unsere Teile. Ihre Tickets und Ihr Warteplatz sind sicher.
error-unavailable-advice = Versuchen Sie es gleich noch einmal. Ein Formular erneut zu senden ist gefahrlos: Es wirkt nur einmal.
