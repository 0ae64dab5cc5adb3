//! The route table of a service, which tests compare with the OpenAPI document.

use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Responder, Route, guard, web};

use crate::server::unmatched_method;

/// A route: its method, its path and its handler.
struct RouteEntry {
    method: Method,
    path: &'static str,
    route: Route,
}

/// The route table. Paths are matched in the order in which they were added.
#[derive(Default)]
pub struct Routes(Vec<RouteEntry>);

impl Routes {
    /// Adds a handler for `GET` and `HEAD`.
    pub fn get<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(Method::GET, path, handler)
    }

    /// Adds a handler for `POST`.
    pub fn post<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(Method::POST, path, handler)
    }

    /// Adds a handler for `PUT`.
    pub fn put<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(Method::PUT, path, handler)
    }

    /// Adds a handler for `PATCH`.
    pub fn patch<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(Method::PATCH, path, handler)
    }

    /// Adds a handler for `DELETE`.
    pub fn delete<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(Method::DELETE, path, handler)
    }

    fn add<F, Args>(mut self, method: Method, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let route = if method == Method::GET {
            Route::new().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler)
        } else {
            web::method(method.clone()).to(handler)
        };
        self.0.push(RouteEntry { method, path, route });
        self
    }

    /// Returns the name of every route, such as `GET /api/events`.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|entry| format!("{} {}", entry.method, entry.path)).collect()
    }

    /// Adds the routes to an application. On a known path, `OPTIONS` responds 204 and any other unknown method 405, both with `Allow`.
    pub fn configure(self, config: &mut web::ServiceConfig) {
        let mut resources: Vec<(&'static str, Vec<RouteEntry>)> = Vec::new();
        for entry in self.0 {
            match resources.iter_mut().find(|(path, _)| *path == entry.path) {
                Some((_, entries)) => entries.push(entry),
                None => resources.push((entry.path, vec![entry])),
            }
        }
        for (path, entries) in resources {
            let methods = entries.iter().map(|entry| if entry.method == Method::GET { "GET, HEAD" } else { entry.method.as_str() });
            let allowed = methods.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ");
            let resource = web::resource(path).default_service(web::to(unmatched_method(allowed)));
            config.service(entries.into_iter().fold(resource, |resource, entry| resource.route(entry.route)));
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpResponse};

    use super::*;

    async fn fine() -> HttpResponse {
        HttpResponse::Ok().finish()
    }

    #[actix_web::test]
    async fn a_path_serves_its_methods_and_lists_them_for_others() {
        let table = || Routes::default().get("/a", fine).post("/b/{id}", fine).delete("/a", fine);
        assert_eq!(table().names(), ["GET /a", "POST /b/{id}", "DELETE /a"]);
        let app = init_service(App::new().configure(|config| table().configure(config))).await;
        for (method, path, status) in [
            (Method::GET, "/a", StatusCode::OK),
            (Method::DELETE, "/a", StatusCode::OK),
            (Method::HEAD, "/a", StatusCode::OK),
            (Method::OPTIONS, "/a", StatusCode::NO_CONTENT),
            (Method::POST, "/b/1", StatusCode::OK),
            (Method::HEAD, "/b/1", StatusCode::METHOD_NOT_ALLOWED),
            (Method::OPTIONS, "/c", StatusCode::NOT_FOUND),
            (Method::POST, "/a", StatusCode::METHOD_NOT_ALLOWED),
            (Method::GET, "/b", StatusCode::NOT_FOUND),
        ] {
            let answer = call_service(&app, TestRequest::with_uri(path).method(method.clone()).to_request()).await;
            assert_eq!(answer.status(), status, "{method} {path}");
            if matches!(status, StatusCode::METHOD_NOT_ALLOWED | StatusCode::NO_CONTENT) {
                let allowed = if path == "/a" { "GET, HEAD, DELETE, OPTIONS" } else { "POST, OPTIONS" };
                assert_eq!(answer.headers().get("allow").unwrap(), allowed);
            }
        }
    }
}
