# Mails at the organizers' desk.
mails = Mails
mails-explained = Mails tell people about their tickets, their places in queues and their accounts. This page lists those that were not sent or may not have been, the latest first. The tickets themselves are not affected.
mails-to-decide = To decide
mails-none = There are no such mails.
mail = Mail
mail-recipient = Account of the recipient
mail-message = Message
mail-failed = Failed
mail-failed-explained = Failed: the mail server refused the mail, or could not take it for a day. Remove the reason first, for example a wrong address in the account, and then send the mail again. It goes to the address that the account has now.
mail-unclear = Unclear
mail-unclear-explained = Unclear: the connection broke while the mail was handed over, so it may have arrived. Ask the recipient or look into the log of the mail server. If the mail has not arrived, send it again.
mail-pending = Waiting
mail-pending-explained = Waiting: the mail is sent by itself. If the mail server does not take it, it is tried again for a day. You need not do anything.
mail-settled = Done
mail-attempts = { $count ->
    [one] 1 attempt.
   *[other] { $count } attempts.
 }
mail-next-attempt = Next attempt: { $time }
mail-resend = Send again
mail-resend-title = Send this mail again?
mail-resend-explanation = It is unknown whether this mail was sent. If it was, the recipient gets it twice.
mail-kind-confirmed = Tickets booked
mail-kind-waitlisted = Joined a queue
mail-kind-promoted = Tickets from the queue
mail-kind-offered = Offer of tickets from the queue
mail-kind-offer-lapsed = Offer lapsed
mail-kind-returned = Tickets given back, or event called off
mail-kind-withdrawn = Reserved tickets given back, or event called off
mail-kind-waitlist-closed = Queue closed, or event called off
mail-kind-event-changed = Event changed
mail-kind-reminder = Event starts soon
mail-kind-transfer-offered = Tickets offered to somebody else
mail-kind-transfer-accepted = Offered tickets accepted
mail-kind-transfer-declined = Offered tickets declined
mail-kind-transfer-received = Tickets from somebody else
mail-kind-guest-link = Link of a guest
mail-kind-waiting-guest-link = Link of a waiting guest
mail-kind-account-notice = Notice about the account
mail-kind-webhook-disabled = Webhook switched off
desk-done-mail-resent = The mail is being sent again.
problem-delivery-not-failed = This mail has been sent or is being sent, so it was not sent again.
