# The list of events and the page of an event.
events-description = Tickets for the events of { $site }: what is on, what is left, and a fair waiting list.
search = Search
search-label = Search events
search-hint = Name, place or artist
filter-when = When
filter-month = Month
filter-availability = Availability
upcoming = Upcoming
past = Past
filter-remove = remove this filter
show-available = Tickets left
all-months = All months
more-events = More events
events-found = { $count ->
    [one] One event
   *[other] { $count } events
 }
no-events-title = Nothing on at the moment
no-events = There are no events yet. Come back soon.
nothing-found-title = No event matches
nothing-found = Try another word, another month, or all events.
show-all-events = Show all events
date-unknown = Date to be announced
state-called-off = Called off
state-past = Over
state-sales-ended = Sales have ended
state-sold-out = Sold out
state-left = { $count } left
state-waiting = { $count ->
    [one] 1 party waiting
   *[other] { $number } parties waiting
 }
state-on-sale = On sale { $when }
in-days = { $count ->
    [one] in 1 day
   *[other] in { $count } days
 }
in-hours = { $count ->
    [one] in 1 hour
   *[other] in { $count } hours
 }
in-minutes = { $count ->
    [one] in 1 minute
   *[other] in { $count } minutes
 }
duration-days = { $count ->
    [one] 1 day
   *[other] { $count } days
 }
duration-hours = { $count ->
    [one] 1 hour
   *[other] { $count } hours
 }
duration-minutes = { $count ->
    [one] 1 minute
   *[other] { $count } minutes
 }
when = When
where = Where
until = until { $when }
show-map = Show on a map
tickets = Tickets
opens = Sales open
waiting-explained = Returned tickets go to the waiting list in order. You see your place before you join, and joining costs nothing.
offer-explained = When it is your turn, the tickets are offered to you, and you have { $time } to accept.
checkout-explained = Reserved tickets are held for you for { $time }. They are yours once you confirm within that time.
called-off-explained = All bookings were cancelled. If you had tickets, the organizer will be in touch.
ticket-type = Ticket type
how-many = How many tickets?
one-less = One ticket less
one-more = One ticket more
total = Total
continue-to-booking = Continue
join-waiting-list = Join the waiting list
book-one = Book 1 ticket
book-many = Book { $count } tickets
reserve-one = Reserve 1 ticket
reserve-many = Reserve { $count } tickets
return-until = You can give tickets back until { $when }.
about-event = About this event
event = Event
quantity = Quantity
total-when-promoted = Total, if you get tickets
check-and-book = Check and book
check-and-reserve = Check and reserve
change-choice = Change my choice
back-to-event = Back to the event
not-possible-now = This event takes neither bookings nor places in the queue at the moment.
ahead = { $count ->
    [0] Nobody is ahead of you
    [one] 1 party is ahead of you
   *[other] { $count } parties are ahead of you
 }
waiting-summary = { $count ->
    [one] There is no ticket for you right now. When one is returned and it is your turn, you get it at once.
   *[other] Fewer than { $count } tickets are available right now. When enough are returned and it is your turn, you get them at once.
 }
waiting-summary-offer = { $count ->
    [one] There is no ticket for you right now. When one is returned and it is your turn, it is offered to you, and you have { $time } to accept.
   *[other] Fewer than { $count } tickets are available right now. When enough are returned and it is your turn, they are offered to you, and you have { $time } to accept.
 }
also-label = Would other tickets do as well?
also-explained = You then wait for all of them and get whichever comes first. Your places in the other lists end with that. If some of these tickets are available right now, you get those at once.
also-type = { $name }, { $price }: { $count ->
    [0] nobody waits
    [one] 1 party waits
   *[other] { $count } parties wait
 }
minimum-label = Would fewer tickets do as well?
minimum-explained = Your place stays the same. If fewer tickets come and they are enough for you, you get those and no longer wait for the others.
minimum-all = { $count ->
    [2] No, wait for both tickets
   *[other] No, wait for all { $count } tickets
 }
minimum-fewer = { $count ->
    [one] Yes, even 1 ticket
   *[other] Yes, { $count } tickets or more
 }
just-sold-out = Someone was quicker: there are not enough tickets left. Nothing was booked. You can join the waiting list instead.
help-description = How booking, the waiting list and giving tickets back work.
help-lead = Every ticket is sold once, and every returned ticket goes to the next person in line.
help-1-title = Choose and book
help-1 = Pick an event, the type and the number of tickets. You see a summary before you book. Booked tickets are yours. Some events first hold the tickets for you for a while, until you confirm them.
help-2-title = Sold out? Join the waiting list
help-2 = You see how many parties are ahead before you join. Your place is shown under “My queue”, and you can leave at any time.
help-3-title = Get your turn
help-3 = When tickets are returned, the next in line get them at once, and you find them under “My tickets”. You need not be quick. Some events offer you the tickets instead, and you have some time to accept; you see how long before you join.
help-4-title = Give back what you do not need
help-4 = You can give back some or all of your tickets until the deadline of the event.
help-fair-title = Why it is fair
help-fair = First come, first served: nobody can jump the queue, and returned tickets never go on open sale while someone is waiting. A party that asks for more tickets than have been returned keeps its place.
help-safe-title = If the connection breaks
help-safe = Send the form again. Every form acts only once, even if you send it twice.
available = Available
embed-book = Get tickets
embed-details = See details
opens-in-new-tab = opens in a new tab
