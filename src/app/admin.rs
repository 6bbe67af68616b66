//! The private listener: metrics, health, reload.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use super::reload::Reloader;
use crate::listener::Tasks;
use crate::tunnel::Gateway;

#[derive(Clone)]
struct Parts {
    gateway: Arc<Gateway>,
    reloader: Arc<Reloader>,
}

/// Serves until the tasks are closing.
pub(super) async fn serve(socket: TcpListener, gateway: Arc<Gateway>, reloader: Arc<Reloader>, tasks: Tasks) {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/reload", post(reload))
        .with_state(Parts { gateway, reloader });
    let closing = async move { tasks.closing().await };
    if let Err(error) = axum::serve(socket, router).with_graceful_shutdown(closing).await {
        tracing::error!(%error, "the admin listener failed");
    }
}

async fn metrics(State(parts): State<Parts>) -> impl IntoResponse {
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, media)], parts.gateway.metrics.render())
}

/// Not ready while draining and while nothing can be recorded.
async fn ready(State(parts): State<Parts>) -> impl IntoResponse {
    if parts.gateway.tasks.is_closing() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    if !parts.gateway.journal.accepts() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the event journal cannot store events\n");
    }
    (StatusCode::OK, "ready\n")
}

async fn reload(State(parts): State<Parts>) -> impl IntoResponse {
    let reloader = Arc::clone(&parts.reloader);
    let done = tokio::task::spawn_blocking(move || reloader.reload("POST /reload")).await;
    match done {
        Ok(Ok(said)) => (StatusCode::OK, format!("{said}\n")),
        Ok(Err(why)) => (StatusCode::UNPROCESSABLE_ENTITY, format!("kept the old rules: {why}\n")),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}
