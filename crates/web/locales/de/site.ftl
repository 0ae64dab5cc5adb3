# Texte aller Seiten.
skip-to-content = Zum Inhalt springen
main-navigation = Hauptnavigation
footer-navigation = Weiteres
language = Sprache
events = Programm
my-tickets = Meine Tickets
my-queue = Meine Warteplätze
nav-tickets = Tickets
nav-queue = Warteliste
desk = Verwaltung
account = Konto
help = So funktioniert es
try-again = Erneut versuchen
to-all-events = Alle Veranstaltungen
error-summary-title = Es gibt ein Problem
error-number = Fehler { $status }
