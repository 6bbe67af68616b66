//! Chooses the matching engine: Hyperscan where libhs is installed (`cfg(libhs)`), pure Rust otherwise.

/// What people read who build without libhs.
const MISSING: &str = "libhs was not found, so the pure-Rust matching engine is built (same rules, slower on large rule sets); \
     for Hyperscan install libvectorscan-dev and pkg-config, then `touch build.rs` and build again";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(libhs)");
    if std::env::var_os("CARGO_FEATURE_HYPERSCAN").is_none() {
        return;
    }
    // Emits how to link the library and which variables make it worth looking again.
    match pkg_config::probe_library("libhs") {
        Ok(_) => println!("cargo::rustc-cfg=libhs"),
        Err(_) => println!("cargo::warning={MISSING}"),
    }
}
