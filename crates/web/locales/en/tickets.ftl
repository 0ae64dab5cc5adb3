# Bookings and waiting-list entries.
notice-booked = { $count ->
    [one] Booked: 1 ticket for { $event }. It is yours.
   *[other] Booked: { $count } tickets for { $event }. They are yours.
 }
notice-returned = Given back. The tickets for { $event } go to the next in line.
notice-joined = You are on the waiting list for { $event }.
notice-changed = Changed. This is your place for { $event } now.
notice-left = You have left the waiting list for { $event }.
given-back-at = Given back { $when }
ticket-count = { $count ->
    [one] 1 ticket
   *[other] { $count } tickets
 }
booked-at = Booked { $when }
joined-at = Joined { $when }
print = Print
give-back = Give tickets back
give-back-one = Give back 1 ticket
give-back-many = Give back { $count } tickets
give-back-explained = What you give back goes to the next person in line at once. You cannot undo this; to come again, you would have to book or queue like everybody else.
how-many-back = How many tickets do you give back?
your-tickets = Your tickets
keep-tickets = Keep my tickets
cannot-give-back = These tickets cannot be given back any more.
back-to-tickets = Back to my tickets
no-tickets-title = No tickets yet
no-tickets = What you book appears here, the next event first.
find-event = Find an event
history = { $count ->
    [one] History (1)
   *[other] History ({ $count })
 }
position = You are number { $number } in line
position-unknown = You are in line
queue-explained = When it is your turn, you get the tickets at once and find them under “My tickets”.
no-queue-title = You are in no queue
no-queue = If an event is sold out, you can join its waiting list. Your place appears here.
change-or-leave = Change or leave
change-quantity = Change the number of tickets
change-quantity-explained = With fewer tickets you keep your place. With more you go to the end of the queue.
save-quantity = Save the new number
leave-queue = Leave the queue
leave-explained = You lose your place at once, and cannot get it back.
entry-promoted = You got tickets
entry-left = You left
entry-closed = The queue was closed
booking-expired = Not confirmed in time
entry-expired = You did not accept the tickets in time
