//! The words that the API uses for states and kinds, as schemas. The domain has the list of each, and no word of OpenAPI.

use std::borrow::Cow;

use rowlock_domain::{auditlog, states};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, schema};
use utoipa::{PartialSchema, ToSchema};

/// A text that is one of a list.
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
    EventStatus = states::EventStatus, "Where an event stands. A draft is invisible to the public. A published event can become a draft again as long as nobody has ever booked or waited; a cancelled one stays cancelled.";
    BookingStatus = states::BookingStatus, "Where a booking stands: its tickets are the holder's, or it was given back whole.";
    BookingOrigin = states::BookingOrigin, "How a booking came about: sold from what was available, or handed on to who waited.";
    WaitlistStatus = states::WaitlistStatus, "Where a waiting-list entry stands: in the queue, turned into a booking, left by its holder, or closed because the event began or was cancelled.";
    AccountRole = states::Role, "What an account may do: book tickets, or run events.";
    ActorRole = auditlog::ActorRole, "On what ground somebody acted: with an administrator's token, with the bootstrap token, or at the command line of a service.";
    Action = auditlog::Action, "What was done.";
}
