//! `events picture`.

use std::fs;
use std::path::Path;

use rowlock_domain::ids::EventId;
use serde::Deserialize;
use serde_json::json;

use super::Context;
use crate::api::ApiRequest;
use crate::error::Failure;

/// Maximum size of a file, which the service checks as well. A larger one is not sent.
const MAX_BYTES: u64 = 5 * 1024 * 1024;

/// The size of a stored picture in pixels.
#[derive(Deserialize)]
struct Size {
    width: u32,
    height: u32,
}

/// Sets the picture of an event from a file, or removes it if there is none.
pub(super) fn set_or_remove(context: &Context, event: EventId, file: Option<&Path>) -> Result<(), Failure> {
    let path = format!("/admin/events/{event}/image");
    let Some(file) = file else {
        // Without a picture, the service does nothing, so the request is safe to repeat.
        context.session()?.send(&ApiRequest::delete(path).idempotent())?;
        return context.output.result(&json!({"id": event.to_string(), "image": null}), || "The event has no picture.".to_owned());
    };
    let (media_type, picture) = read_picture(file)?;
    let mut session = context.session()?;
    let document = session.send(&ApiRequest::put_file(path, media_type, picture))?.body;
    let Size { width, height } = serde_json::from_value(document.clone())
        .map_err(|error| session.api().unexpected_response(format!("the picture has an unexpected format ({error})")))?;
    context
        .output
        .result(&json!({"id": event.to_string(), "image": document}), || format!("The event has a picture of {width} × {height} pixels."))
}

/// Reads a file, and tells its format from its first bytes.
fn read_picture(path: &Path) -> Result<(&'static str, Vec<u8>), Failure> {
    let unreadable = |error| Failure::Usage(format!("Cannot read {}: {error}", path.display()));
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_BYTES {
        return Err(Failure::Usage(format!("{} is larger than 5 MiB, the maximum size of a picture.", path.display())));
    }
    let content = fs::read(path).map_err(unreadable)?;
    let media_type = match content.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => return Err(Failure::Usage(format!("{} is not a PNG, JPEG or WebP picture.", path.display()))),
    };
    Ok((media_type, content))
}
