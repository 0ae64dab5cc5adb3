//! Responses to `HEAD` (RFC 9110, section 9.3.2): the headers of the response to `GET`, without the content. A streamed body is
//! dropped before any of it is read.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::Bytes;

/// A body that has a size, for `Content-Length`, and no content.
pub(crate) struct EmptyBodyWithSize(BodySize);

impl MessageBody for EmptyBodyWithSize {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

/// Middleware that drops the body of responses to `HEAD` and keeps its size.
pub(crate) async fn drop_body_of_head<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, EmptyBodyWithSize>>, Error> {
    let is_head = request.method() == Method::HEAD;
    let response = next.call(request).await?;
    Ok(response.map_body(|_, body| if is_head { EitherBody::right(EmptyBodyWithSize(body.size())) } else { EitherBody::left(body) }))
}
