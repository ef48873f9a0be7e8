//! Imports point one way: a module names what stands above it in the table, and nothing else.
//!
//! Both `use` and paths written in place count, and so do paths within macros and tests. What
//! would surprise: dialects are modules of their own here, and none may name another.

use std::collections::BTreeSet;
use std::path::Path;

use syn::visit::Visit;

/// What every module may name.
const FREE: [&str; 5] = ["error", "id", "clock", "secret", "config"];

/// What else a module may name of ours. Lower modules come first.
const TABLE: [(&str, &[&str]); 19] = [
    ("clock", &[]),
    ("secret", &[]),
    ("id", &[]),
    ("error", &["domain"]),
    ("outbound", &[]),
    ("config", &["outbound"]),
    ("domain", &[]),
    ("jwt", &["domain"]),
    ("mail", &["domain"]),
    ("providers", &["domain", "jwt"]),
    ("store", &["domain"]),
    ("vault", &["domain"]),
    (
        "app",
        &["domain", "jwt", "mail", "outbound", "providers", "store", "vault"],
    ),
    ("web", &["app", "domain"]),
    ("api", &["api", "web", "app", "domain"]),
    ("sandbox", &[]),
    (
        "command",
        &[
            "domain", "jwt", "mail", "outbound", "store", "vault", "app", "web", "api", "sandbox", "command",
        ],
    ),
    ("lib", &["command"]),
    ("main", &["command"]),
];

#[test]
fn imports_follow_the_table() {
    let mut complaints = Vec::new();
    for path in super::files_below("src", "rs") {
        let module = module_of(&path);
        let top = module.first().map_or("", String::as_str);
        let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == top) else {
            complaints.push(format!("{}: {top} has no row in the table", super::named(&path)));
            continue;
        };
        for named in paths_in(&std::fs::read_to_string(&path).unwrap(), &module) {
            let Some(target) = named.first() else { continue };
            let own = target == top && !is_other_dialect(&module, &named);
            let granted = FREE.contains(&target.as_str()) || allowed.contains(&target.as_str());
            if !own && (!granted || is_other_dialect(&module, &named)) {
                complaints.push(format!("{} names {}", super::named(&path), named.join("::")));
            }
        }
    }
    super::none(
        &complaints,
        "Arrows point down only (the table is in tests/it/house/directions.rs). When a rule seems to need a way \
         back, it is in the wrong file: hand the value in, or move the rule to the module above.",
    );
}

/// Whether `api::<one>` names `api::<another>`.
fn is_other_dialect(module: &[String], named: &[String]) -> bool {
    match (module, named) {
        ([api, own, ..], [named_api, other, ..]) => {
            api == "api" && named_api == "api" && own != other && is_dialect(other)
        }
        _ => false,
    }
}

fn is_dialect(name: &str) -> bool {
    super::root().join("src/api").join(name).is_dir()
}

/// The path of the module that a file is, without `crate`.
fn module_of(path: &Path) -> Vec<String> {
    let relative = path.strip_prefix(super::root().join("src")).unwrap().with_extension("");
    let mut parts: Vec<String> = relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// Every path into this crate that the text of a module names, without `crate`.
fn paths_in(text: &str, module: &[String]) -> BTreeSet<Vec<String>> {
    let file = syn::parse_file(text).unwrap();
    let mut visitor = Paths {
        module: module.to_vec(),
        found: BTreeSet::new(),
    };
    visitor.visit_file(&file);
    visitor.found
}

struct Paths {
    module: Vec<String>,
    found: BTreeSet<Vec<String>>,
}

impl Paths {
    /// Keeps a path that begins with `crate`, `super`, `self` or, in the program, `oneself`.
    fn keep(&mut self, segments: &[String]) {
        let Some((first, mut rest)) = segments.split_first() else {
            return;
        };
        let mut base = match first.as_str() {
            "crate" | "oneself" => Vec::new(),
            "super" => self.module.split_last().map_or(Vec::new(), |(_, above)| above.to_vec()),
            _ => return,
        };
        while let Some((next, more)) = rest.split_first()
            && next == "super"
        {
            base.pop();
            rest = more;
        }
        base.extend_from_slice(rest);
        self.found.insert(base);
    }

    fn walk_use(&mut self, prefix: &mut Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.walk_use(prefix, &path.tree);
                prefix.pop();
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.walk_use(prefix, tree);
                }
            }
            syn::UseTree::Name(syn::UseName { ident }) | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                prefix.push(ident.to_string());
                self.keep(prefix);
                prefix.pop();
            }
            syn::UseTree::Glob(_) => self.keep(prefix),
        }
    }

    /// Paths in the tokens of a macro, which have no other form.
    fn walk_tokens(&mut self, tokens: &str) {
        let words: Vec<&str> = tokens
            .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
            .filter(|word| !word.is_empty())
            .collect();
        let joined = words.join(" ").replace(" :: ", "::");
        for word in joined.split(' ') {
            let segments: Vec<String> = word.split("::").map(str::to_owned).collect();
            if segments.len() > 1 {
                self.keep(&segments);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.walk_use(&mut Vec::new(), &item.tree);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let Some((_, items)) = &item.content else { return };
        self.module.push(item.ident.to_string());
        for item in items {
            self.visit_item(item);
        }
        self.module.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.keep(&segments);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.walk_tokens(&item.tokens.to_string());
        syn::visit::visit_macro(self, item);
    }
}

#[test]
fn the_fence_sees_every_way_to_name_a_module() {
    let text = r#"
        use crate::{app::App, domain::{self, User}};
        use super::super::vault;
        fn f(x: crate::store::Page) -> bool { crate::web::on() }
        fn g() { println!("{}", crate::api::link::NAME); }
        mod inner { use super::super::sibling; fn h() { super::super::super::jwt::now() } }
    "#;
    let module = ["store".to_owned(), "sqlite".to_owned()];
    let found: Vec<String> = paths_in(text, &module).iter().map(|path| path.join("::")).collect();
    assert_eq!(
        found,
        [
            "api::link::NAME",
            "app::App",
            "domain::User",
            "domain::self",
            "jwt::now",
            "store::Page",
            "store::sibling",
            "vault",
            "web::on",
        ]
    );
}
