//! The fields of a scan, which a request with one scan and each scan of a batch share.

/// Declares the body of a scan: the fields that all scans have, and those of its own.
macro_rules! scan_body {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident { $($own:tt)* }) => {
        $(#[$attribute])*
        #[derive(deserr::Deserr, utoipa::ToSchema)]
        #[deserr(error = rowlock_http::InvalidBody, deny_unknown_fields, rename_all = camelCase)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        $visibility struct $name {
            /// The content of the QR code.
            #[deserr(default)]
            code: Option<String>,
            /// The booking. Required without `code`.
            #[deserr(default)]
            #[schema(value_type = Option<String>, format = Uuid)]
            booking_id: Option<rowlock_domain::ids::BookingId>,
            /// The number of the ticket within the booking. Required with `bookingId`.
            #[deserr(default)]
            #[schema(value_type = Option<u16>, maximum = 999)]
            number: Option<rowlock_domain::tickets::TicketNumber>,
            /// The name of the door.
            #[deserr(default)]
            #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
            door: Option<rowlock_domain::text::DoorName>,
            /// A UUID that the device has made for this scan. If the scan is sent again, also in a batch, it is known by it, and the
            /// response is that of the first time, even if the clock of the device was wrong.
            #[deserr(default)]
            #[schema(value_type = Option<String>, format = Uuid)]
            scan_id: Option<rowlock_domain::ids::ScanId>,
            $($own)*
        }
    };
}

pub(super) use scan_body;
