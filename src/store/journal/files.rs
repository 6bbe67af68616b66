//! The data folder and its files: payloads and who visited what are for the gateway's user alone.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// The file of the store.
pub(crate) const FILE: &str = "daylight.db";
const ADVICE: &str = "choose a folder that the gateway may write to (`data`)";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Makes the data folder with mode 0700. A folder that exists keeps its mode.
pub(crate) fn folder(dir: &Path) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(dir);
    made.map_err(|e| format!("cannot make the folder {}: {e}: {ADVICE}", dir.display()))
}

/// Locks the folder: two gateways on one store would number rows twice.
pub(super) fn lock(dir: &Path) -> Result<File, String> {
    folder(dir)?;
    let file = file(&dir.join("lock"))?;
    file.try_lock().map_err(|_held| {
        format!("another gateway uses {}: stop it or choose another folder (`data`)", dir.display())
    })?;
    Ok(file)
}

/// Opens a file for writing, and makes it with mode 0600 where it does not exist. SQLite gives the files beside a database
/// the mode of the database.
pub(super) fn file(path: &Path) -> Result<File, String> {
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true).mode(FILE_MODE).open(path);
    file.map_err(|e| format!("cannot write {}: {e}: {ADVICE}", path.display()))
}
