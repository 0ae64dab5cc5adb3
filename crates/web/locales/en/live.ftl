# Pages that follow what happens.
live-lost = Not connected at the moment. This page may be out of date; it catches up by itself.
live-tickets = { $count ->
    [0] You have no tickets now.
    [one] You have 1 ticket now.
   *[other] You have { $count } tickets now.
 }
live-promoted = { $count ->
    [one] You got 1 ticket
   *[other] You got { $count } tickets
 }
live-promoted-of = { $count ->
    [one] You got 1 of the { $requested } tickets that you asked for
   *[other] You got { $count } of the { $requested } tickets that you asked for
 }
live-promoted-explained = It was your turn, and the booking is complete.
live-show-tickets = Show my tickets
live-reserved = { $count ->
    [one] 1 more ticket is held for you.
   *[other] { $count } more tickets are held for you.
 }
