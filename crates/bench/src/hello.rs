//! A route that returns the same bytes from memory: what HTTP costs on this machine with the services' own server.

use actix_web::web::Bytes;
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::options::HelloOptions;

/// Serves until it is stopped. One worker, as booking-service has.
pub async fn serve(options: &HelloOptions) -> std::io::Result<()> {
    let body = Bytes::from(std::fs::read(&options.body)?);
    let app = move || {
        let body = body.clone();
        let hello = move || {
            let body = body.clone();
            async move { HttpResponse::Ok().content_type("application/json").body(body) }
        };
        App::new().default_service(web::to(hello))
    };
    HttpServer::new(app).workers(1).bind(("127.0.0.1", options.port))?.run().await
}
