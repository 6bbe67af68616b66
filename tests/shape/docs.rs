//! Documents for developers name only what is there.

use std::collections::BTreeSet;
use std::path::Path;

use crate::house::House;
use crate::law::words;

/// Folders whose paths are checked; other names with a slash are media types, methods and the like.
const FOLDERS: [&str; 12] = [
    "src/",
    "tests/",
    "docs/",
    "deploy/",
    "rules/",
    "fuzz/",
    "examples/",
    "benches/",
    "templates/",
    "certs/",
    ".github/",
    ".ci/",
];

/// Names in backticks that are not there: files, types, and the targets of `make`.
pub fn strangers(document: &str, house: &House, root: &Path) -> Vec<String> {
    let mut known = BTreeSet::new();
    for file in &house.files {
        let tokens = file.text.parse().unwrap();
        words(tokens, false, &mut |word, _, _| {
            known.insert(word.to_owned());
        });
    }
    let makefile = std::fs::read_to_string(root.join("Makefile")).unwrap();
    let is_there = |name: &str| {
        if let Some(target) = name.strip_prefix("make ") {
            return makefile.lines().any(|line| line.split(':').next() == target.split(' ').next());
        }
        if FOLDERS.iter().any(|folder| name.starts_with(folder)) {
            // A command may have arguments.
            return root.join(name.split(' ').next().unwrap()).exists();
        }
        !is_type(name) || name.split("::").all(|part| known.contains(part))
    };
    let prose = document.split("```").step_by(2);
    let quoted = prose.flat_map(|text| text.split('`').skip(1).step_by(2));
    quoted.filter(|name| !is_there(name)).map(str::to_owned).collect()
}

/// A name such as `Record` or `Record::close`.
fn is_type(name: &str) -> bool {
    let is_word =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let parts: Vec<&str> = name.split("::").collect();
    let has_type = parts.iter().any(|part| {
        part.starts_with(|c: char| c.is_ascii_uppercase()) && part.contains(|c: char| c.is_ascii_lowercase())
    });
    has_type && parts.iter().all(|part| is_word(part))
}
