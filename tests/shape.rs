//! The shape of the code: who may use whom, and how large things may be.
//!
//! A module uses only modules of a lower rank. Nesting counts the blocks inside a function's body: `if`, `match` arms with
//! a block, loops, closures and `async` blocks; the body itself is level 0.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const NESTING_MAX: usize = 4;
const PARAMETERS_MAX: usize = 5;

/// Module and rank; the design's table.
const RANKS: [(&str, u8); 20] = [
    ("main", 8),
    ("cli", 8),
    ("lib", 8),
    ("app", 7),
    ("config", 6),
    ("proxy", 5),
    ("setup", 4),
    ("admin", 4),
    ("answers", 3),
    ("budget", 2),
    ("identity", 2),
    ("policy", 2),
    ("detect", 1),
    ("store", 2),
    ("wire", 1),
    ("telemetry", 0),
    ("verdict", 0),
    ("host", 0),
    ("clock", 0),
    ("yaml", 0),
];
/// No clock, socket, lock or runtime here. `rules` reads files and shares scratch space, so it is not on the list.
const PURE: [&str; 3] = ["host", "policy", "verdict"];
const IMPURE_WORDS: [&str; 6] =
    ["Instant::now", "SystemTime::now", "tokio::", "TcpStream", "Mutex", "std::fs"];

struct Source {
    path: PathBuf,
    module: String,
    text: String,
    syntax: syn::File,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(&root).unwrap().to_owned();
        let first = path.iter().next().unwrap().to_str().unwrap();
        let module = first.trim_end_matches(".rs").to_owned();
        let syntax = syn::parse_file(&text).unwrap();
        Source { path, module, text, syntax }
    };
    files.into_iter().map(read).collect()
}

fn rank(module: &str) -> u8 {
    RANKS.iter().find(|(name, _)| *name == module).unwrap_or_else(|| panic!("`{module}` has no rank")).1
}

/// The modules a file names with `crate::`.
fn used(text: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
        if !name.is_empty() && !rest.starts_with('{') {
            used.insert(name);
        }
    }
    used
}

fn is_test(source: &Source) -> bool {
    source.path.ends_with("tests.rs")
}

#[test]
fn a_module_uses_only_modules_of_a_lower_rank() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !is_test(source)) {
        for other in used(&source.text).iter().filter(|other| **other != source.module) {
            if rank(other) >= rank(&source.module) && source.module != "lib" {
                wrong.push(format!("{}: {} uses {other}", source.path.display(), source.module));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_modules_have_no_clock_socket_or_lock_and_tasks_are_spawned_in_two_places() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !is_test(source)) {
        let code = source.text.split("#[cfg(test)]").next().unwrap();
        if PURE.contains(&source.module.as_str()) {
            for word in IMPURE_WORDS.iter().filter(|word| code.contains(**word)) {
                wrong.push(format!("{}: {word}", source.path.display()));
            }
        }
        if code.contains("tokio::spawn(") && !["app", "wire"].contains(&source.module.as_str()) {
            wrong.push(format!("{}: tokio::spawn", source.path.display()));
        }
        if code.contains("unsafe ") && !source.path.starts_with("detect/rules/matcher") {
            wrong.push(format!("{}: unsafe", source.path.display()));
        }
        if code.contains("#[allow(") {
            wrong.push(format!("{}: a bare #[allow]", source.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[derive(Default)]
struct Functions {
    lengths: Vec<(usize, String)>,
    wrong: Vec<String>,
    depth: usize,
    deepest: usize,
}

impl Functions {
    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let lines = block.span().end().line - signature.span().start().line + 1;
        let parameters =
            signature.inputs.iter().filter(|input| matches!(input, syn::FnArg::Typed(_))).count();
        let outer = (self.depth, self.deepest);
        (self.depth, self.deepest) = (0, 0);
        visit::visit_block(self, block);
        let name = signature.ident.to_string();
        for (what, found, max) in [
            ("lines", lines, FUNCTION_LINES_MAX),
            ("levels", self.deepest, NESTING_MAX),
            ("parameters", parameters, PARAMETERS_MAX),
        ] {
            if found > max {
                self.wrong.push(format!("{name}: {found} {what}"));
            }
        }
        (self.depth, self.deepest) = outer;
        self.lengths.push((lines, name));
    }

    fn deeper(&mut self, inner: impl FnOnce(&mut Self)) {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        inner(self);
        self.depth -= 1;
    }
}

impl<'a> Visit<'a> for Functions {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        let test = item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
        if !test {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_expr_if(&mut self, item: &'a syn::ExprIf) {
        visit::visit_expr(self, &item.cond);
        self.deeper(|inner| visit::visit_block(inner, &item.then_branch));
        if let Some((_, other)) = &item.else_branch {
            match &**other {
                // `else if` stays at the level of its `if`.
                syn::Expr::If(chained) => self.visit_expr_if(chained),
                other => self.deeper(|inner| visit::visit_expr(inner, other)),
            }
        }
    }

    fn visit_arm(&mut self, arm: &'a syn::Arm) {
        match &*arm.body {
            syn::Expr::Block(block) => self.deeper(|inner| visit::visit_block(inner, &block.block)),
            body => visit::visit_expr(self, body),
        }
    }

    fn visit_expr_while(&mut self, item: &'a syn::ExprWhile) {
        self.deeper(|inner| visit::visit_expr_while(inner, item));
    }

    fn visit_expr_for_loop(&mut self, item: &'a syn::ExprForLoop) {
        self.deeper(|inner| visit::visit_expr_for_loop(inner, item));
    }

    fn visit_expr_loop(&mut self, item: &'a syn::ExprLoop) {
        self.deeper(|inner| visit::visit_expr_loop(inner, item));
    }

    fn visit_expr_closure(&mut self, item: &'a syn::ExprClosure) {
        self.deeper(|inner| visit::visit_expr_closure(inner, item));
    }

    fn visit_expr_async(&mut self, item: &'a syn::ExprAsync) {
        self.deeper(|inner| visit::visit_expr_async(inner, item));
    }
}

#[test]
fn files_and_functions_stay_within_their_budget() {
    let sources = sources();
    let (mut wrong, mut files, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
    for source in &sources {
        let lines = source.text.lines().count();
        files.push(lines);
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines", source.path.display()));
        }
        if is_test(source) {
            continue;
        }
        let mut functions = Functions::default();
        functions.visit_file(&source.syntax);
        wrong.extend(functions.wrong.iter().map(|what| format!("{}: {what}", source.path.display())));
        lengths.extend(functions.lengths.iter().map(|(lines, _)| *lines));
    }
    println!("files median/p95/max {}; functions median/p95/max {}", spread(files), spread(lengths));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn spread(mut numbers: Vec<usize>) -> String {
    numbers.sort_unstable();
    let at = |part: usize| numbers[(numbers.len() - 1) * part / 100];
    format!("{}/{}/{}", at(50), at(95), at(100))
}
