//! Request deadline: a request that does not complete in time is answered with 503.

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use rowlock_domain::problem::ProblemCode;

use crate::problem::Problem;

/// Extra time for routes that enforce the deadline themselves, because they know better whether the request took effect.
const GRACE: Duration = Duration::from_millis(250);

/// How long a request may take until its response starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    pub(crate) fn after(time: Duration) -> Self {
        Self(time + GRACE)
    }
}

/// Middleware that enforces the deadline. An expired request is dropped, but tasks that it has spawned continue.
pub(crate) async fn enforce_deadline(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let deadline = request.app_data::<web::Data<Deadline>>().map(|deadline| deadline.as_ref().0);
    let is_safe = request.method().is_safe();
    match deadline {
        Some(time) => tokio::time::timeout(time, next.call(request)).await.unwrap_or_else(|_| Err(deadline_exceeded(is_safe).into())),
        None => next.call(request).await,
    }
}

fn deadline_exceeded(is_safe: bool) -> Problem {
    if is_safe {
        return Problem::new(ProblemCode::Unavailable, "The request did not complete before its deadline. Retry it.");
    }
    Problem::new(
        ProblemCode::OutcomeUnknown,
        "The request did not complete before its deadline and may have taken effect. Repeating it with the same Idempotency-Key is safe; \
         without a key, check first whether it took effect.",
    )
}
