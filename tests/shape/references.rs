//! Every path that a file's code names, however it is spelt: in `use` trees, expressions, types, patterns, macros,
//! attributes.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::house::{House, attributes, is_test, leaves};

/// A path as it stands in a module.
pub struct Reference {
    pub module: usize,
    pub path: Vec<String>,
    pub line: usize,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `use` for the module itself.
    Import,
    /// A `use` with a visibility.
    Reexport,
    /// `use x::*`.
    Glob,
    /// Anywhere else.
    Path,
}

/// The references of a module's file; start with the file's own module.
pub fn references(house: &House, module: usize) -> Vec<Reference> {
    let mut walk = Walk { house, module, found: Vec::new() };
    let syntax = &house.files[house.modules[module].file].syntax;
    walk.visit_file(syntax);
    walk.found
}

struct Walk<'h> {
    house: &'h House,
    module: usize,
    found: Vec<Reference>,
}

impl Walk<'_> {
    fn note(&mut self, path: Vec<String>, line: usize, kind: Kind) {
        self.found.push(Reference { module: self.module, path, line, kind });
    }

    /// Chains of names in the tokens of a macro or an attribute: `crate::x::f`, `$crate::x`, `x::f`.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut chain: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.chain(&mut chain, line);
                        line = ident.span().start().line;
                    }
                    colons = 0;
                    chain.push(ident.to_string());
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    colons = 0;
                    self.chain(&mut chain, line);
                    self.token(other);
                }
            }
        }
        self.chain(&mut chain, line);
    }

    /// Ends a chain of names. One name alone can be anything.
    fn chain(&mut self, chain: &mut Vec<String>, line: usize) {
        let path = std::mem::take(chain);
        if path.len() > 1 {
            self.note(path, line, Kind::Path);
        }
    }

    fn token(&mut self, token: TokenTree) {
        match token {
            TokenTree::Group(group) => self.tokens(group.stream()),
            TokenTree::Literal(literal) => {
                // `#[serde(with = "crate::x::f")]`
                let text = literal.to_string();
                let text = text.trim_matches('"');
                let is_name = |part: &str| syn::parse_str::<syn::PathSegment>(part).is_ok();
                if text.contains("::") && text.split("::").all(is_name) {
                    let path = text.split("::").map(str::to_owned).collect();
                    self.note(path, literal.span().start().line, Kind::Path);
                }
            }
            _ => {}
        }
    }
}

impl<'a> Visit<'a> for Walk<'_> {
    fn visit_item(&mut self, item: &'a syn::Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if item.content.is_some() {
            let outer = self.module;
            self.module = self.house.child(outer, &item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module = outer;
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        let private = matches!(item.vis, syn::Visibility::Inherited);
        for leaf in leaves(item) {
            let kind = match (leaf.is_glob, private) {
                (true, _) => Kind::Glob,
                (false, true) => Kind::Import,
                (false, false) => Kind::Reexport,
            };
            self.note(leaf.path, leaf.line, kind);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let mut names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_some() {
            names.insert(0, String::new());
        }
        self.note(names, path.span().start().line, Kind::Path);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'a syn::Macro) {
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    fn visit_attribute(&mut self, item: &'a syn::Attribute) {
        if let syn::Meta::List(list) = &item.meta {
            self.tokens(list.tokens.clone());
        }
        visit::visit_attribute(self, item);
    }

    /// `pub(super)` names a module without using it.
    fn visit_visibility(&mut self, _: &'a syn::Visibility) {}
}
