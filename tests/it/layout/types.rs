//! The types and functions of source files, and how large they are.

use std::collections::BTreeSet;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Block, Fields, File, Ident, ImplItemFn, ItemEnum, ItemFn, ItemImpl, ItemStruct, ItemTrait,
    ItemType, Type,
};

/// A struct, enum, trait or type alias.
pub(super) struct Definition {
    pub(super) name: String,
    /// The number of fields of a struct, or of the largest variant of an enum.
    pub(super) fields: usize,
}

/// A function, and the number of its lines.
pub(super) struct Function {
    pub(super) name: String,
    pub(super) lines: usize,
}

/// Everything that a file defines.
#[derive(Default)]
pub(super) struct Definitions {
    pub(super) types: Vec<Definition>,
    pub(super) functions: Vec<Function>,
    /// The names of the types that have an `impl` here.
    pub(super) impls: BTreeSet<String>,
}

impl Definitions {
    /// The definitions of a file.
    pub(super) fn of(file: &File) -> Self {
        let mut found = Self::default();
        found.visit_file(file);
        found
    }

    fn define(&mut self, name: &Ident, fields: usize) {
        self.types.push(Definition { name: name.to_string(), fields });
    }

    fn function(&mut self, name: &Ident, from: Span, block: &Block) {
        let lines = block.span().end().line - from.start().line + 1;
        self.functions.push(Function { name: name.to_string(), lines });
    }
}

impl<'ast> Visit<'ast> for Definitions {
    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.define(&item.ident, count(&item.fields));
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        let largest = item.variants.iter().map(|variant| count(&variant.fields)).max();
        self.define(&item.ident, largest.unwrap_or_default());
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        self.define(&item.ident, 0);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast ItemType) {
        self.define(&item.ident, 0);
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if let Type::Path(path) = &*item.self_ty
            && let Some(name) = path.path.segments.last()
        {
            self.impls.insert(name.ident.to_string());
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig.ident, item.sig.span(), &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.sig.ident, item.sig.span(), &item.block);
        visit::visit_impl_item_fn(self, item);
    }
}

fn count(fields: &Fields) -> usize {
    fields.iter().count()
}
