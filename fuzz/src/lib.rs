//! What the targets share.

use std::path::PathBuf;

/// Cuts input into pieces whose sizes the input chooses, so that every border between two reads is tried.
pub fn pieces(sizes: u8, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(usize::from(sizes % 16) + 1)
}

/// Runs a future to its end; a clock that nobody moves makes every deadline harmless.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// A file of this process with a text in it, the last one's place.
pub fn file(text: &str) -> PathBuf {
    let file = std::env::temp_dir().join(format!("daylight-fuzz-{}.yaml", std::process::id()));
    std::fs::write(&file, text).expect("a file for temporary use");
    file
}

/// The lines of a YAML text: a carriage return alone ends one too (YAML 1.2, section 5.4).
pub fn lines(text: &str) -> u64 {
    1 + text.bytes().filter(|byte| matches!(byte, b'\r' | b'\n')).count() as u64
}
