# The tickets of a booking with their QR codes.
show-codes = Show the tickets
your-ticket = Your ticket
tickets-as-pdf = PDF to print
add-to-calendar = Add to calendar
add-to-wallet = Add to Apple Wallet
brightness-hint = Turn up the brightness of your screen before you reach the door. Each ticket admits one person.
qr-code-of-ticket = QR code of ticket { $number }
ticket-number = Ticket { $number }
ticket-valid = Valid
ticket-used-at = Used { $when }
no-codes = This booking has no tickets to show.
replace-code = Replace the code of this ticket?
replace-code-link = Replace this code
replace-code-explained = If somebody else may have seen or copied the QR code, replace it. The ticket gets a new code and a new number. The old code stops working at once, also on paper and in e-mails, and does not come back.
replace-code-button = Replace the code
keep-code = Keep the code
notice-code-replaced = Replaced. Only the new code admits now; throw away printed tickets with the old one.
