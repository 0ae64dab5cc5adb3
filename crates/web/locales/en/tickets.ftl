# Bookings and waiting-list entries.
notice-booked = { $count ->
    [one] Booked: 1 ticket for { $event }. It is yours.
   *[other] Booked: { $count } tickets for { $event }. They are yours.
 }
notice-returned = Given back. The tickets for { $event } go to the next in line or back on sale.
notice-lapsed = The time for { $event } had run out already. The tickets have gone to the next in line or back on sale.
notice-declined = Declined. The tickets for { $event } go to the next in line.
notice-joined = You are on the waiting list for { $event }.
notice-changed = Changed. This is your place for { $event } now.
notice-left = You have left the waiting list for { $event }.
given-back-at = Given back { $when }
reservation-lapsed-at = The reservation ended { $when }
offer-lapsed-at = The offer ended { $when }
reserved-until = Held for you until
offered-until = Offered to you until
local-time = { $time } your time
time-left = Time left:
last-minute = Less than a minute is left.
reservation-title = Confirm your tickets
reservation-explained = The tickets are not yours yet. If you do not confirm them in time, they go to the next in line or back on sale.
offer-title = It is your turn
offer-explained-open = These tickets are offered to you. If you do not accept in time, they go to the next in line.
confirm-one = Confirm 1 ticket
confirm-many = Confirm { $count } tickets
accept-one = Accept 1 ticket
accept-many = Accept { $count } tickets
decline = Decline
decline-title = Decline the offer
decline-explained = Tickets that you decline go to the next person in line at once. You cannot undo this; to come after all, you would have to join the waiting list again, at its end.
decline-one = Decline 1 ticket
decline-many = Decline { $count } tickets
give-back-short = Give back
reservation-lapsed-title = The reservation has ended
reservation-lapsed-today = The reservation ended at { $when }. The tickets have gone to the next in line or back on sale.
reservation-lapsed-earlier = The reservation ended on { $when }. The tickets have gone to the next in line or back on sale.
offer-lapsed-title = The offer has ended
offer-lapsed-today = The offer ended at { $when }. The tickets have gone to the next in line.
offer-lapsed-earlier = The offer ended on { $when }. The tickets have gone to the next in line.
offer-lapsed-explained = The tickets have gone to the next in line. You can join the waiting list again, at its end.
reservation-confirmed-title = These tickets are yours
reservation-confirmed = The booking is confirmed.
reservation-cancelled-title = You do not have these tickets any more
offer-count = { $count ->
    [one] 1 ticket is offered to you
   *[other] { $count } tickets are offered to you
 }
offer-count-of = { $count ->
    [one] 1 of the { $requested } tickets that you asked for is offered to you
   *[other] { $count } of the { $requested } tickets that you asked for are offered to you
 }
ticket-range = { $least } to { $most } tickets
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
give-back-explained = Tickets that you give back go to the next person in line at once, or back on sale if nobody waits. You cannot undo this; to come after all, you would have to book or queue like everybody else.
how-many-back = How many tickets do you give back?
your-tickets = Your tickets
keep-tickets = Keep my tickets
keep-offer = Keep the offer
all-used = These tickets were used at the door, so they can no longer be given back.
cannot-give-back = These tickets cannot be given back any more.
back-to-tickets = Back to my tickets
no-tickets-title = No tickets yet
no-tickets = Your bookings appear here, the next event first.
find-event = Find an event
history = { $count ->
    [one] History (1)
   *[other] History ({ $count })
 }
position = You are number { $number } in line
position-unknown = You are in line
chance = Your chance of getting tickets is about { $low } to { $high }%.
chance-reason = This is estimated from the { $tickets } tickets that were returned in the last { $days } days, the parties ahead of you, and the time that is left ({ $left }).
queue-explained = When it is your turn, you get the tickets at once and find them under “My tickets”.
no-queue-title = You are in no queue
no-queue = If an event is sold out, you can join its waiting list. Your place appears here.
change-or-leave = Change or leave
change-quantity = Change the number of tickets
change-quantity-explained = With fewer tickets you keep your place. With more you go to the end of the queue.
save-quantity = Save the new number
change-minimum = Change the minimum number
save-minimum = Save the choice
leave-queue = Leave the queue
leave-explained = You lose your place at once, and cannot get it back.
wish-explained = You get whichever of these tickets comes first. Your other places then end.
wish-place = Or { $type }: number { $number } in line
wish-place-unknown = Or { $type }: you are in line
change-wish-explained = The change is for all the ticket types that you wait for here.
leave-one = Leave only this list
leave-one-explained = You go on waiting for the other ticket types.
leave-all = Leave all lists
notice-left-one = You no longer wait for { $type } at { $event }.
entry-promoted = You got tickets
entry-left = You left
entry-declined = You declined the offer
entry-expired = The offer ended
entry-closed = The queue was closed

# Tickets that are given to somebody else.
give-tickets = Give tickets to somebody else
give-tickets-explained = We send a link to the other person, who accepts with an account of their own and gets new codes. Until then the tickets stay yours and you can change your mind. The link works for 7 days, but not after the event has begun.
to-email = E-mail address of the other person
to-email-hint = Anybody who has the link can accept the tickets, so check the address.
offer-tickets = Offer the tickets
offer-one = Offer 1 ticket
offer-many = Offer { $count } tickets
pending-transfers = Offered and not accepted yet
offered-until-time = until { $when }
withdraw-transfer = Withdraw
cannot-give = These tickets cannot be given to somebody else any more.
all-offered = All tickets that you have not used are offered to somebody. Withdraw an offer to make another one.
notice-offered = Offered. The other person gets an e-mail with a link.
notice-withdrawn = Withdrawn. The link does not work any more, and the tickets are still yours.
notice-received = These tickets are yours now.
given-away-at = Given to somebody else { $when }
transfer-title = Tickets for you
transfer-explained = { $count ->
    [one] Somebody offers you this ticket until { $when }. If you accept, it is yours, with a new code.
   *[other] Somebody offers you these tickets until { $when }. If you accept, they are yours, with new codes.
 }
accept-count = { $count ->
    [one] Accept 1 ticket
   *[other] Accept { $count } tickets
 }
show-own-offer = Show my offer
transfer-is-own = You offered these tickets yourself. Only another account can accept them.
transfer-is-yours = You have accepted these tickets. They are yours.
transfer-is-accepted = These tickets were accepted with another account.
transfer-is-withdrawn = The other person has withdrawn the offer.
transfer-is-declined = The offer was declined, so the tickets stay where they are.
transfer-is-lapsed = The offer has ended. Ask the other person to send it again.
transfer-event-begun = The event has begun, so its tickets can no longer be given to somebody else.
transfer-booking-cancelled = The tickets do not exist any more.
transfer-already-checked-in = Tickets that were used at the door cannot be given to somebody else.
invalid-toemail = Enter the e-mail address of the other person, such as grace@example.org. Your own does not work.

# The record of a queue. It is public and names nobody.
queue-record = The record of this queue
queue-record-number = your number there: { $number }
queue-record-explained = Each line says what happened to one place in the queue. A place is only a number, so the record says nothing about the people who wait. You find your number under “My queue”.
record-empty = Nobody has joined this queue yet.
record-all = { $count ->
    [one] One line
   *[other] All { $count } lines, the latest first
 }
record-shown = The last { $shown } of { $count } lines, the latest first
record-position = Line
record-when = When ({ $zone })
record-who = Number
record-what = What happened
record-joined = Joined for { $size }
record-changed = Waits for { $size } now
record-moved = Waits for { $size } now, and moved from number { $previous } to the end
record-left = Left the queue
record-removed = Was removed by the organizers
record-closed = Was closed, because the queue ended
record-reopened = Waits again, for { $size }
record-promoted = Got { $count } of { $free } free { $free ->
    [one] ticket
   *[other] tickets
 }
record-restarted = The record starts anew after an upgrade. All who wait follow.
record-listed = Waits for { $size }
record-hash = Check value of the last line:
record-check-title = Check it yourself
record-check-hash = The check value is computed from the last line and all lines before it. Note it today: if anybody changes, removes or inserts a line later, the record no longer contains it.
record-check-program = The program rowlockctl reads the whole record, without an account, computes all check values again, and tells whether a number was passed over that should have had its turn. The documentation describes the format, so that you can write a program of your own.
record-check-limits = A party is passed over only if it asks for more tickets than were free, or than one booking may have. The record cannot prove how many tickets were free; it shows what was stated each time.

# The pages behind the link of a guest.
notice-guest-returned = Given back. The tickets go to the next in line or back on sale.
notice-guest-left = You have left the waiting list.
guest-queue-explained = When it is your turn, you get the tickets at once. We write to you then, and this page shows them.
guest-link-unknown-title = This link does not work
guest-link-unknown = The link is incomplete, or a newer one was sent to you. Use the newest e-mail about your tickets, or ask the organizer to send the link again.
