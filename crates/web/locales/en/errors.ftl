# Problems of the API by their code, and error pages.
problem-other = This did not work. Please check your entries and try again.
problem-bad-credentials = The e-mail address or the password is wrong.
problem-bad-credentials-or-unconfirmed = The e-mail address or the password is wrong. If your account is new, follow the link that we have sent you first.
problem-wrong-password = The current password is wrong.
problem-bad-totp = The code is wrong, has expired or was already used. Wait for the next one.
problem-account-disabled = This account has been disabled. Please contact the organizer.
problem-mail-disabled = This box office sends no e-mail. Ask the organizer for help.
problem-link-not-found = This link is incomplete, has expired or was already used.
problem-forbidden = Your account is not permitted to do this.
problem-event-not-found = This event does not exist, or is not published.
problem-booking-not-found = You have no such booking.
problem-waitlist-entry-not-found = You have no such place in the queue.
problem-email-taken = There is already an account with this e-mail address. Sign in instead.
problem-username-taken = This username is taken. Choose another one.
problem-sold-out = There are not enough tickets left.
problem-already-waiting = You are already in the queue for these tickets.
problem-account-limit = You would have more tickets than one person may have for this event.
problem-sales-closed = Tickets are not on sale at the moment.
problem-event-cancelled = This event has been called off.
problem-event-begun = The event has begun, so tickets can no longer be given back.
problem-cancellation-closed = The deadline for giving tickets back has passed.
problem-reservation-expired = The reservation has ended, and the tickets have gone to the next in line or back on sale.
problem-booking-cancelled = This booking is cancelled.
problem-not-a-guest = The holder has an account, so there is no link to send.
problem-event-over = The event is over, so these tickets can no longer be confirmed.
problem-transfer-not-found = This link is incomplete, or the tickets are no longer offered.
problem-transfer-ended = These tickets are no longer offered.
problem-own-transfer = You offered these tickets yourself. Only another account can accept them.
problem-tickets-offered = Some of these tickets are already offered to somebody else. Withdraw that offer first.
problem-booking-not-confirmed = These tickets are only reserved for you. Confirm them first.
problem-ambiguous-booking = You have several bookings for this event. Choose one of them under “My tickets”.
problem-ambiguous-waitlist-entry = You have several places in the queue of this event. Choose one of them under “My queue”.
problem-already-promoted = Your turn has come: you have tickets now. You find them under “My tickets”.
problem-idempotency-key-reused = This form was already sent with other values. Reload the page and try again.
problem-invalid-input = Some entries are missing or invalid.
problem-rate-limited = { $seconds ->
    [one] Too many requests. Please wait a second and try again.
   *[other] Too many requests. Please wait { $seconds } seconds and try again.
 }
problem-outcome-unknown = We could not find out whether this took effect. Send the form again: it acts only once.

error-forbidden-title = You cannot see this page
error-forbidden-explanation = Your account is not permitted to see this page.
error-forbidden-advice = If you have another account, sign out and sign in with that one.
error-foreign-form-title = This form came from another site
error-foreign-form-explanation = For your protection, we accept forms from our own pages only. Nothing was changed.
error-foreign-form-advice = If you did not come from another site, open the page again and repeat what you were about to do.
error-form-expired-title = This form is out of date
error-form-expired-explanation = The page had been open for too long, or cookies are switched off in your browser. Nothing was changed.
error-form-expired-advice = Go back, reload the page and send the form again.
error-not-found-title = Page not found
error-not-found-explanation = There is nothing at this address. The event may have been removed, or the link is incomplete.
error-not-found-advice = Look for it in the list of events.
error-method-title = This does not work here
error-method-explanation = The page cannot be used in this way. Nothing was changed.
error-method-advice = Go back to the page with the form and send it again.
error-conflict-title = This is not possible right now
error-conflict-explanation = Something has changed in the meantime.
error-conflict-advice = Look at the event again to see what is possible now.
error-too-large-title = That was too much
error-too-large-explanation = The form contains more than we accept. Nothing was changed.
error-too-large-advice = Go back and shorten your text.
error-invalid-title = Something is missing
error-invalid-explanation = Some entries are missing or invalid. Nothing was changed.
error-invalid-advice = Go back and check what you entered.
error-rate-limited-title = One moment, please
error-rate-limited-explanation = Too many requests have come from you. Nothing was changed.
error-rate-limited-advice = { $seconds ->
    [one] Try again in a second.
   *[other] Try again in { $seconds } seconds.
 }
error-internal-title = Something went wrong on our side
error-internal-explanation = The error has been recorded, and we will look into it.
error-internal-advice = Try again. If it happens again, come back in a few minutes.
error-bad-gateway-title = Something went wrong on our side
error-bad-gateway-explanation = A part of the box office sent an answer that we could not read.
error-bad-gateway-advice = Try again in a moment.
error-unavailable-title = The box office is very busy
error-unavailable-explanation = We cannot reach all of our parts at the moment. Your tickets and your place in the queue are safe.
error-unavailable-advice = Try again in a moment. Sending a form again is safe: it acts only once.
