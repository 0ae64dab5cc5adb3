//! Static files, embedded in the binary and served with a hash in their name, so that browsers keep them for ever.

use std::collections::BTreeMap;

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use sha2::{Digest, Sha256};

use crate::error::PageError;
use crate::settings::SiteSettings;
use crate::site::Site;

/// Files whose name gets a hash.
const FILES: &[(&str, &str, &[u8])] = &[
    ("site.js", "text/javascript; charset=utf-8", include_bytes!("../assets/site.js")),
    ("embed-frame.js", "text/javascript; charset=utf-8", include_bytes!("../assets/embed-frame.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
    ("htmx.js", "text/javascript; charset=utf-8", include_bytes!("../assets/vendor/htmx/htmx.min.js")),
    ("live.js", "text/javascript; charset=utf-8", include_bytes!("../assets/live.js")),
    ("checkin.js", "text/javascript; charset=utf-8", CHECKIN_SCRIPT.as_bytes()),
    ("qr-decode.js", "text/javascript; charset=utf-8", include_bytes!("../assets/vendor/qr/qr-decode.js")),
    ("display.woff2", "font/woff2", include_bytes!("../assets/vendor/bricolage-grotesque/bricolage-grotesque-latin-wght.woff2")),
];

/// The parts of the script for check-in, which are one module.
const CHECKIN_SCRIPT: &str = concat!(
    include_str!("../assets/checkin/camera.js"),
    include_str!("../assets/checkin/signals.js"),
    include_str!("../assets/checkin/offline.js"),
    include_str!("../assets/checkin/queue.js"),
    include_str!("../assets/checkin/verdicts.js"),
    include_str!("../assets/checkin/page.js"),
);

/// The parts of the stylesheet, in their order.
const STYLES: &[&str] = &[
    include_str!("../assets/css/tokens.css"),
    include_str!("../assets/css/base.css"),
    include_str!("../assets/css/components.css"),
    include_str!("../assets/css/pages.css"),
    include_str!("../assets/css/desk.css"),
    include_str!("../assets/css/checkin.css"),
    include_str!("../assets/css/live.css"),
    include_str!("../assets/css/print.css"),
];

struct Asset {
    content_type: &'static str,
    body: Bytes,
}

/// The static files by their hashed name.
pub(crate) struct Assets {
    urls: BTreeMap<&'static str, String>,
    files: BTreeMap<String, Asset>,
}

impl Assets {
    /// Prepares the embedded files. The stylesheet contains the accent colors of the settings.
    pub(crate) fn embedded(settings: &SiteSettings) -> Self {
        let mut assets = Self { urls: BTreeMap::new(), files: BTreeMap::new() };
        for (name, content_type, body) in FILES {
            assets.add(name, content_type, Bytes::from_static(body));
        }
        let font = assets.url("display.woff2").to_owned();
        let styles = STYLES
            .concat()
            .replace("FONT_URL", &font)
            .replace("ACCENT_LIGHT", &settings.accent_light.to_string())
            .replace("ACCENT_DARK", &settings.accent_dark.to_string());
        assets.add("site.css", "text/css; charset=utf-8", Bytes::from(styles));
        assets
    }

    fn add(&mut self, name: &'static str, content_type: &'static str, body: Bytes) {
        let digest = Sha256::digest(&body);
        let hash = u64::from_be_bytes(std::array::from_fn(|index| digest.get(index).copied().unwrap_or_default()));
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let hashed = format!("{stem}-{hash:016x}.{extension}");
        self.urls.insert(name, format!("/assets/{hashed}"));
        self.files.insert(hashed, Asset { content_type, body });
    }

    /// Returns the URL of a file, or an empty text if there is none of this name.
    pub(crate) fn url(&self, name: &str) -> &str {
        self.urls.get(name).map_or("", String::as_str)
    }
}

/// Serves a static file.
pub(crate) async fn serve(site: web::Data<Site>, name: web::Path<String>) -> Result<HttpResponse, PageError> {
    let asset = site.assets.files.get(name.as_str()).ok_or(PageError::NotFound)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .content_type(asset.content_type)
        .body(asset.body.clone()))
}
