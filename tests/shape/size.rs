//! How large functions are.
//!
//! Nesting counts the blocks inside a function's body: `if`, `match` arms with a block, loops, closures and `async`
//! blocks; the body itself is level 0. Clippy's `excessive_nesting` counts the `impl` and the body too, so its threshold in
//! `.clippy.toml` is 5; it does not see closures without a block.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::house::{attributes, is_test};

const LINES_MAX: usize = 70;
const NESTING_MAX: usize = 4;
const PARAMETERS_MAX: usize = 5;

#[derive(Default)]
pub struct Functions {
    pub lengths: Vec<usize>,
    pub wrong: Vec<String>,
    depth: usize,
    deepest: usize,
}

impl Functions {
    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let lines = block.span().end().line - signature.span().start().line + 1;
        let typed = signature.inputs.iter().filter(|input| matches!(input, syn::FnArg::Typed(_)));
        let parameters = typed.count();
        let outer = (self.depth, self.deepest);
        (self.depth, self.deepest) = (0, 0);
        visit::visit_block(self, block);
        for (what, found, max) in [
            ("lines", lines, LINES_MAX),
            ("levels", self.deepest, NESTING_MAX),
            ("parameters", parameters, PARAMETERS_MAX),
        ] {
            if found > max {
                self.wrong.push(format!("{}: {found} {what}, {max} are allowed", signature.ident));
            }
        }
        (self.depth, self.deepest) = outer;
        self.lengths.push(lines);
    }

    fn deeper(&mut self, inner: impl FnOnce(&mut Self)) {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        inner(self);
        self.depth -= 1;
    }
}

impl<'a> Visit<'a> for Functions {
    fn visit_item(&mut self, item: &'a syn::Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
    }

    fn visit_expr_if(&mut self, item: &'a syn::ExprIf) {
        self.visit_expr(&item.cond);
        self.deeper(|inner| inner.visit_block(&item.then_branch));
        match item.else_branch.as_ref().map(|(_, other)| &**other) {
            // `else if` stays at the level of its `if`.
            Some(syn::Expr::If(chained)) => self.visit_expr_if(chained),
            Some(other) => self.deeper(|inner| inner.visit_expr(other)),
            None => {}
        }
    }

    fn visit_arm(&mut self, arm: &'a syn::Arm) {
        if let Some((_, guard)) = &arm.guard {
            self.visit_expr(guard);
        }
        match &*arm.body {
            syn::Expr::Block(block) => self.deeper(|inner| inner.visit_block(&block.block)),
            body => self.visit_expr(body),
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
