# Die Tickets einer Buchung mit ihren QR-Codes.
show-codes = Tickets zeigen
your-ticket = Ihr Ticket
tickets-as-pdf = PDF zum Drucken
add-to-calendar = In den Kalender
add-to-wallet = Zu Apple Wallet hinzufügen
brightness-hint = Stellen Sie Ihren Bildschirm hell, bevor Sie am Einlass sind. Jedes Ticket gilt für eine Person.
qr-code-of-ticket = QR-Code von Ticket { $number }
ticket-number = Ticket { $number }
ticket-valid = Gültig
ticket-used-at = Benutzt { $when }
no-codes = Diese Buchung hat keine Tickets, die man zeigen könnte.
replace-code = Code dieses Tickets ersetzen?
replace-code-link = Diesen Code ersetzen
replace-code-explained = Wenn jemand anderes den QR-Code gesehen oder kopiert haben könnte, ersetzen Sie ihn. Das Ticket bekommt einen neuen Code und eine neue Nummer. Der alte Code gilt sofort nicht mehr, auch nicht auf Papier und in E-Mails, und kommt nicht zurück.
replace-code-button = Code ersetzen
keep-code = Code behalten
notice-code-replaced = Ersetzt. Eingelassen wird nur noch mit dem neuen Code; werfen Sie ausgedruckte Tickets mit dem alten weg.
