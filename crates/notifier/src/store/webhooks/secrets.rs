//! Reads the sealed secrets of webhooks and seals them again.

use diesel::sql_types::{Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::ids::WebhookId;
use rowlock_postgres::{DatabaseError, statement};
use uuid::Uuid;

use super::super::Store;

statement! {
    struct ReadSecrets {} -> (SqlUuid, Text, Nullable<Text>);
    "SELECT id, secret, previous_secret FROM webhooks WHERE disabled_reason IS DISTINCT FROM 'deleted'"
}

statement! {
    /// Replaces the sealed secrets of a webhook, unless they were replaced in the meantime.
    struct ReplaceSecrets {
        new_secret: Text = String,
        new_previous: Nullable<Text> = Option<String>,
        webhook: SqlUuid = Uuid,
        secret: Text = String,
        previous: Nullable<Text> = Option<String>,
    }
    "UPDATE webhooks SET secret = $1, previous_secret = $2
     WHERE id = $3 AND secret = $4 AND previous_secret IS NOT DISTINCT FROM $5"
}

/// The sealed secrets of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedSecrets {
    pub(crate) secret: String,
    pub(crate) previous: Option<String>,
}

impl Store {
    /// Returns the sealed secrets of all webhooks.
    pub(crate) async fn sealed_secrets(&self) -> Result<Vec<(WebhookId, SealedSecrets)>, DatabaseError> {
        let rows: Vec<(Uuid, String, Option<String>)> = self.reader().run(async |conn| ReadSecrets {}.load(conn).await).await?;
        let named = |(id, secret, previous)| (WebhookId::from_uuid(id), SealedSecrets { secret, previous });
        Ok(rows.into_iter().map(named).collect())
    }

    /// Replaces the sealed secrets of a webhook, unless they were replaced in the meantime.
    pub(crate) async fn replace_secrets(&self, webhook: WebhookId, old: SealedSecrets, new: SealedSecrets) -> Result<(), DatabaseError> {
        let replace = ReplaceSecrets {
            new_secret: new.secret,
            new_previous: new.previous,
            webhook: webhook.as_uuid(),
            secret: old.secret,
            previous: old.previous,
        };
        self.write(async move |conn| replace.execute(conn).await).await.map(drop)
    }
}
