# The organizers' desk.
desk-events = Events
desk-event = Event
desk-accounts = Accounts
desk-account = Account
desk-audit-log = Audit log
desk-create-event = Create an event
desk-search = Search
desk-search-events = Search by name, place or description
desk-search-accounts = Search by name, username or e-mail
desk-filter = Filter
desk-when-upcoming = Upcoming
desk-when-past = Past
desk-when-all = All
desk-no-events = There are no events here yet. Create the first one.
desk-no-events-found = No event matches “{ $search }”.
desk-no-accounts-found = No account matches “{ $search }”.
desk-starts = Starts
desk-no-date = No date yet
desk-status = Status
desk-status-draft = Draft
desk-status-published = Published
desk-status-cancelled = Called off
desk-sold = Sold
desk-of-total = of { $total }
desk-percent-of = { $percent }% of { $total }
desk-sold-of = { $sold } of { $total }
desk-left = Left
desk-waiting = Waiting
desk-waiting-hint = Parties in the queue
desk-held = Held
desk-held-hint = Returned, for the queue only
desk-reserved = Reserved
desk-reserved-hint = Not confirmed yet
desk-number-reserved = { $count } reserved
desk-number-held = { $count } held for the queue
desk-number-left = { $count } left
desk-returned = Returned
desk-returned-hint = Tickets given back so far
desk-sales = Sales over time
desk-sales-none = No sales yet.
desk-sales-late = The chart follows within seconds: the latest sales are being counted.
desk-sales-zone = Times are in { $zone }.
desk-sales-title = Tickets sold and parties waiting over time
desk-sales-description = From { $from } to { $to }: { $sold } of { $total } tickets are sold at the end, and { $waiting } parties wait.
desk-sales-sold = Sold { $count }
desk-sales-waiting = Waiting { $count }
desk-sales-on-sale = On sale
desk-sales-sold-out = Sold out
desk-sales-capacity = { $total } tickets
desk-sales-booked = Booked
desk-sales-returned = Returned
desk-sales-returned-sum = { $count ->
    [one] One ticket was returned.
   *[other] { $count } tickets were returned.
 }
desk-sales-promoted = To the queue
desk-sales-promoted-sum = { $count ->
    [one] One ticket went to the queue.
   *[other] { $count } tickets went to the queue.
 }
desk-sales-joined = Joined the queue
desk-sales-left = Left the queue
desk-sales-from = From
desk-sales-table = Show the numbers as a table
desk-more = Next page
desk-back = Back
desk-continue = Continue
desk-overview = Overview
desk-bookings = Bookings
desk-waiting-list = Waiting list
desk-details = Details
desk-capacity = Number of tickets
desk-ticket-type = Ticket type
desk-ticket-types = Ticket types
desk-price = Price
desk-actions = Actions
desk-view-page = View the public page
desk-duplicate = Duplicate
desk-tickets = Tickets
desk-tickets-sold = { $count ->
    [one] { $count } ticket sold
   *[other] { $count } tickets sold
 }
desk-export = Download as CSV
desk-no-bookings = Nobody has booked yet.
desk-no-such-bookings = There are no such bookings.
desk-all-bookings = All
desk-reserved-until = until
desk-holder = Name
desk-origin = Origin
desk-origin-direct = Booked
desk-origin-waitlist = From the queue
desk-origin-transfer = From another account
desk-origin-manual = By an organizer
desk-booked-at = Booked
desk-booking-id = Booking
desk-booking-reserved = Reserved
desk-booking-expired = Lapsed
desk-booking-confirmed = Confirmed
desk-booking-cancelled = Cancelled
desk-cancel-booking-link = Cancel
desk-cancel-booking-title = Cancel this booking?
desk-cancel-booking-explanation = The person loses the tickets. They go to the next in the queue at once, or back on sale if nobody waits.
desk-cancel-booking-button = Cancel the booking
desk-parties-waiting = { $count ->
    [one] { $count } party
   *[other] { $count } parties
 }
desk-all-types = All
desk-nobody-waits = Nobody is waiting.
desk-place = Place
desk-waits-since = Waiting since
desk-not-servable = Asks for more tickets than the limits allow
desk-remove-entry-link = Remove
desk-remove-entry-title = Remove this party from the queue?
desk-remove-entry-explanation = The party loses its place, and everybody behind it moves up.
desk-remove-entry-button = Remove from the queue
desk-reason = Reason
desk-reason-hint = Optional. The audit log keeps it.
desk-capacity-title = Change the number of tickets
desk-capacity-explanation = Enter the new totals. You will see what happens before anything changes.
desk-capacity-hint = { $sold } sold, { $waiting } waiting
desk-capacity-hint-reserved = { $sold } sold, { $reserved } reserved, { $waiting } waiting
desk-capacity-check = This will happen
desk-capacity-button = Change the number of tickets
desk-capacity-raised = { $type }: { $change } more, { $total } in all. { $left } will be on sale.
desk-capacity-raised-for-queue = { $type }: { $change } more, { $total } in all. They go to the queue first: { $waiting ->
    [one] one party waits.
   *[other] { $waiting } parties wait.
 }
desk-capacity-lowered = { $type }: { $change } fewer, { $total } in all. Nobody loses a ticket.
desk-capacity-below-sold = { $type }: { $sold } tickets are sold already, so the total cannot be lower.
desk-capacity-below-taken = { $type }: { $sold } tickets are sold or reserved already, so the total cannot be lower.
desk-capacity-invalid = { $type }: enter a whole number from 1.
desk-guest-title = Book for a guest
desk-guest-explanation = The guest needs no account, and gets an e-mail with a link that shows and returns the tickets. Complimentary tickets and sales at the door are booked like this.
desk-guest-button = Book for a guest
desk-guest-book = Book for the guest
desk-guest-name = Name of the guest
desk-send-link = Send link
desk-send-link-title = Send the link again
desk-send-link-button = Send the link
desk-send-link-explanation = The guest gets another e-mail with a link that shows and returns the tickets.
desk-send-link-explanation-waits = The guest gets another e-mail with a link that shows the place in the queue, and later the tickets.
desk-send-link-replace = The links that were sent before stop working
desk-guest-account = Or the id of an account
invalid-accountid = There is no enabled account with this id.
desk-guest-account-hint = If it is given, leave the name and the address empty. The booking then belongs to the account. Owners find the id in the list of accounts.
desk-guest-may-wait = If there are not enough tickets, put the guest into the queue
desk-n-left = { $count } left
desk-new-title = Create an event
desk-edit-title = Change the event
desk-copy-of = Copy of { $name }
desk-field-name = Name
desk-field-venue = Place
desk-field-venue-hint = As it should be read, such as “Old Harbor Hall, Hamburg”
desk-field-description = Description
desk-field-description-hint = Markdown: **bold**, *italic*, # headings, - lists, [links](https://example.org)
desk-times = Dates and times
desk-field-timezone = Time zone
desk-field-timezone-hint = IANA name such as Europe/Berlin. All times below are entered and shown in it. If the clocks are put back and a time occurs twice, the first one counts.
invalid-timezone = Choose a time zone from the list, such as Europe/Berlin.
desk-field-startsat = Starts
desk-field-endsat = Ends
desk-field-salesstartat = On sale from
desk-field-salesendat = On sale until
desk-field-canceluntil = Tickets can be given back until
desk-field-waitlistuntil = The queue is served until
desk-until-start = the event starts
desk-until-sales-end = sales end
desk-reservations = Reservations and offers
desk-field-checkoutminutes = Minutes to check out
desk-field-checkoutminutes-hint = How long tickets are held for a buyer until the booking must be confirmed, from 1 to 1440 minutes. Leave it empty to confirm bookings at once.
invalid-checkoutminutes = Enter a whole number of minutes from 1 to 1440, or leave it empty.
desk-field-offerminutes = Minutes to accept an offer
desk-field-offerminutes-hint = How long returned tickets are offered to the next in the queue, from 1 to 10080 minutes: 120 for two hours, 1440 for a day. Leave it empty to give them the tickets at once.
invalid-offerminutes = Enter a whole number of minutes from 1 to 10080, or leave it empty.
desk-types-hint = Fill in one row for each kind of ticket. Rows without a name are ignored. Ticket types and prices cannot be changed later.
desk-field-currency = Currency
desk-field-currency-hint = Three letters, such as EUR
desk-type-name = Name
desk-type-total = Tickets
desk-type-per-booking = Most per booking
desk-type-per-account = Most per person
desk-missing-event-name = Enter a name for the event.
desk-invalid-time = Enter a date and a time.
desk-skipped-time = This time does not exist: the clocks are put forward over it. Enter a later or an earlier one.
desk-missing-type-name = Row { $row }: enter a name for the ticket type.
desk-invalid-type-total = Row { $row }: enter the number of tickets, from 1.
desk-invalid-type-price = Row { $row }: enter a price such as 12.50, or leave it empty if the tickets are free.
desk-invalid-type-limit = Row { $row }: limits are whole numbers from 1.
desk-missing-types = Fill in at least one ticket type.
desk-save-draft = Save as a draft
desk-create-and-publish = Create and publish
desk-save-changes = Save changes
desk-publish-title = Publish this event?
desk-publish-explanation = Everybody can see it, and tickets can be booked as soon as sales are open.
desk-publish-button = Publish the event
desk-unpublish-title = Withdraw this event?
desk-unpublish-explanation = It becomes a draft again, which only organizers see.
desk-unpublish-button = Make it a draft again
desk-calloff-title = Call off this event?
desk-calloff-explanation = { $tickets ->
    [0] No tickets are sold or reserved.
    [one] One ticket is cancelled.
   *[other] { $tickets } tickets are cancelled.
 } { $waiting ->
    [0] Nobody waits.
    [one] One party loses its place in the queue.
   *[other] { $waiting } parties lose their place in the queue.
 } This cannot be undone.
desk-calloff-button = Call off the event
desk-delete-title = Delete this draft?
desk-delete-explanation = The draft and its ticket types are removed. This cannot be undone.
desk-delete-button = Delete the draft
desk-username = Username
desk-role = Role
desk-role-owner = Owner
desk-role-organiser = Organizer
desk-role-door = Door
desk-role-user = Buyer
desk-created-at = Since
desk-change-role = Change the role
desk-change = Change
desk-role-owner-explained = Everything, also accounts and roles.
desk-role-organiser-explained = Events, bookings, waiting lists, and checking people in.
desk-role-door-explained = Only checking people in.
desk-account-is-active = Active
desk-account-is-disabled = Disabled
desk-disable-account-link = Disable
desk-enable-account-link = Enable
desk-disable-account-title = Disable this account?
desk-disable-account-explanation = Nobody can sign in with it any more.
desk-disable-account-loses = It loses { $bookings ->
    [one] one booking
   *[other] { $bookings } bookings
 } with { $tickets ->
    [one] one ticket
   *[other] { $tickets } tickets
 } and { $entries ->
    [one] one place
   *[other] { $entries } places
 } in the queue of coming events.
desk-disable-account-button = Disable the account
desk-enable-account-title = Enable this account?
desk-enable-account-explanation = Its owner can sign in again. Bookings that were cancelled do not come back.
desk-enable-account-button = Enable the account
desk-audit-explanation = Every change by an organizer or an operator, latest first.
desk-no-audit = Nothing has been recorded yet.
desk-audit-when = When
desk-audit-what = What
desk-audit-details = Details
desk-audit-who = Who
desk-action-event-create = Event created
desk-action-event-change = Event changed
desk-action-event-cancel = Event called off
desk-action-event-delete = Draft deleted
desk-action-booking-create = Booked for a person
desk-action-booking-link = Link of a guest sent again
desk-action-waitlist-link = Link of a waiting guest sent again
desk-action-booking-cancel = Booking cancelled for a person
desk-action-checkin-undo = Check-in undone
desk-action-waitlist-remove = Party removed from the queue
desk-done-created = The event has been created.
desk-done-changed = Your changes are saved.
desk-done-publish = The event is published.
desk-done-unpublish = The event is a draft again.
desk-done-calloff = The event has been called off. All its bookings are being cancelled.
desk-done-deleted = The draft has been deleted.
desk-done-capacity = The number of tickets has been changed.
desk-done-booking-cancelled = The booking has been cancelled.
desk-done-entry-removed = The party has been removed from the queue.
desk-done-link-sent = The link is on its way to the guest.
desk-done-guest-booked = The tickets are booked for the guest.
desk-done-guest-waits = There are not enough tickets, so the guest is in the queue.
desk-done-account-disabled = The account has been disabled.
desk-done-account-role = The role has been changed.
desk-done-account-enabled = The account has been enabled.
desk-done-second-factor-disabled = The second factor is off. Your password alone suffices to sign in.
desk-field-closewaitlist = If the new times end the waiting list, close it although parties wait. They lose their places.
problem-precondition-failed = Somebody else has changed this event in the meantime. Compare the values below with what you want, and save again.
problem-capacity-below-booked = More tickets than that are sold already, so the total cannot be lower.
problem-event-has-bookings = Somebody has booked or waited for this event, so it can only be called off.
problem-waitlist-would-close = These times would end the waiting list while parties wait. Tick the box below the times if that is what you want.
problem-last-administrator = This is the last owner. Make another administrator an owner first.
desk-picture = Picture
desk-picture-now = The current picture
desk-picture-choose = Choose a picture
desk-picture-replace = Replace the picture
desk-picture-hint = PNG, JPEG or WebP, up to 5 MB, at least 300 × 200 pixels. It is cropped to 3:2 around its middle. 1200 × 800 looks best.
desk-picture-upload = Upload the picture
desk-picture-remove = Remove the picture
desk-picture-missing = Choose a file first.
desk-done-image-set = The picture is shown on the page of the event now.
desk-done-image-removed = The picture has been removed.
problem-unsupported-image = This picture cannot be used. Choose a whole PNG, JPEG or WebP file with at least 300 × 200 pixels and at most 40 million.
problem-unsupported-media-type = This is not a PNG, JPEG or WebP file. Choose another one.
problem-body-too-large = The picture is larger than 5 MB. Choose a smaller one, or save it with a lower quality.
desk-second-factor = Second factor
second-factor-explained = With a second factor, signing in needs a code of an authenticator app on your phone besides your password. Somebody who knows your password cannot sign in without it.
second-factor-begin = Set up the second factor
second-factor-scan = Scan this picture with an authenticator app.
second-factor-qr-code = QR code for the authenticator app
second-factor-type = Or type this secret into the app:
second-factor-open-app = Open it in an app on this device
second-factor-first-code-hint = The six digits that the app shows now.
second-factor-enable = Switch the second factor on
second-factor-is-on = The second factor is on. Signing in needs a code of your authenticator app.
recovery-codes-explained = Keep these recovery codes in a safe place. Each of them replaces a code of the app once, for example if you lose your phone. They are not shown again.
recovery-codes-kept = I have kept the codes
second-factor-disable-title = Switch the second factor off
second-factor-disable-explained = Afterwards, your password alone suffices to sign in.
second-factor-disable = Switch the second factor off
desk-action-admin-create = Administrator created
desk-action-account-role = Role changed
desk-action-account-disable = Account disabled
desk-action-account-enable = Account enabled
desk-action-totp-enable = Second factor switched on
desk-action-totp-disable = Second factor switched off
desk-action-totp-reset = Second factor removed by an operator
desk-action-webhook-create = Webhook created
desk-action-webhook-change = Webhook changed
desk-action-webhook-rotate = Secret of a webhook replaced
desk-action-webhook-enable = Webhook switched on
desk-action-webhook-disable = Webhook switched off
desk-action-webhook-delete = Webhook deleted
