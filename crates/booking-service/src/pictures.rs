//! Receives uploaded pictures, with bounds for the memory and the processors that they need at once.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::problem::Problem;
use rowlock_inventory::pictures::NewPicture;
use rowlock_inventory::views::EventPicture;
use rowlock_pictures::{Picture, UploadFormat, prepare};
use sha2::{Digest, Sha256};
use tokio::sync::{AcquireError, Semaphore};

/// Maximum size of an upload in bytes.
const MAX_UPLOAD: usize = 5 * 1024 * 1024;

/// Maximum size of a body that the gateway forwards, in bytes.
const MAX_FORWARDED: usize = 6 * 1024 * 1024;

/// Maximum number of uploads in memory.
const MAX_UPLOADS: usize = 4;

/// Maximum number of pictures that are decoded at once. One of 40 million pixels needs 150 to 200 MiB.
const MAX_DECODED: usize = 1;

/// Admission of uploads. Those above the limits wait.
#[derive(Debug)]
pub(crate) struct PictureIntake {
    uploads: Semaphore,
    decoding: Arc<Semaphore>,
}

impl Default for PictureIntake {
    fn default() -> Self {
        Self { uploads: Semaphore::new(MAX_UPLOADS), decoding: Arc::new(Semaphore::new(MAX_DECODED)) }
    }
}

impl PictureIntake {
    /// Reads the body of a request and prepares the picture in it.
    ///
    /// # Errors
    ///
    /// Returns the problem 415 for another content type, 413 for a body that is too large, and 422 for one that is not a usable
    /// picture.
    pub(crate) async fn receive(&self, request: &HttpRequest, payload: Payload) -> Result<NewPicture, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let format = UploadFormat::of_media_type(content_type).ok_or_else(unsupported_media_type)?;
        let _upload = self.uploads.acquire().await.map_err(|error| closed(&error))?;
        let body = read(payload).await?;
        let permit = self.decoding.clone().acquire_owned().await.map_err(|error| closed(&error))?;
        let prepared = tokio::task::spawn_blocking(move || {
            // Held until the work is done, even if the client disconnects meanwhile.
            let _permit = permit;
            prepare(&body, format)
        });
        let picture = prepared.await.map_err(|error| Problem::internal(&error))?;
        picture.map(new_picture).map_err(|error| Problem::new(ProblemCode::UnsupportedImage, error.to_string()))
    }
}

fn closed(error: &AcquireError) -> Problem {
    Problem::internal(error)
}

fn unsupported_media_type() -> Problem {
    let allowed = UploadFormat::ALL.map(UploadFormat::media_type).join(", ");
    let detail = format!("The Content-Type of a picture must be one of {allowed}.");
    Problem::new(ProblemCode::UnsupportedMediaType, detail).header(header::ACCEPT, allowed)
}

/// Reads a body. Of one that is too large, as much as a gateway lets through is read and discarded, because the client could not read
/// the response before it has sent everything.
async fn read(mut payload: Payload) -> Result<Bytes, Problem> {
    let (mut body, mut size) = (BytesMut::new(), 0);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::new(ProblemCode::MalformedRequest, "The body could not be read."))?;
        size += chunk.len();
        if size <= MAX_UPLOAD {
            body.extend_from_slice(&chunk);
        } else if size > MAX_FORWARDED {
            break;
        }
    }
    if size <= MAX_UPLOAD {
        return Ok(body.freeze());
    }
    Err(Problem::new(ProblemCode::BodyTooLarge, format!("The picture is larger than the limit of {MAX_UPLOAD} bytes (5 MiB).")))
}

fn new_picture(Picture { large, small, color }: Picture) -> NewPicture {
    let hash = Sha256::new().chain_update(&large.jpeg).chain_update(&small.jpeg).finalize();
    let version = hash.iter().take(8).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let description = EventPicture { version, color: color.to_string(), width: large.width, height: large.height };
    NewPicture { description, large: large.jpeg, small: small.jpeg }
}
