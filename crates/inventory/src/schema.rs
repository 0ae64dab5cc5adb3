//! The tables of the booking database for Diesel.

diesel::table! {
    events (id) {
        id -> Uuid,
        name -> Text,
        description -> Nullable<Text>,
        venue -> Nullable<Text>,
        starts_at -> Nullable<Timestamptz>,
        ends_at -> Nullable<Timestamptz>,
        sales_start_at -> Nullable<Timestamptz>,
        sales_end_at -> Nullable<Timestamptz>,
        waitlist_until -> Text,
        cancel_until -> Nullable<Timestamptz>,
        status -> Text,
        published_at -> Nullable<Timestamptz>,
        version -> BigInt,
        settled_at -> Nullable<Timestamptz>,
        created_by -> Uuid,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        time_zone -> Text,
        picture -> Nullable<Jsonb>,
        checkout_minutes -> Nullable<Integer>,
        offer_minutes -> Nullable<Integer>,
    }
}

diesel::table! {
    event_pictures (event_id) {
        event_id -> Uuid,
        large -> Binary,
        small -> Binary,
    }
}

diesel::table! {
    ticket_types (event_id, id) {
        event_id -> Uuid,
        id -> Uuid,
        position -> SmallInt,
        name -> Text,
        price_minor -> BigInt,
        currency -> Text,
        capacity -> Integer,
        available -> Integer,
        booked -> Integer,
        held -> Integer,
        waiting -> Integer,
        next_waitlist_number -> BigInt,
        version -> BigInt,
        max_per_booking -> Integer,
        max_per_account -> Nullable<Integer>,
        held_since -> Nullable<Timestamptz>,
        reserved -> Integer,
    }
}

diesel::table! {
    bookings (event_id, id) {
        event_id -> Uuid,
        id -> Uuid,
        ticket_type_id -> Uuid,
        account_id -> Uuid,
        holder_name -> Text,
        holder_email -> Text,
        quantity -> Integer,
        status -> Text,
        origin -> Text,
        booked_at -> Timestamptz,
        cancelled_at -> Nullable<Timestamptz>,
        expires_at -> Nullable<Timestamptz>,
        issued -> Nullable<Integer>,
        void_numbers -> Nullable<Array<Integer>>,
        void_reasons -> Nullable<Array<Text>>,
        guest_link -> Nullable<Integer>,
    }
}

diesel::table! {
    waitlist_entries (event_id, id) {
        event_id -> Uuid,
        id -> Uuid,
        ticket_type_id -> Uuid,
        account_id -> Uuid,
        holder_name -> Text,
        holder_email -> Text,
        quantity -> Integer,
        number -> BigInt,
        status -> Text,
        booking_id -> Nullable<Uuid>,
        joined_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        for_guest -> Bool,
        min_quantity -> Nullable<Integer>,
        wish_id -> Nullable<Uuid>,
        preference -> Nullable<SmallInt>,
    }
}

diesel::table! {
    idempotency_keys (event_id, account_id, key) {
        event_id -> Uuid,
        account_id -> Uuid,
        key -> Text,
        operation -> Text,
        request_hash -> Binary,
        status -> SmallInt,
        response -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    committed_batches (event_id, id) {
        event_id -> Uuid,
        id -> Uuid,
        committed_at -> Timestamptz,
    }
}

diesel::table! {
    audit_log (id) {
        id -> Uuid,
        at -> Timestamptz,
        account_id -> Nullable<Uuid>,
        role -> Text,
        request_id -> Nullable<Text>,
        action -> Text,
        subject -> Uuid,
        details -> Jsonb,
    }
}

diesel::allow_tables_to_appear_in_same_query!(events, ticket_types, bookings, waitlist_entries);
