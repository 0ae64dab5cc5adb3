//! Fields of request bodies.

use std::borrow::Cow;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use rowlock_domain::messages::WEBHOOK_TYPES;
use rowlock_http::{BoundedVec, InvalidBody, text_field};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, schema};
use utoipa::{PartialSchema, ToSchema};

/// A type of messages that webhooks offer.
#[derive(Debug, Clone, Copy)]
pub(super) struct MessageType(pub(super) &'static str);

impl Deserr<InvalidBody> for MessageType {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        text_field(&value, location, |text| {
            let known = WEBHOOK_TYPES.into_iter().find(|known| *known == text);
            known.map(Self).ok_or_else(|| format!("must be one of {}", WEBHOOK_TYPES.join(", ")))
        })
    }
}

impl PartialSchema for MessageType {
    fn schema() -> RefOr<Schema> {
        let object: schema::Object = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(WEBHOOK_TYPES))
            .description(Some("Type of a message. The AsyncAPI document describes the contents of each."))
            .build();
        object.into()
    }
}

impl ToSchema for MessageType {
    fn name() -> Cow<'static, str> {
        "WebhookMessageType".into()
    }
}

/// The types of messages that a webhook gets: at least one, each once.
#[derive(Debug, Clone)]
pub(super) struct MessageTypes(pub(super) Vec<&'static str>);

impl Deserr<InvalidBody> for MessageTypes {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        let BoundedVec(types) = BoundedVec::<MessageType, { WEBHOOK_TYPES.len() }>::deserialize_from_value(value, location)?;
        let wanted: Vec<_> = WEBHOOK_TYPES.into_iter().filter(|known| types.iter().any(|MessageType(name)| name == known)).collect();
        if wanted.is_empty() {
            return Err(InvalidBody::at(location, "must have at least one item; use null for all types"));
        }
        Ok(Self(wanted))
    }
}
