//! The management port: liveness, readiness, metrics and the log level. The gateway does not expose it.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use diesel_migrations::EmbeddedMigrations;
use rowlock_domain::problem::ProblemCode;
use rowlock_postgres::{DatabaseError, build_pool};
use tokio_util::sync::CancellationToken;

use crate::no_such_route;
use crate::problem::Problem;
use rowlock_platform::database::{DatabaseSettings, schema_ready};
use rowlock_platform::lifecycle::Lifecycle;
use rowlock_platform::settings::SettingsReader;
use rowlock_platform::telemetry::{self, LevelError, Metrics};

/// Settings of the section `management`.
#[derive(Debug, Clone, Copy)]
pub struct ManagementSettings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
}

impl ManagementSettings {
    /// Reads the section `management`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        Some(Self { listen: reader.value("management.listen")? })
    }
}

type Check = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// The checks that must succeed for the process to be ready.
#[derive(Default)]
pub struct Readiness {
    checks: Vec<(&'static str, Check)>,
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|(name, _)| name)).finish()
    }
}

impl Readiness {
    /// Creates the checks that every service has: the database is reachable with an up-to-date schema, and the service is not
    /// stopping. The database check has a connection of its own, so that a service whose connections are all busy still counts as
    /// ready.
    pub fn of(
        database: &DatabaseSettings,
        migrations: &'static EmbeddedMigrations,
        draining: CancellationToken,
    ) -> Result<Self, DatabaseError> {
        let pool = build_pool(&database.url, 1, database.limits, "rowlock health")?;
        let readiness = Self::default()
            .check("database", move || {
                let pool = pool.clone();
                async move { schema_ready(&pool, migrations).await }
            })
            .check("service", move || std::future::ready(if draining.is_cancelled() { Err("stopping".to_owned()) } else { Ok(()) }));
        Ok(readiness)
    }

    /// Adds the check of a component. A check fails if it takes longer than two seconds.
    pub fn check<F, T>(mut self, part: &'static str, check: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push((part, Box::new(move || Box::pin(check()))));
        self
    }

    /// Runs all checks concurrently and returns the failed components with the reasons.
    pub async fn failures(&self) -> Vec<(&'static str, String)> {
        let limit = Duration::from_secs(2);
        let checks = self.checks.iter().map(|(part, check)| async move {
            let result =
                tokio::time::timeout(limit, check()).await.unwrap_or_else(|_| Err(format!("the check did not complete within {limit:?}")));
            result.err().map(|reason| (*part, reason))
        });
        futures_util::future::join_all(checks).await.into_iter().flatten().collect()
    }
}

async fn ready(readiness: web::Data<Readiness>) -> HttpResponse {
    let failures = readiness.failures().await;
    if failures.is_empty() {
        return HttpResponse::Ok().json(serde_json::json!({"status": "ready"}));
    }
    let parts: serde_json::Map<_, _> = failures.into_iter().map(|(part, reason)| (part.to_owned(), reason.into())).collect();
    HttpResponse::ServiceUnavailable().json(serde_json::json!({"status": "not ready", "failing": parts}))
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "alive"}))
}

async fn metrics(metrics: web::Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/openmetrics-text; version=1.0.0; charset=utf-8").body(metrics.render())
}

/// Returns the current log level as text.
async fn log_level() -> Result<String, Problem> {
    telemetry::log_level().ok_or_else(|| Problem::new(ProblemCode::NotFound, "This process does not write a log."))
}

/// Sets the log level until the process ends. The body is a level or directives, like the setting `log.level`.
async fn set_log_level(level: String) -> Result<String, Problem> {
    match telemetry::set_log_level(&level) {
        Ok(()) => log_level().await,
        Err(error @ LevelError::Unreadable(..)) => Err(Problem::new(ProblemCode::InvalidInput, error.to_string())),
        Err(error @ LevelError::NoLog) => Err(Problem::new(ProblemCode::NotFound, error.to_string())),
    }
}

/// Serves the management port in a background task until the lifecycle's `stopping` token is cancelled.
pub fn start(listener: TcpListener, readiness: Readiness, metrics: &Metrics, lifecycle: &Lifecycle) {
    let (metrics, stop) = (metrics.clone(), lifecycle.stopping.clone());
    lifecycle.spawn(async move {
        if let Err(error) = serve(listener, readiness, metrics, stop).await {
            tracing::error!(%error, "the management server failed; health checks and metrics are unavailable");
        }
    });
}

async fn serve(listener: TcpListener, readiness: Readiness, all_metrics: Metrics, stop: CancellationToken) -> std::io::Result<()> {
    let readiness = web::Data::new(readiness);
    let all_metrics = web::Data::new(all_metrics);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(readiness.clone())
            .app_data(all_metrics.clone())
            .route("/health/live", web::get().to(live))
            .route("/health/ready", web::get().to(ready))
            .route("/metrics", web::get().to(metrics))
            .service(web::resource("/log/level").route(web::get().to(log_level)).route(web::put().to(set_log_level)))
            .default_service(web::to(no_such_route))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?
    .run();
    crate::serve(server, stop.cancelled()).await
}
