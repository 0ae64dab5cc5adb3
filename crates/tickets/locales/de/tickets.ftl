# Texte auf gedruckten Tickets und auf Karten fürs Telefon.
ticket-page = Ticket { $page } von { $pages }
ticket-when = Wann
ticket-where = Wo
ticket-date-open = Der Termin wird noch bekannt gegeben.
ticket-holder = Name
ticket-type = Ticketart
ticket-reference = Ticket
ticket-hint = Zeigen Sie diesen Code am Einlass, auf Papier oder auf dem Bildschirm. Er lässt eine Person einmal ein. Wer eine Kopie hat, kann sie benutzen, geben Sie ihn also nicht weiter.
ticket-zone = Zeitzone
ticket-use = Benutzung
ticket-code = Code
