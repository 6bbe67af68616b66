//! The law held to account: small trees that break it, each in another spelling.

use crate::house::{Declared, House};
use crate::law::{Uses, forbidden_words};
use crate::size::Functions;
use syn::visit::Visit;

const LIB: (&str, &str) =
    ("lib.rs", "pub mod cli; pub mod host; pub mod store; pub mod verdict; pub mod wire;");
const REST: [(&str, &str); 5] = [
    ("cli.rs", "pub fn main() {}"),
    ("host.rs", "pub struct Host;"),
    ("store.rs", ""),
    ("verdict.rs", "pub enum Verdict { Allow }"),
    ("wire.rs", "pub mod net; pub use net::Dialer;"),
];

/// A tree of the rooms above, with files that replace or join theirs.
fn house(files: &[(&str, &str)]) -> House {
    let mut all: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    let net = ("wire/net.rs", "pub struct Dialer; pub fn dial() {}");
    for (path, text) in [LIB, net].iter().chain(&REST).chain(files) {
        all.insert((*path).to_owned(), (*text).to_owned());
    }
    House::of(all.into_iter().collect())
}

fn storeys(store: &str) -> Vec<String> {
    Uses::of(&house(&[("store.rs", store)])).wrong_storeys(&[])
}

fn circles(files: &[(&str, &str)]) -> Vec<String> {
    Uses::of(&house(files)).circles(&[])
}

#[test]
fn every_spelling_of_a_use_counts() {
    for spelling in [
        "use crate::wire;",
        "use crate::wire::net::Dialer;",
        "use crate::{host, wire};",
        "use crate::{host::Host, wire::{net::{self, Dialer}}};",
        "use crate::wire as w;",
        "use crate as root; use root::wire;",
        "use crate as root; fn f() { root::wire::net::dial() }",
        "use super::wire;",
        "use self::super::wire::net;",
        "use crate::wire::*;",
        "pub use crate::wire::Dialer;",
        "fn f() { use crate::wire::net; net::dial() }",
        "fn f() { crate::wire::net::dial() }",
        "fn f() { super::wire::net::dial() }",
        "fn f(dialer: crate::wire::Dialer) {}",
        "fn f() -> Vec<Option<super::wire::Dialer>> { vec![] }",
        "struct S<T: Into<crate::wire::Dialer>>(T);",
        "impl From<crate::wire::Dialer> for () { fn from(_: crate::wire::Dialer) {} }",
        "fn f() { match 1 { crate::wire::net::ONE => {} _ => {} } }",
        "fn f() { let _ = <crate::wire::Dialer as Default>::default(); }",
        "fn f() { println!(\"{}\", crate::wire::net::dial()); }",
        "fn f() { tokio::select! { _ = async { [(crate::wire::net::dial(), 1)] } => {} } }",
        "macro_rules! m { () => { $crate::wire::net::dial() } }",
        "crate::wire::dial_macro!();",
        "#[derive(crate::wire::Dial)] struct S;",
        "#[serde(with = \"crate::wire::net\")] struct S;",
        "mod inner { use super::super::wire; }",
        "mod inner { fn f() { super::super::wire::net::dial() } }",
        "mod inner { pub mod deep { use crate::{wire}; } }",
        "extern crate self as daylight; use daylight::wire;",
        "extern crate self as me; fn f() { me::wire::net::dial() }",
        "#[cfg(not(test))] use crate::wire;",
        "#[cfg(any(test, unix))] use crate::wire;",
        "#[cfg(feature = \"hyperscan\")] mod inner { use crate::wire; }",
    ] {
        let wrong = storeys(spelling);
        assert!(wrong.contains(&"store.rs:1: store uses wire".to_owned()), "{spelling}: {wrong:?}");
    }
}

#[test]
fn tests_comments_and_lower_rooms_may_be_named() {
    for spelling in [
        "use crate::{host::Host, verdict::Verdict};",
        "/// Unlike [`crate::wire::net`].\nstruct S;",
        "const TEXT: &str = \"crate::wire::net\";",
        "#[cfg(test)] use crate::wire;",
        "#[cfg(test)] mod tests { use crate::wire; }",
        "#[cfg(all(test, feature = \"hyperscan\"))] mod tests { use crate::wire; }",
        "struct S; impl S { #[cfg(test)] fn f() { crate::wire::net::dial() } }",
        "pub(in crate::store) struct S;",
    ] {
        assert_eq!(storeys(spelling), [""; 0], "{spelling}");
    }
    let files = [("store.rs", "#[cfg(test)] mod tests;"), ("store/tests.rs", "use crate::wire;")];
    assert_eq!(Uses::of(&house(&files)).wrong_storeys(&[]), [""; 0]);
}

#[test]
fn a_room_cannot_be_reached_through_the_names_of_another_one() {
    let root = "pub mod store; pub mod wire; pub use wire::Dialer; pub struct Loose;";
    let by_root = house(&[("lib.rs", root), ("store.rs", "use crate::Dialer;")]);
    let wrong = Uses::of(&by_root).wrong_storeys(&[]);
    assert_eq!(wrong, ["store.rs:1: store uses lib", "store.rs:1: store uses wire"]);
    let loose = house(&[("lib.rs", root), ("store.rs", "fn f(_: super::Loose) {}")]);
    assert_eq!(Uses::of(&loose).wrong_storeys(&[]), ["store.rs:1: store uses lib"]);
    let main = house(&[("main.rs", "fn main() { daylight::cli::main() }"), ("cli.rs", "use crate::wire;")]);
    assert_eq!(Uses::of(&main).wrong_storeys(&[]), [""; 0]);
}

#[test]
fn faces_do_not_use_each_other_and_a_new_room_needs_a_storey() {
    let faces = [
        ("lib.rs", "mod portal; mod setup;"),
        ("portal.rs", "pub struct P;"),
        ("setup.rs", "use crate::portal::P;"),
    ];
    assert_eq!(Uses::of(&house(&faces)).wrong_storeys(&[]), ["setup.rs:1: setup uses portal"]);
    let unknown = [("lib.rs", "mod attic;"), ("attic.rs", "")];
    let wrong = Uses::of(&house(&unknown)).wrong_storeys(&[]);
    assert_eq!(wrong, ["attic is not in the list of storeys"]);
}

#[test]
fn an_exception_that_is_over_fails() {
    let house = house(&[("store.rs", "use crate::wire;")]);
    let uses = Uses::of(&house);
    assert_eq!(uses.wrong_storeys(&[("store", "wire")]), [""; 0]);
    let over = uses.wrong_storeys(&[("store", "wire"), ("store", "cli")]);
    assert_eq!(over, ["store does not use cli: take it from the exceptions"]);
    let over = uses.circles(&[("store.rs", "wire.rs")]);
    assert_eq!(over, ["store.rs using wire.rs closes no circle: take it from the exceptions"]);
    assert_eq!(uses.spawns(&["store"]), ["store spawns nothing: take it from the exceptions"]);
}

#[test]
fn files_that_use_each_other_are_a_circle() {
    let pair = [
        ("store.rs", "mod read; mod write;"),
        ("store/read.rs", "use super::write::{self, Row}; pub fn key() {} fn f() { write::put() }"),
        ("store/write.rs", "pub struct Row; pub fn put() { crate::store::read::key() }"),
    ];
    assert_eq!(
        circles(&pair),
        [
            "a circle of store/read.rs, store/write.rs",
            "  store/read.rs:1: store/read.rs uses store/write.rs",
            "  store/write.rs:1: store/write.rs uses store/read.rs",
        ]
    );
    let uses = house(&pair);
    assert_eq!(Uses::of(&uses).circles(&[("store/write.rs", "store/read.rs")]), [""; 0]);
    let three = [
        ("store.rs", "mod a; mod b; mod c;"),
        ("store/a.rs", "pub struct A(super::b::B);"),
        ("store/b.rs", "use super::c; pub struct B(c::C);"),
        ("store/c.rs", "pub enum C { Of(Box<crate::store::a::A>) }"),
    ];
    assert_eq!(circles(&three)[0], "a circle of store/a.rs, store/b.rs, store/c.rs");
}

#[test]
fn a_circle_through_the_names_of_a_parent_is_one() {
    let files = [
        ("store.rs", "mod read; mod write; pub use read::Reader; pub use write::Writer;"),
        ("store/read.rs", "use super::Writer; pub struct Reader;"),
        ("store/write.rs", "use crate::store::Reader; pub struct Writer;"),
    ];
    assert_eq!(circles(&files)[0], "a circle of store/read.rs, store/write.rs");
}

#[test]
fn a_parent_and_its_child_are_a_circle_when_each_needs_what_the_other_defines() {
    let child = ("store/read.rs", "use super::Row; pub struct Reader(Row);");
    // Declaring the child and handing on its names is no use of it.
    assert_eq!(circles(&[("store.rs", "mod read; pub use read::Reader; pub struct Row;"), child]), [""; 0]);
    // A child that needs nothing of its parent may be used by it.
    let free = ("store/read.rs", "pub struct Reader;");
    let parent = "mod read; use read::Reader; pub struct Row(Reader);";
    assert_eq!(circles(&[("store.rs", parent), free]), [""; 0]);
    for parent in [
        parent,
        "mod read; pub struct Row(read::Reader);",
        "mod read; pub use read::Reader; pub struct Row(Option<Reader>);",
        "pub mod read; pub struct Row; fn f() { vec![self::read::Reader] }",
    ] {
        assert_eq!(
            circles(&[("store.rs", parent), child])[0],
            "a circle of store.rs, store/read.rs",
            "{parent}"
        );
    }
}

#[test]
fn pure_rooms_are_searched_in_every_spelling() {
    for spelling in [
        "use std::sync::Mutex;",
        "use std::{fs, sync::Arc};",
        "use std::sync; static M: sync::Mutex<()> = sync::Mutex::new(());",
        "use std::time::Instant; fn f() -> Instant { Instant::now() }",
        "use std::time; fn f() { time::SystemTime::now(); }",
        "use ::std::fs as files;",
        "use tokio as runtime; async fn f() { runtime::task::yield_now().await }",
        "use std::net::*;",
        "fn f() { println!(\"{:?}\", std::env::args()) }",
        "use crate::wire::net;",
        "use crate::clock;",
    ] {
        let lib = ("lib.rs", "mod clock; mod host; mod verdict; mod wire;");
        let house = house(&[lib, ("clock.rs", "pub fn now() {}"), ("host.rs", spelling)]);
        assert!(!Uses::of(&house).impurities().is_empty(), "{spelling}");
    }
    let pure = "use std::time::Instant; use crate::verdict::Verdict; fn f(now: Instant, v: Verdict) {}";
    assert_eq!(Uses::of(&house(&[("host.rs", pure)])).impurities(), [""; 0]);
}

#[test]
fn tasks_are_found_in_every_spelling() {
    for spelling in [
        "fn f() { tokio::spawn(async {}); }",
        "use tokio::task; fn f() { task::spawn(async {}); }",
        "use tokio::spawn as start; fn f() { start(async {}); }",
        "use std::thread; fn f() { thread::Builder::new(); }",
        "use tokio::task::{self, JoinSet};",
    ] {
        assert!(!Uses::of(&house(&[("store.rs", spelling)])).spawns(&[]).is_empty(), "{spelling}");
    }
    let waits = "async fn f() { tokio::task::spawn_blocking(|| 1).await; }";
    assert_eq!(Uses::of(&house(&[("store.rs", waits)])).spawns(&[]), [""; 0]);
}

#[test]
fn globs_of_own_modules_lost_files_unsafe_code_and_allowed_lints_are_found() {
    for glob in ["use crate::*;", "use super::wire::*;", "mod inner { use super::*; }"] {
        assert_eq!(Uses::of(&house(&[("store.rs", glob)])).globs().len(), 1, "{glob}");
    }
    let house = house(&[("store.rs", "use crate::verdict::Verdict; use Verdict::*;"), ("lost.rs", "")]);
    assert_eq!(Uses::of(&house).globs(), [""; 0]);
    let lost = house.files.iter().filter(|file| file.declared == Declared::Nowhere);
    assert_eq!(lost.map(|file| &*file.path).collect::<Vec<_>>(), ["lost.rs"]);
    for text in
        ["fn f() { unsafe { g() } }", "#[allow(dead_code)] fn f() {}", "#![cfg_attr(unix, allow(dead_code))]"]
    {
        let house = House::of(vec![("lib.rs".to_owned(), text.to_owned())]);
        assert_eq!(forbidden_words(&house.files[0]).len(), 1, "{text}");
    }
    let fine =
        House::of(vec![("lib.rs".to_owned(), "/// unsafe\nfn f() { x.allow(\"unsafe\") }".to_owned())]);
    assert_eq!(forbidden_words(&fine.files[0]), [""; 0]);
}

#[test]
fn a_document_that_names_what_is_gone_is_found() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = "`Host` and `Dialer::dial`, `text/html`, `limits.hello_ms`, `src/lib.rs`, `make check`: there. Gone: \
        `Gateway`, `Dialer::hang_up`, `src/tunnel.rs`, `make tea`. ```text `Gone` ```";
    let strangers = crate::docs::strangers(text, &house(&[]), root);
    assert_eq!(strangers, ["Gateway", "Dialer::hang_up", "src/tunnel.rs", "make tea"]);
}

#[test]
fn long_deep_and_wide_functions_are_found_in_every_place() {
    let lines = "x();\n".repeat(70);
    let deep = "if a { loop { match b { c => { if d { e() } } } } }";
    let deeper = "for a in b { if c { loop { match d { e => { if f {} } } } } }";
    for (text, wrong) in [
        (format!("fn f() {{ {lines} }}"), 1),
        (format!("trait T {{ fn f(&self) {{ {lines} }} }}"), 1),
        (format!("#[cfg(feature = \"x\")] mod m {{ fn f() {{ {lines} }} }}"), 1),
        (format!("#[cfg(test)] mod m {{ fn f() {{ {lines} }} }}"), 0),
        (format!("fn f() {{ {deep} }}"), 0),
        (format!("fn f() {{ {deeper} }}"), 1),
        (format!("fn f() {{ move || async {{ {deep} }}; }}"), 1),
        ("impl S { fn f(&self, a: A, b: B, c: C, d: D, e: E) {} }".to_owned(), 0),
        ("impl S { fn f(&self, a: A, b: B, c: C, d: D, e: E, f: F) {} }".to_owned(), 1),
    ] {
        let mut functions = Functions::default();
        functions.visit_file(&syn::parse_file(&text).unwrap());
        assert_eq!(functions.wrong.len(), wrong, "{text}: {:?}", functions.wrong);
    }
}
