//! Ends expired claims, deletes old deliveries and measures the backlog.

use std::time::Duration;

use diesel::sql_types::{BigInt, Double, Text};
use diesel_async::RunQueryDsl;
use rowlock_postgres::{DatabaseError, statement};

use super::{BATCH, Store, is_full, millis};

statement! {
    /// Marks some of the deliveries as unclear whose notifier has not settled them in time.
    struct ExpireClaims { detail: Text = &'static str, lease: BigInt = i64, limit: BigInt = i64 }
    "UPDATE deliveries
     SET status = 'unclear', attempts = attempts + 1, claimed_at = NULL, settled_at = now(), detail = $1
     FROM (
         SELECT message_id, recipient, channel FROM deliveries
         WHERE status = 'sending' AND claimed_at < now() - $2 * interval '1 millisecond'
         ORDER BY claimed_at LIMIT $3
         FOR UPDATE SKIP LOCKED
     ) AS expired
     WHERE deliveries.message_id = expired.message_id AND deliveries.recipient = expired.recipient
         AND deliveries.channel = expired.channel"
}

statement! {
    /// Deletes some of the deliveries that were settled before a time.
    struct DeleteOld { keep: BigInt = i64, limit: BigInt = i64 }
    "DELETE FROM deliveries USING (
         SELECT message_id, recipient, channel FROM deliveries
         WHERE status IN ('sent', 'skipped', 'failed', 'unclear') AND settled_at < now() - $1 * interval '1 millisecond'
         ORDER BY settled_at LIMIT $2
         FOR UPDATE SKIP LOCKED
     ) AS old
     WHERE deliveries.message_id = old.message_id AND deliveries.recipient = old.recipient AND deliveries.channel = old.channel"
}

statement! {
    /// Reads the number of unclear deliveries and the age of the oldest one that is not settled, in seconds.
    struct ReadBacklog {} -> (BigInt, Double);
    "SELECT (SELECT count(*) FROM deliveries WHERE status = 'unclear'),
            coalesce((SELECT extract(epoch FROM now() - min(created_at)) FROM deliveries WHERE status IN ('pending', 'sending')), 0)::float8"
}

/// The deliveries that need the attention of an operator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog {
    /// Number of deliveries of which it is unknown whether they were sent.
    pub(crate) unclear: i64,
    /// Age of the oldest delivery that has not been sent, in seconds; 0 if all have been.
    pub(crate) oldest_seconds: f64,
}

impl Store {
    /// Marks deliveries as unclear whose claim is older than `lease`. Returns their number, and whether more may be left.
    pub(crate) async fn expire_claims(&self, lease: Duration) -> Result<(usize, bool), DatabaseError> {
        let detail = "the notifier ended before it stored the outcome, so the mail may have been sent";
        let expire = ExpireClaims { detail, lease: millis(lease), limit: BATCH };
        let expired = self.write(async move |conn| expire.execute(conn).await).await?;
        Ok((expired, is_full(expired)))
    }

    /// Deletes deliveries that were settled more than `keep` ago. Returns whether more may be left.
    pub(crate) async fn delete_old(&self, keep: Duration) -> Result<bool, DatabaseError> {
        let delete = DeleteOld { keep: millis(keep), limit: BATCH };
        let deleted = self.write(async move |conn| delete.execute(conn).await).await?;
        Ok(is_full(deleted))
    }

    /// Measures the backlog of all notifiers.
    pub(crate) async fn backlog(&self) -> Result<Backlog, DatabaseError> {
        let (unclear, oldest_seconds) = self.reader().run(async |conn| ReadBacklog {}.get_result(conn).await).await?;
        Ok(Backlog { unclear, oldest_seconds })
    }
}
