-- Tickets have no rows: a booking has issued the numbers from 0 to `issued` - 1, of which `void_numbers` are no longer valid. All three
-- columns are null for a booking of which no number was ever void, so that a sale writes none of them; its valid numbers are then
-- those below `quantity`. A number is never issued twice, so the limit also bounds how often codes can be replaced.
ALTER TABLE bookings
    ADD COLUMN issued integer,
    ADD COLUMN void_numbers integer[],
    -- Why each of the void numbers is void, in the same order.
    ADD COLUMN void_reasons text[],
    ADD CONSTRAINT bookings_numbers_add_up CHECK (
        CASE WHEN issued IS NULL THEN void_numbers IS NULL AND void_reasons IS NULL
             ELSE void_numbers IS NOT NULL AND void_reasons IS NOT NULL
                  AND quantity = issued - cardinality(void_numbers) AND cardinality(void_reasons) = cardinality(void_numbers)
                  AND issued <= 1000 AND 0 <= ALL (void_numbers) AND issued > ALL (void_numbers)
                  AND void_reasons <@ ARRAY['returned', 'replaced', 'transferred']
        END
    );

-- Tickets whose holders were admitted. The primary key makes that happen once, however many doors scan the same code at once.
CREATE TABLE checkins (
    event_id       uuid NOT NULL,
    booking_id     uuid NOT NULL,
    number         integer NOT NULL CHECK (number BETWEEN 0 AND 999),
    id             uuid NOT NULL,
    -- The type of the booking, so that counting the admitted per type reads no bookings.
    ticket_type_id uuid NOT NULL,
    -- When the ticket was scanned, which is before it was received if the door had no network.
    checked_in_at  timestamptz NOT NULL,
    received_at    timestamptz NOT NULL,
    -- The name of the door, as its device sent it.
    door           text CHECK (char_length(door) BETWEEN 1 AND 100),
    PRIMARY KEY (event_id, booking_id, number),
    CONSTRAINT checkins_id UNIQUE (event_id, id),
    FOREIGN KEY (event_id, booking_id) REFERENCES bookings (event_id, id),
    CONSTRAINT checkins_are_not_of_the_future CHECK (checked_in_at <= received_at)
);

-- Ed25519 keys that sign the codes of tickets. The newest one signs. All of them are published, because codes do not expire.
CREATE TABLE ticket_keys (
    -- Thumbprint of the public key (RFC 7638).
    kid        text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{43}$'),
    public_key bytea NOT NULL UNIQUE CHECK (octet_length(public_key) = 32),
    -- The private key, sealed with the setting sealing.key.
    sealed_key text NOT NULL CHECK (char_length(sealed_key) BETWEEN 40 AND 1000),
    created_at timestamptz NOT NULL
);
