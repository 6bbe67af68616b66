//! The source tree as modules, and where a path in it leads.
//!
//! Test code is left out: items under `#[cfg(test)]`, and files that only such a module declares.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::Visit;

/// A chain of re-exports longer than this is a circle of its own.
const REEXPORTS_MAX: usize = 16;

pub struct House {
    pub files: Vec<File>,
    pub modules: Vec<Module>,
}

pub struct File {
    /// Below `src/`.
    pub path: String,
    pub text: String,
    pub syntax: syn::File,
    /// No module declares it, test code does, or the program does.
    pub declared: Declared,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    Nowhere,
    ForTests,
    Program,
}

/// A file's module or an inline one.
#[derive(Default)]
pub struct Module {
    /// From the crate's root, which is empty.
    pub path: Vec<String>,
    pub file: usize,
    /// False for an inline module.
    pub is_file: bool,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    items: BTreeSet<String>,
    imports: Vec<Import>,
}

struct Import {
    name: String,
    path: Vec<String>,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// Into this crate. `through` are the modules whose re-exports were followed.
    Ours { module: usize, through: Vec<usize>, is_module: bool },
    /// Out of this crate, or to a local name.
    Theirs(Vec<String>),
}

/// One leaf of a `use` tree.
pub struct Leaf {
    pub name: String,
    pub path: Vec<String>,
    pub is_glob: bool,
    pub line: usize,
}

impl House {
    pub fn read(root: &Path) -> Self {
        let (mut texts, mut folders) = (Vec::new(), vec![root.to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                    texts.push((name, std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        texts.sort();
        Self::of(texts)
    }

    /// A tree of files by name below `src/`.
    pub fn of(texts: Vec<(String, String)>) -> Self {
        let file = |(path, text): (String, String)| {
            let syntax = syn::parse_file(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
            File { path, text, syntax, declared: Declared::Nowhere }
        };
        let mut house = Self { files: texts.into_iter().map(file).collect(), modules: Vec::new() };
        // The library is module 0; the program uses it by the crate's name.
        house.enter("lib.rs", &[], None);
        house.enter("main.rs", &["main".to_owned()], None);
        house
    }

    fn file(&self, path: &str) -> Option<usize> {
        self.files.iter().position(|file| file.path == path)
    }

    /// Adds a file's module and the modules it declares.
    fn enter(&mut self, path: &str, module: &[String], parent: Option<usize>) -> Option<usize> {
        let file = self.file(path)?;
        self.files[file].declared = Declared::Program;
        let at = self.add(module.to_vec(), file, parent);
        self.modules[at].is_file = true;
        let items = self.files[file].syntax.items.clone();
        self.furnish(at, &items);
        Some(at)
    }

    fn add(&mut self, path: Vec<String>, file: usize, parent: Option<usize>) -> usize {
        self.modules.push(Module { path, file, parent, ..Module::default() });
        self.modules.len() - 1
    }

    fn furnish(&mut self, at: usize, items: &[syn::Item]) {
        for item in items {
            match item {
                syn::Item::Mod(item) => self.declare(at, item),
                item if is_test(attributes(item)) => {}
                item => self.modules[at].items.extend(name(item)),
            }
        }
        let mut imports = Imports::default();
        items.iter().filter(|item| !is_test(attributes(item))).for_each(|item| imports.visit_item(item));
        let leaf = |leaf: Leaf| Import { name: leaf.name, path: leaf.path };
        self.modules[at].imports.extend(imports.leaves.into_iter().filter(|leaf| !leaf.is_glob).map(leaf));
    }

    fn declare(&mut self, at: usize, item: &syn::ItemMod) {
        let mut path = self.modules[at].path.clone();
        path.push(item.ident.to_string());
        let file = format!("{}.rs", path.join("/"));
        if is_test(&item.attrs) {
            self.leave_to_tests(&file);
            return;
        }
        let child = match &item.content {
            Some((_, items)) => {
                let child = self.add(path, self.modules[at].file, Some(at));
                self.furnish(child, items);
                Some(child)
            }
            None => self.enter(&file, &path, Some(at)),
        };
        let child = child.unwrap_or_else(|| panic!("no file src/{file}: modules are found by their name"));
        self.modules[at].children.insert(item.ident.to_string(), child);
    }

    fn leave_to_tests(&mut self, file: &str) {
        let folder = file.trim_end_matches(".rs").to_owned() + "/";
        for other in &mut self.files {
            if other.path == file || other.path.starts_with(&folder) {
                other.declared = Declared::ForTests;
            }
        }
    }

    /// True when a module lies inside another one.
    pub fn is_below(&self, at: usize, above: usize) -> bool {
        self.modules[at].parent.is_some_and(|parent| parent == above || self.is_below(parent, above))
    }

    pub fn child(&self, at: usize, name: &str) -> usize {
        self.modules[at].children[name]
    }

    fn root(&self, at: usize) -> usize {
        self.modules[at].parent.map_or(at, |parent| self.root(parent))
    }

    /// Where a path that stands in module `at` leads: more than one end when a name is imported more than once.
    pub fn ends(&self, at: usize, path: &[String]) -> Vec<End> {
        self.locate(at, path, true, 0)
    }

    fn locate(&self, at: usize, path: &[String], with_imports: bool, depth: usize) -> Vec<End> {
        assert!(depth < REEXPORTS_MAX, "`{}` leads in a circle of re-exports", path.join("::"));
        let Some(first) = path.first() else { return Vec::new() };
        let module = &self.modules[at];
        let imported = with_imports && module.imports.iter().any(|import| import.name == *first);
        match first.as_str() {
            "crate" => self.descend(self.root(at), &path[1..], true, depth),
            "self" | "super" => self.descend(at, path, true, depth),
            name if imported || module.children.contains_key(name) || module.items.contains(name) => {
                self.descend(at, path, with_imports, depth)
            }
            "daylight" => self.descend(0, &path[1..], true, depth),
            // `::daylight::x`, `::std::fs`.
            "" => self.locate(at, &path[1..], false, depth),
            _ => vec![End::Theirs(path.to_vec())],
        }
    }

    fn descend(&self, at: usize, path: &[String], with_imports: bool, depth: usize) -> Vec<End> {
        let here = |is_module| vec![End::Ours { module: at, through: Vec::new(), is_module }];
        let Some((name, more)) = path.split_first() else { return here(true) };
        let module = &self.modules[at];
        match name.as_str() {
            "self" => return self.descend(at, more, with_imports, depth),
            "super" => {
                let parent = module.parent.unwrap_or(at);
                return self.descend(parent, more, true, depth);
            }
            _ => {}
        }
        let child = module.children.get(name);
        let imports = module.imports.iter().filter(|import| with_imports && import.name == *name);
        let imports: Vec<&Import> = imports.collect();
        match child {
            // A name may be a module and a function: the longer path means the module.
            Some(child) if !more.is_empty() || imports.is_empty() => self.descend(*child, more, true, depth),
            _ if imports.is_empty() => here(false),
            _ => imports.into_iter().flat_map(|import| self.follow(at, import, more, depth)).collect(),
        }
    }

    fn follow(&self, at: usize, import: &Import, more: &[String], depth: usize) -> Vec<End> {
        let path = [&import.path, more].concat();
        // `use time;` and `pub use load::load;` do not mean themselves.
        let with_imports = import.path.first() != Some(&import.name);
        let mut ends = self.locate(at, &path, with_imports, depth + 1);
        for end in &mut ends {
            if let End::Ours { through, .. } = end {
                through.push(at);
            }
        }
        ends
    }
}

/// The `use` trees of a module, those inside functions too, but not those of its inline modules.
#[derive(Default)]
struct Imports {
    leaves: Vec<Leaf>,
}

impl<'a> Visit<'a> for Imports {
    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.leaves.extend(leaves(item));
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'a syn::ItemExternCrate) {
        if let (true, Some((_, name))) = (item.ident == "self", &item.rename) {
            let path = vec!["crate".to_owned()];
            self.leaves.push(Leaf { name: name.to_string(), path, is_glob: false, line: 0 });
        }
    }

    fn visit_item_mod(&mut self, _: &'a syn::ItemMod) {}
}

/// The names that a `use` brings in, each with its full path.
pub fn leaves(item: &syn::ItemUse) -> Vec<Leaf> {
    let start = if item.leading_colon.is_some() { vec![String::new()] } else { Vec::new() };
    let (mut found, mut open) = (Vec::new(), vec![(start, &item.tree)]);
    while let Some((mut path, tree)) = open.pop() {
        let mut leaf = |name: String, path, is_glob, ident: proc_macro2::Span| {
            found.push(Leaf { name, path, is_glob, line: ident.start().line });
        };
        match tree {
            syn::UseTree::Path(part) => {
                path.push(part.ident.to_string());
                open.push((path, &part.tree));
            }
            syn::UseTree::Group(group) => open.extend(group.items.iter().map(|tree| (path.clone(), tree))),
            syn::UseTree::Glob(glob) => leaf("*".into(), path, true, glob.star_token.spans[0]),
            syn::UseTree::Name(part) if part.ident == "self" => {
                leaf(path.last().cloned().unwrap_or_default(), path, false, part.ident.span());
            }
            syn::UseTree::Name(part) => {
                path.push(part.ident.to_string());
                leaf(part.ident.to_string(), path, false, part.ident.span());
            }
            syn::UseTree::Rename(part) => {
                if part.ident != "self" {
                    path.push(part.ident.to_string());
                }
                leaf(part.rename.to_string(), path, false, part.ident.span());
            }
        }
    }
    found
}

/// True for `#[cfg(test)]` and `#[cfg(all(test, ...))]`.
pub fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        attribute.parse_args::<syn::Meta>().is_ok_and(|condition| match &condition {
            syn::Meta::Path(path) => path.is_ident("test"),
            syn::Meta::List(list) if list.path.is_ident("all") => {
                let mut test = false;
                let part = |part: syn::meta::ParseNestedMeta<'_>| {
                    test |= part.path.is_ident("test");
                    // `feature = "x"` and `any(..)` are parts too: what follows the name is skipped.
                    while !part.input.is_empty() && !part.input.peek(syn::Token![,]) {
                        part.input.parse::<proc_macro2::TokenTree>()?;
                    }
                    Ok(())
                };
                list.parse_nested_meta(part).is_ok() && test
            }
            _ => false,
        })
    })
}

pub fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    use syn::Item;
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &syn::Item) -> Option<String> {
    use syn::Item;
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
