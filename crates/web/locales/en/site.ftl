# Texts of every page.
skip-to-content = Skip to content
main-navigation = Main
footer-navigation = More
language = Language
events = Events
my-tickets = My tickets
my-queue = My queue
nav-tickets = My tickets
nav-queue = My queue
desk = Desk
account = Account
help = How it works
try-again = Try again
to-all-events = All events
error-summary-title = There is a problem
error-number = Error { $status }
