//! The private listener: metrics, health, reload.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::telemetry::Metrics;
use crate::wire::tasks::Tasks;

/// What the listener shows and starts.
#[derive(Clone)]
pub(crate) struct Parts {
    /// Rendered for `/metrics`.
    pub metrics: Arc<Metrics>,
    /// Why the gateway is not ready: it drains, or nothing can be recorded. None when it is ready.
    pub obstacle: Arc<dyn Fn() -> Option<&'static str> + Send + Sync>,
    /// Reads the configuration and the rules again; gives a sentence on what is in force, or on why nothing changed.
    pub reload: Arc<dyn Fn() -> Result<String, String> + Send + Sync>,
}

/// Serves until the tasks are closing.
pub(crate) async fn serve(socket: TcpListener, parts: Parts, tasks: Tasks) {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/reload", post(reload))
        .with_state(parts);
    let closing = async move { tasks.closing().await };
    if let Err(error) = axum::serve(socket, router).with_graceful_shutdown(closing).await {
        tracing::error!(%error, "the admin listener failed");
    }
}

async fn metrics(State(parts): State<Parts>) -> impl IntoResponse {
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, media)], parts.metrics.render())
}

async fn ready(State(parts): State<Parts>) -> impl IntoResponse {
    match (parts.obstacle)() {
        Some(obstacle) => (StatusCode::SERVICE_UNAVAILABLE, format!("{obstacle}\n")),
        None => (StatusCode::OK, "ready\n".to_owned()),
    }
}

async fn reload(State(parts): State<Parts>) -> impl IntoResponse {
    let done = tokio::task::spawn_blocking(move || (parts.reload)()).await;
    match done {
        Ok(Ok(said)) => (StatusCode::OK, format!("{said}\n")),
        Ok(Err(why)) => (StatusCode::UNPROCESSABLE_ENTITY, format!("kept the old rules: {why}\n")),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}
