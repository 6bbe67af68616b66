//! The shape of the code: who may use whom, and how large things may be.
//!
//! Every spelling of a use counts; test code does not. `tests/shape/evasions.rs` holds the law itself to account.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(unreachable_pub, reason = "a test program has no interface")]

#[path = "shape/docs.rs"]
mod docs;
#[path = "shape/evasions.rs"]
mod evasions;
#[path = "shape/house.rs"]
mod house;
#[path = "shape/law.rs"]
mod law;
#[path = "shape/references.rs"]
mod references;
#[path = "shape/size.rs"]
mod size;

use std::path::Path;

use syn::visit::Visit;

use house::{Declared, File, House};
use law::Uses;

const FILE_LINES_MAX: usize = 400;

fn ours() -> House {
    House::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_room_uses_only_rooms_of_lower_storeys() {
    let house = ours();
    none(&Uses::of(&house).wrong_storeys(law::STOREY_EXCEPTIONS));
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let house = ours();
    none(&Uses::of(&house).circles(law::CIRCLE_EXCEPTIONS));
}

#[test]
fn pure_rooms_have_no_clock_socket_or_lock() {
    let house = ours();
    none(&Uses::of(&house).impurities());
}

#[test]
fn tasks_are_spawned_where_they_are_drained() {
    let house = ours();
    none(&Uses::of(&house).spawns(&law::SPAWN_EXCEPTIONS));
}

#[test]
fn no_import_hides_what_it_takes() {
    let house = ours();
    none(&Uses::of(&house).globs());
}

#[test]
fn every_file_is_part_of_the_program_or_of_its_tests() {
    let house = ours();
    let lost = house.files.iter().filter(|file| file.declared == Declared::Nowhere);
    none(&lost.map(|file| format!("{}: no module declares it", file.path)).collect::<Vec<_>>());
}

#[test]
fn unsafe_code_and_silenced_lints_stay_out() {
    let house = ours();
    none(&house.files.iter().flat_map(law::forbidden_words).collect::<Vec<_>>());
}

#[test]
fn documents_for_developers_name_what_is_there() {
    let (house, root) = (ours(), Path::new(env!("CARGO_MANIFEST_DIR")));
    for document in ["docs/architecture.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        let strangers = docs::strangers(&text, &house, root);
        none(&strangers.iter().map(|name| format!("{document}: `{name}`")).collect::<Vec<_>>());
    }
}

#[test]
fn files_and_functions_stay_within_their_budget() {
    let (mut wrong, mut files, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
    for File { path, text, syntax, declared } in &ours().files {
        let lines = text.lines().count();
        files.push(lines);
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{path}: {lines} lines, {FILE_LINES_MAX} are allowed"));
        }
        if *declared == Declared::Program {
            let mut functions = size::Functions::default();
            functions.visit_file(syntax);
            wrong.extend(functions.wrong.iter().map(|what| format!("{path}: {what}")));
            lengths.extend(functions.lengths);
        }
    }
    println!("files median/p95/max {}; functions median/p95/max {}", spread(files), spread(lengths));
    none(&wrong);
}

fn spread(mut numbers: Vec<usize>) -> String {
    numbers.sort_unstable();
    let at = |part: usize| numbers[(numbers.len() - 1) * part / 100];
    format!("{}/{}/{}", at(50), at(95), at(100))
}

#[test]
fn every_signal_is_described_with_its_strength() {
    let docs =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/signals.md")).unwrap();
    let row = |signal: &&daylight::detect::inspect::signals::Signal| {
        format!("| {} | {} | {} |", signal.id, signal.word, signal.strength.as_str())
    };
    let rows = daylight::detect::inspect::evidence::ALL.iter().map(row);
    none(
        &rows
            .filter(|row| !docs.contains(row))
            .map(|row| format!("docs/signals.md: {row}"))
            .collect::<Vec<_>>(),
    );
}
