-- Links of guests: a guest without an account sees and returns tickets with a link that is sent by e-mail. The token of the link is
-- computed from the id of the guest and the number of the link, so no secret is stored.

ALTER TABLE bookings
    -- The number of the link of a guest, from 1. NULL: the holder has an account. Links with another number do not work, so an
    -- administrator replaces a link by incrementing it. Tickets that were transferred belong to an account.
    ADD COLUMN guest_link integer,
    ADD CONSTRAINT bookings_of_guests_have_a_link CHECK (guest_link IS NULL OR (guest_link >= 1 AND origin <> 'transfer'));

-- The bookings of guests that exist. The audit log knows those that were booked at once. Its earlier entries are all about guests.
UPDATE bookings b SET guest_link = 1
  FROM audit_log a
 WHERE a.action = 'booking.create' AND a.details ->> 'waitlisted' = 'false' AND coalesce(a.details ->> 'forGuest', 'true') = 'true'
   AND b.event_id = (a.details ->> 'eventId')::uuid AND b.id = a.subject;
UPDATE bookings b SET guest_link = 1
  FROM waitlist_entries w
 WHERE w.for_guest AND w.booking_id IS NOT NULL AND b.event_id = w.event_id AND b.id = w.booking_id;

-- A link opens one booking: a guest, who is known by the account id, has no second one.
CREATE UNIQUE INDEX bookings_one_of_a_guest ON bookings (event_id, account_id) WHERE guest_link IS NOT NULL;
