//! The law on uses: storeys, circles, purity, tasks.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};

use crate::house::{End, File, House};
use crate::references::{Kind, Reference, references};

/// Rooms, top first. A room uses only rooms of later lines, so rooms in one line never use each other. Rooms without a
/// tenant are listed for those who build them.
pub const STOREYS: [&[&str]; 19] = [
    &["main"],
    // The library's root declares the rooms; what it defines itself, no room may use.
    &["lib"],
    &["cli"],
    &["app"],
    &["config"],
    // Faces. A request passes from one to another only through `inlet`.
    &["proxy", "setup", "portal", "llm", "access", "server_pages", "console", "admin"],
    // Control, shared by the faces, one line each.
    &["audit"],
    &["ruling"],
    &["inlet"],
    &["answers"],
    &["policy"],
    &["servers"],
    &["vault"],
    &["identity"],
    &["budget"],
    &["session"],
    &["sandbox"],
    // `child` is process set-up; the other three are ground.
    &["child", "detect", "store", "wire"],
    &["telemetry", "yaml", "clock", "host", "verdict"],
];

/// Uses that the storeys forbid and that are there today: room, room it uses.
pub const STOREY_EXCEPTIONS: &[(&str, &str)] = &[];

/// Arrows that close a circle of files today: from, to. Each is the one to take away; the other way stays. Where the first
/// is inside the second, the outer file defines what the inner one needs: it can move into a file of its own.
pub const CIRCLE_EXCEPTIONS: &[(&str, &str)] = &[];

/// No clock, socket, lock, file or runtime here.
const PURE: [&str; 5] = ["detect", "store::event", "policy", "host", "verdict"];
/// Parts of pure rooms that read files and share scratch memory.
const IMPURE_PARTS: [&str; 2] = ["detect::rules::load", "detect::rules::matcher"];
const IMPURE: [&str; 22] = [
    "hyper",
    "hyper_util",
    "parking_lot",
    "rusqlite",
    "socket2",
    "std::env",
    "std::fs",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::sync::Condvar",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::mpsc",
    "std::thread",
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "time::OffsetDateTime::now_utc",
    "tokio",
    "tokio_util",
];

/// What starts a task or a thread that its caller does not wait for.
const SPAWNERS: [&str; 9] = [
    "hyper_util::rt::TokioExecutor",
    "std::thread::Builder",
    "std::thread::spawn",
    "tokio::spawn",
    "tokio::task::JoinSet",
    "tokio::task::spawn",
    "tokio::task::spawn_local",
    "tokio_util::task::JoinMap",
    "tokio_util::task::TaskTracker",
];
const SPAWN_HERE: [&str; 3] = ["app", "wire::listener", "wire::tasks"];
/// Modules that start something of their own and wait for its end: `Journal::close` joins the writer's thread.
pub const SPAWN_EXCEPTIONS: [&str; 1] = ["store::journal"];

/// The Hyperscan binding's edge; later also the process set-up in `child`.
const UNSAFE_HERE: [&str; 2] = ["detect/rules/matcher", "child"];

/// A use of a file by another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    pub from: String,
    pub to: String,
}

/// All references of the program's code with their ends.
pub struct Uses<'h> {
    house: &'h House,
    all: Vec<(Reference, Vec<End>)>,
}

impl<'h> Uses<'h> {
    pub fn of(house: &'h House) -> Self {
        let own = |at: &usize| house.modules[*at].is_file;
        let references = (0..house.modules.len()).filter(own).flat_map(|at| references(house, at));
        let with_ends = |reference: Reference| {
            let ends = house.ends(reference.module, &reference.path);
            (reference, ends)
        };
        Self { house, all: references.map(with_ends).collect() }
    }

    fn file(&self, module: usize) -> &str {
        &self.house.files[self.house.modules[module].file].path
    }

    fn place(&self, reference: &Reference) -> String {
        format!("{}:{}", self.file(reference.module), reference.line)
    }

    /// Uses of rooms, each once, with the first place of each.
    fn rooms(&self) -> BTreeMap<(String, String), String> {
        let room_of = |module: usize| room(&self.house.modules[module].path);
        let mut rooms = BTreeMap::new();
        for (reference, ends) in &self.all {
            let from = room_of(reference.module);
            for to in ends.iter().flat_map(modules).map(room_of).filter(|to| *to != from) {
                rooms.entry((from.clone(), to)).or_insert_with(|| self.place(reference));
            }
        }
        rooms
    }

    /// Rooms that use what they must not, rooms without a storey, and exceptions that are not needed.
    pub fn wrong_storeys(&self, exceptions: &[(&str, &str)]) -> Vec<String> {
        let storey = |room: &str| STOREYS.iter().position(|rooms| rooms.contains(&room));
        let rooms: BTreeSet<String> = self.house.modules.iter().map(|module| room(&module.path)).collect();
        let unknown = rooms.iter().filter(|room| storey(room).is_none());
        let mut wrong: Vec<String> =
            unknown.map(|room| format!("{room} is not in the list of storeys")).collect();
        let uses = self.rooms();
        let upward = |from: &str, to: &str| storey(from) >= storey(to);
        for ((from, to), place) in uses.iter().filter(|((from, to), _)| upward(from, to)) {
            if !exceptions.contains(&(from, to)) {
                wrong.push(format!("{place}: {from} uses {to}"));
            }
        }
        for (from, to) in exceptions {
            if !upward(from, to) || !uses.contains_key(&((*from).to_owned(), (*to).to_owned())) {
                wrong.push(format!("{from} does not use {to}: take it from the exceptions"));
            }
        }
        wrong
    }

    /// Uses of files by files. Declaring a module, handing on its names and naming it on the way to one of its names are
    /// none.
    fn arrows(&self) -> BTreeMap<Arrow, String> {
        let mut arrows = BTreeMap::new();
        for (reference, ends) in &self.all {
            let (at, from) = (reference.module, self.file(reference.module));
            for end in ends {
                let End::Ours { module, is_module, .. } = end else { continue };
                let to = self.file(*module);
                let hands_on = reference.kind == Kind::Reexport && self.house.is_below(*module, at);
                if from != to && !is_module && !hands_on {
                    let arrow = Arrow { from: from.to_owned(), to: to.to_owned() };
                    arrows.entry(arrow).or_insert_with(|| self.place(reference));
                }
            }
        }
        arrows
    }

    /// Circles of files, and exceptions that are not needed.
    pub fn circles(&self, exceptions: &[(&str, &str)]) -> Vec<String> {
        let arrows = self.arrows();
        let mut wrong = Vec::new();
        let excepted = |arrow: &Arrow| exceptions.contains(&(&*arrow.from, &*arrow.to));
        let kept: Vec<&Arrow> = arrows.keys().filter(|arrow| !excepted(arrow)).collect();
        for circle in circles(&kept) {
            wrong.push(format!("a circle of {}", circle.iter().copied().collect::<Vec<_>>().join(", ")));
            let inside = |arrow: &&&Arrow| circle.contains(&*arrow.from) && circle.contains(&*arrow.to);
            for arrow in kept.iter().filter(inside) {
                wrong.push(format!("  {}: {} uses {}", arrows[*arrow], arrow.from, arrow.to));
            }
        }
        for (from, to) in exceptions {
            let arrow = Arrow { from: (*from).to_owned(), to: (*to).to_owned() };
            let all: Vec<&Arrow> = kept.iter().copied().chain([&arrow]).collect();
            let closes = circles(&all).iter().any(|circle| circle.contains(from) && circle.contains(to));
            if !arrows.contains_key(&arrow) || !closes {
                wrong.push(format!("{from} using {to} closes no circle: take it from the exceptions"));
            }
        }
        wrong
    }

    /// Clocks, sockets, locks, files and impure rooms in pure rooms.
    pub fn impurities(&self) -> Vec<String> {
        let mut wrong = BTreeSet::new();
        for (reference, ends) in &self.all {
            let module = self.house.modules[reference.module].path.join("::");
            if !is_in(&module, &PURE) || is_in(&module, &IMPURE_PARTS) {
                continue;
            }
            for end in ends {
                let used = match end {
                    End::Theirs(path) => path.join("::"),
                    End::Ours { module, .. } => self.house.modules[*module].path.join("::"),
                };
                let wrong_here = match end {
                    End::Theirs(_) if reference.kind == Kind::Glob => {
                        IMPURE.iter().any(|word| is_in(word, &[&used]) || is_in(&used, &[word]))
                    }
                    End::Theirs(_) => is_in(&used, &IMPURE),
                    End::Ours { .. } => !is_in(&used, &PURE) && !is_in(&used, &["yaml"]),
                };
                if wrong_here {
                    wrong.insert(format!("{}: {used}", self.place(reference)));
                }
            }
        }
        wrong.into_iter().collect()
    }

    /// Tasks and threads started where nobody drains them, and exceptions that are not needed.
    pub fn spawns(&self, exceptions: &[&str]) -> Vec<String> {
        let spawns = |end: &End| matches!(end, End::Theirs(path) if is_in(&path.join("::"), &SPAWNERS));
        let module = |reference: &Reference| self.house.modules[reference.module].path.join("::");
        let all = self.all.iter().filter(|(_, ends)| ends.iter().any(spawns)).map(|(reference, _)| reference);
        let (excepted, others): (Vec<_>, Vec<_>) =
            all.partition(|reference| exceptions.contains(&&*module(reference)));
        let others = others.into_iter().filter(|reference| !is_in(&module(reference), &SPAWN_HERE));
        let mut wrong: Vec<String> = others
            .map(|reference| format!("{}: {}", self.place(reference), reference.path.join("::")))
            .collect();
        for exception in exceptions {
            if !excepted.iter().any(|reference| module(reference) == *exception) {
                wrong.push(format!("{exception} spawns nothing: take it from the exceptions"));
            }
        }
        wrong
    }

    /// Globs of our own modules: they hide what is used.
    pub fn globs(&self) -> Vec<String> {
        let ours = |end: &End| matches!(end, End::Ours { is_module: true, .. });
        let globs = self.all.iter().filter(|(reference, ends)| {
            reference.kind == Kind::Glob && (ends.iter().any(ours) || reference.path.is_empty())
        });
        globs
            .map(|(reference, _)| format!("{}: {}::*", self.place(reference), reference.path.join("::")))
            .collect()
    }
}

/// The module where a path ends, and those whose names it took on its way.
fn modules(end: &End) -> impl Iterator<Item = usize> {
    let ours = match end {
        End::Ours { module, through, .. } => Some((*module, through)),
        End::Theirs(_) => None,
    };
    ours.into_iter().flat_map(|(module, through)| through.iter().copied().chain([module]))
}

/// The room of a module: the first name of its path.
fn room(path: &[String]) -> String {
    path.first().map_or("lib", String::as_str).to_owned()
}

/// True when a path is one of the listed ones or lies below it.
fn is_in(path: &str, listed: &[&str]) -> bool {
    listed
        .iter()
        .any(|above| path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")))
}

/// Sets of more than one file that reach each other.
fn circles<'a>(arrows: &[&'a Arrow]) -> Vec<BTreeSet<&'a str>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for arrow in arrows {
        next.entry(&arrow.from).or_default().push(&arrow.to);
    }
    let reached = |start: &'a str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(at) = open.pop() {
            let more = next.get(at).into_iter().flatten();
            open.extend(more.filter(|to| seen.insert(**to)));
        }
        seen
    };
    let starts: BTreeSet<&'a str> = arrows.iter().map(|arrow| &*arrow.from).collect();
    let reached: BTreeMap<&str, BTreeSet<&str>> = starts.into_iter().map(|at| (at, reached(at))).collect();
    let back = |from: &str, to: &str| reached.get(to).is_some_and(|further| further.contains(from));
    let circle = |(from, to): (&&'a str, &BTreeSet<&'a str>)| -> BTreeSet<&'a str> {
        to.iter().copied().filter(|to| back(from, to)).chain([*from]).collect()
    };
    let found: BTreeSet<BTreeSet<&str>> =
        reached.iter().map(circle).filter(|circle| circle.len() > 1).collect();
    found.into_iter().collect()
}

/// `unsafe` outside its places, and `allow` in attributes.
pub fn forbidden_words(file: &File) -> Vec<String> {
    let unsafe_here = UNSAFE_HERE.iter().any(|path| file.path.starts_with(path));
    let mut wrong = Vec::new();
    words(file.text.parse().unwrap(), false, &mut |word, in_attribute, line| match word {
        "unsafe" if !unsafe_here => wrong.push(format!("{}:{line}: unsafe", file.path)),
        "allow" if in_attribute => {
            wrong.push(format!("{}:{line}: `allow`; `expect` with a reason says when it is over", file.path));
        }
        _ => {}
    });
    wrong
}

/// Every word of the code, and whether it stands in an attribute.
pub fn words(tokens: TokenStream, in_attribute: bool, each: &mut impl FnMut(&str, bool, usize)) {
    let mut after_hash = false;
    for token in tokens {
        match &token {
            TokenTree::Ident(ident) => each(&ident.to_string(), in_attribute, ident.span().start().line),
            TokenTree::Group(group) => words(group.stream(), in_attribute || after_hash, each),
            _ => {}
        }
        after_hash = matches!(&token, TokenTree::Punct(punct) if "#!".contains(punct.as_char()));
    }
}
