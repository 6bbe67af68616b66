//! Reloading: read everything anew, swap whole or not at all, say which.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use notify::{RecursiveMode, Watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::decisions::{Decisions, Replaceable};
use crate::clock;
use crate::config::{Config, Variables};
use crate::detect::rules;
use crate::telemetry::Metrics;
use crate::telemetry::labels::Outcome;
use crate::wire::tasks::Tasks;

/// Editors write a file in several steps; a reload waits until they are quiet for this long.
const QUIET: Duration = Duration::from_millis(200);
/// See [`QUIET`]; not longer than this.
const QUIET_MAX: Duration = Duration::from_secs(2);

/// Replaces what a running gateway can change: rules, policy, users, pages.
pub(crate) struct Reloader {
    replaceable: Replaceable,
    metrics: Arc<Metrics>,
    file: Option<PathBuf>,
    rules: Vec<PathBuf>,
    one_at_a_time: Mutex<()>,
}

impl Reloader {
    /// Reads `file` (or the defaults without one) at each reload; `rules` are watched.
    pub(super) fn new(
        replaceable: Replaceable,
        metrics: Arc<Metrics>,
        file: Option<PathBuf>,
        rules: Vec<PathBuf>,
    ) -> Self {
        Self { replaceable, metrics, file, rules, one_at_a_time: Mutex::new(()) }
    }

    /// Reads configuration and rules; on any error the old ones stay in force.
    pub(crate) fn reload(&self, cause: &str) -> Result<String, String> {
        let _turn = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = &self.metrics;
        let outcome = |result| metrics.reloads.get_or_create(&Outcome { result }).inc();
        match self.read() {
            Ok(decisions) => {
                let rules = &decisions.ruling.rules;
                let (hash, count) = (rules.hash.clone(), rules.len());
                self.replaceable.replace(decisions);
                outcome("ok");
                metrics.in_force(&hash, count, clock::now_s());
                tracing::info!(cause, rules = count, rule_set = &*hash, "reloaded");
                Ok(format!("{count} rules in force, rule set {hash}"))
            }
            Err(why) => {
                outcome("failed");
                tracing::error!(cause, error = why, "reload failed; the old rules stay in force");
                Err(why)
            }
        }
    }

    fn read(&self) -> Result<Decisions, String> {
        let variables = Variables::of_process().map_err(|e| e.to_string())?;
        let config = Config::load(self.file.as_deref(), &variables).map_err(|e| e.to_string())?;
        let rules = rules::load(&config.rules).map_err(|e| e.to_string())?;
        Decisions::new(config, rules).map_err(|e| e.to_string())
    }
}

/// Reloads on SIGHUP.
pub(super) async fn on_hangup(reloader: Arc<Reloader>, tasks: Tasks) {
    let mut signals = match signal(SignalKind::hangup()) {
        Ok(signals) => signals,
        Err(error) => return tracing::warn!(%error, "SIGHUP cannot be heard"),
    };
    loop {
        tokio::select! {
            () = tasks.closing() => return,
            _ = signals.recv() => {}
        }
        run(&reloader, "SIGHUP").await;
    }
}

/// Reloads when a rule file or the configuration changes on disk.
pub(super) async fn on_change(reloader: Arc<Reloader>, tasks: Tasks) {
    let (tell, mut changes) = mpsc::channel::<()>(1);
    let watched = Watched::new(&reloader.rules, reloader.file.as_deref());
    let (folders, trees) = (watched.folders.clone(), watched.trees.clone());
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // A full channel means that a reload is due already.
        if event.is_ok_and(|event| watched.concerns(&event)) && tell.try_send(()).is_err() {
            tracing::trace!("a reload is due already");
        }
    });
    let mut watcher = match watcher {
        Ok(watcher) => watcher,
        Err(error) => return tracing::warn!(%error, "files cannot be watched; use SIGHUP or POST /reload"),
    };
    let all = folders.iter().map(|folder| (folder, RecursiveMode::NonRecursive));
    for (path, mode) in all.chain(trees.iter().map(|tree| (tree, RecursiveMode::Recursive))) {
        if let Err(error) = watcher.watch(path, mode) {
            tracing::warn!(%error, path = %path.display(), "cannot be watched; use SIGHUP or POST /reload");
        }
    }
    loop {
        tokio::select! {
            () = tasks.closing() => return,
            _ = changes.recv() => {}
        }
        // A file that never comes to rest must not hold up the others.
        let patience = Instant::now() + QUIET_MAX;
        while Instant::now() < patience
            && let Ok(Some(())) = tokio::time::timeout(QUIET, changes.recv()).await
        {}
        run(&reloader, "a file changed").await;
    }
}

/// Which changes on disk lead to a reload. Files are watched through their folders: an editor or a deployment puts a new
/// file in the place of the old one, and a watch on the old one would end with it.
struct Watched {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    trees: Vec<PathBuf>,
}

impl Watched {
    fn new(rules: &[PathBuf], file: Option<&Path>) -> Self {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_no_cwd| path.to_owned());
        let (trees, files): (Vec<PathBuf>, Vec<PathBuf>) =
            rules.iter().map(PathBuf::as_path).chain(file).map(absolute).partition(|path| path.is_dir());
        let folders = files.iter().filter_map(|file| Some(file.parent()?.to_owned())).collect();
        Self { files, folders, trees }
    }

    fn concerns(&self, event: &notify::Event) -> bool {
        let touched = event.kind.is_modify() || event.kind.is_create() || event.kind.is_remove();
        let ours =
            |path: &PathBuf| self.files.contains(path) || self.trees.iter().any(|t| path.starts_with(t));
        touched && event.paths.iter().any(ours)
    }
}

async fn run(reloader: &Arc<Reloader>, cause: &'static str) {
    let reloader = Arc::clone(reloader);
    let done = tokio::task::spawn_blocking(move || reloader.reload(cause)).await;
    if let Err(error) = done {
        tracing::error!(%error, "the reload broke off");
    }
}
