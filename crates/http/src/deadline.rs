//! No request waits for ever: past its deadline it gets an honest 503.

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use rowlock_domain::problem::ProblemCode;

use crate::problem::Problem;

/// What a route that keeps the deadline itself gets in addition, as it knows better what became of the request.
const GRACE: Duration = Duration::from_millis(250);

/// How long a request may take until its answer begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    pub(crate) fn after(time: Duration) -> Self {
        Self(time + GRACE)
    }
}

/// The middleware. What the request had begun in tasks of their own goes on; what had not begun does not begin any more.
pub(crate) async fn end_in_time(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let deadline = request.app_data::<web::Data<Deadline>>().map(|deadline| deadline.as_ref().0);
    let harmless = request.method().is_safe();
    match deadline {
        Some(time) => tokio::time::timeout(time, next.call(request)).await.unwrap_or_else(|_| Err(late(harmless).into())),
        None => next.call(request).await,
    }
}

fn late(harmless: bool) -> Problem {
    if harmless {
        return Problem::new(ProblemCode::Unavailable, "The request could not be answered in time. Please try again.");
    }
    Problem::new(
        ProblemCode::OutcomeUnknown,
        "The request could not be answered in time and may have taken effect. With the same Idempotency-Key it can be repeated safely; \
         otherwise look first what happened.",
    )
}
