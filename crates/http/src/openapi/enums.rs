//! Schemas for the string enumerations of the API. The domain crate defines their values and does not depend on OpenAPI.

use std::borrow::Cow;

use rowlock_domain::{auditlog, states};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, schema};
use utoipa::{PartialSchema, ToSchema};

/// Returns the schema of a string that is one of `words`.
pub(super) fn one_of(words: impl IntoIterator<Item = &'static str>, description: impl Into<String>) -> RefOr<Schema> {
    let object: schema::Object =
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).description(Some(description.into())).build();
    object.into()
}

macro_rules! words {
    ($($name:ident = $list:ty, $description:literal;)+) => { $(
        #[doc = $description]
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                one_of(<$list>::ALL.iter().map(|word| word.as_str()), $description)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+ };
}

words! {
    EventStatus = states::EventStatus, "Status of an event. A draft is invisible to the public. A published event can become a draft again as long as nobody has ever booked or waited. A cancelled event stays cancelled.";
    BookingStatus = states::BookingStatus, "Status of a booking: its tickets are reserved until `expiresAt`, the holder has them, all of them were returned, or the booking was not confirmed in time.";
    BookingOrigin = states::BookingOrigin, "Origin of a booking: a sale of available tickets, a promotion from the waiting list, or a transfer from another account.";
    TransferStatus = states::TransferStatus, "Status of a transfer: the receiver has not accepted yet, has the tickets, or has declined, the sender has withdrawn it, or its time is over.";
    WaitlistStatus = states::WaitlistStatus, "Status of a waiting-list entry: waiting, promoted to a booking (which may have to be confirmed), left by its holder, closed because the event started or was cancelled, or expired because its holder did not accept the offer in time.";
    QueueLogKind = states::QueueLogKind, "What happened to an entry of a queue; see `kind` of a record of the log.";
    AccountRole = states::Role, "Role of an account: book tickets, or manage events.";
    AccountLanguage = states::Language, "Language in which the owner of the account wants to be addressed.";
    AdminRole = states::AdminRole, "Role of an administrator: check people in; manage events, bookings and waiting lists as well; or everything, including accounts and roles.";
    ActorRole = auditlog::ActorRole, "How the actor was authorized: with an administrator's token, with the bootstrap token, or on the command line of a service.";
    Action = auditlog::Action, "The action that was performed.";
}
