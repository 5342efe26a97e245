//! Which file of a crate uses which other file of it: by imports and by paths in the code.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Item, UseTree};

use super::source::SourceFile;

/// The files of a crate, and the files that each uses, all by their index.
pub(super) struct Imports<'a> {
    files: Vec<&'a SourceFile>,
    uses: Vec<BTreeSet<usize>>,
}

/// A module: the file that defines it, and where its imports lead.
struct Module {
    file: usize,
    /// What each imported name stands for, as a path from the root of the crate.
    imported: BTreeMap<String, Vec<String>>,
}

impl<'a> Imports<'a> {
    /// The imports within one crate.
    pub(super) fn of(files: Vec<&'a SourceFile>) -> Self {
        let mut modules: BTreeMap<Vec<String>, Module> = files
            .iter()
            .enumerate()
            .map(|(file, source)| {
                (source.module.clone(), Module { file, imported: BTreeMap::new() })
            })
            .collect();
        let mut paths = vec![Vec::new(); files.len()];
        for (at, file) in files.iter().enumerate() {
            for (name, path) in &file.imports {
                let Some(path) = from_the_root(&modules, &file.module, path) else { continue };
                if let Some(module) = modules.get_mut(&file.module) {
                    module.imported.insert(name.clone(), path.clone());
                }
                paths[at].push(path);
            }
            let written =
                file.paths.iter().filter_map(|path| from_the_root(&modules, &file.module, path));
            paths[at].extend(written);
        }
        let uses = paths.iter().enumerate().map(|(at, paths)| {
            let targets = paths.iter().filter_map(|path| target(&modules, path, 0));
            targets.filter(|target| *target != at).collect()
        });
        let uses = uses.collect();
        Self { files, uses }
    }

    /// Groups of files that use each other in a circle.
    pub(super) fn circles(&self) -> Vec<Vec<&'a SourceFile>> {
        let reach: Vec<BTreeSet<usize>> = (0..self.files.len()).map(|at| self.reach(at)).collect();
        let mut seen = BTreeSet::new();
        let mut circles = Vec::new();
        for at in 0..self.files.len() {
            let circle: Vec<usize> =
                reach[at].iter().copied().filter(|other| reach[*other].contains(&at)).collect();
            if circle.len() > 1 && circle.iter().all(|file| seen.insert(*file)) {
                circles.push(circle.iter().map(|file| self.files[*file]).collect());
            }
        }
        circles
    }

    /// Every file with every other that it uses, directly or through others, and through which.
    pub(super) fn reachable(&self) -> Vec<(&'a SourceFile, &'a SourceFile, String)> {
        let mut pairs = Vec::new();
        for from in 0..self.files.len() {
            let before = self.paths_from(from);
            for to in before.keys() {
                let mut through = String::new();
                let mut step = before[to];
                while step != from {
                    through = format!("{through}, through {}", self.files[step].path);
                    step = before[&step];
                }
                pairs.push((self.files[from], self.files[*to], through));
            }
        }
        pairs
    }

    /// Whether a file has modules of its own.
    pub(super) fn has_modules(&self, file: &SourceFile) -> bool {
        let length = file.module.len();
        self.files
            .iter()
            .any(|other| other.module.len() > length && other.module[..length] == file.module[..])
    }

    /// The files that a file uses, directly or through others, and the file before each on the shortest way.
    fn paths_from(&self, from: usize) -> BTreeMap<usize, usize> {
        let (mut before, mut open) = (BTreeMap::new(), VecDeque::from([from]));
        while let Some(next) = open.pop_front() {
            for file in &self.uses[next] {
                if *file != from && !before.contains_key(file) {
                    before.insert(*file, next);
                    open.push_back(*file);
                }
            }
        }
        before
    }

    /// The files that a file uses, directly or through others.
    fn reach(&self, from: usize) -> BTreeSet<usize> {
        let (mut found, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(next) = open.pop() {
            open.extend(self.uses[next].iter().copied().filter(|file| found.insert(*file)));
        }
        found
    }
}

/// Every name that these items import, and the path of each as it is written.
pub(super) fn imports_in(items: &[Item]) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    imports(items, &mut found);
    found
}

fn imports(items: &[Item], found: &mut Vec<(String, Vec<String>)>) {
    for item in items {
        match item {
            Item::Use(item) => flatten(&item.tree, &mut Vec::new(), found),
            Item::Mod(module) => {
                if let Some((_, items)) = &module.content {
                    imports(items, found);
                }
            }
            _ => {}
        }
    }
}

fn flatten(tree: &UseTree, prefix: &mut Vec<String>, found: &mut Vec<(String, Vec<String>)>) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, found);
            prefix.pop();
        }
        UseTree::Name(name) => add(&name.ident.to_string(), &name.ident.to_string(), prefix, found),
        UseTree::Rename(name) => {
            add(&name.rename.to_string(), &name.ident.to_string(), prefix, found);
        }
        UseTree::Glob(_) => found.push(("*".to_owned(), prefix.clone())),
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| flatten(tree, prefix, found));
        }
    }
}

fn add(name: &str, item: &str, prefix: &[String], found: &mut Vec<(String, Vec<String>)>) {
    let item = (item != "self").then(|| item.to_owned());
    let path: Vec<String> = prefix.iter().cloned().chain(item).collect();
    let name =
        if name == "self" { path.last().cloned().unwrap_or_default() } else { name.to_owned() };
    found.push((name, path));
}

/// Every path of at least two names in these tokens.
pub(super) fn paths_in(tokens: TokenStream) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    paths(tokens, &mut found);
    found
}

fn paths(tokens: TokenStream, found: &mut Vec<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Ident(name) => {
                if colons != 2 {
                    end(&mut path, found);
                }
                path.push(name.to_string());
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            other => {
                end(&mut path, found);
                colons = 0;
                if let TokenTree::Group(group) = other {
                    paths(group.stream(), found);
                }
            }
        }
    }
    end(&mut path, found);
}

fn end(path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let path = std::mem::take(path);
    if path.len() > 1 {
        found.push(path);
    }
}

/// A path as it is written in a module, from the root of the crate; none if it leads to another crate.
fn from_the_root(
    modules: &BTreeMap<Vec<String>, Module>,
    module: &[String],
    path: &[String],
) -> Option<Vec<String>> {
    let mut base = module.to_vec();
    let mut rest = path;
    match rest.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|name| name == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        name => {
            // A module of this one, or what an import stands for.
            let child: Vec<String> = base.iter().cloned().chain([name.to_owned()]).collect();
            if !modules.contains_key(&child) {
                base = modules.get(module)?.imported.get(name)?.clone();
                rest = &rest[1..];
            }
        }
    }
    Some(base.into_iter().chain(rest.iter().cloned()).collect())
}

/// The file that defines the item with this path from the root of the crate.
fn target(modules: &BTreeMap<Vec<String>, Module>, path: &[String], depth: usize) -> Option<usize> {
    let length = (0..=path.len()).rev().find(|length| modules.contains_key(&path[..*length]))?;
    let module = &modules[&path[..length]];
    // What a module re-exports is somebody else's.
    let passed_on = path.get(length).and_then(|name| module.imported.get(name));
    match passed_on {
        Some(onward) if depth < 8 => {
            let rest = &path[length + 1..];
            let path: Vec<String> = onward.iter().chain(rest).cloned().collect();
            target(modules, &path, depth + 1)
        }
        _ => Some(module.file),
    }
}
