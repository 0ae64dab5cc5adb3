//! Serves a fixed response from memory with the HTTP server of the services: the baseline for the cost of HTTP on this
//! machine.

use actix_web::web::Bytes;
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::options::HelloOptions;

/// Serves until the process is stopped. Uses one worker thread, like booking-service.
pub async fn serve(options: &HelloOptions) -> std::io::Result<()> {
    let body = Bytes::from(std::fs::read(&options.body)?);
    let app = move || {
        let body = body.clone();
        let handler = move || {
            let body = body.clone();
            async move { HttpResponse::Ok().content_type("application/json").body(body) }
        };
        App::new().default_service(web::to(handler))
    };
    HttpServer::new(app).workers(1).bind(("127.0.0.1", options.port))?.run().await
}
