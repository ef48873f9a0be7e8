//! Every SQL text in the sources of the store, put together as the compiler does.
//!
//! A text is a literal, or made of literals by `concat!`, `format!` or a macro of ours that is
//! nothing but text. What would surprise: nothing is passed over. What looks like SQL and cannot
//! be put together, and a value beside `params![…]` that is no text and no name, is returned as
//! unreadable, which fails the test. Tests within the sources do not count, nor do the migrations,
//! which are files.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, Lit, Macro, Token};

/// What stands for a value that a `format!` fills in.
const FILLED_IN: [(&str, &str); 3] = [
    ("table", "users"),
    ("version", "1"),
    // A text that is found by itself.
    ("statement", "SELECT id FROM users"),
];

/// A text and the file that it is in.
pub struct Text {
    pub file: String,
    pub sql: String,
    /// Whether it was seen where it is run; others are literals and constants.
    pub is_run: bool,
}

/// All of them, and what cannot be read.
pub fn all() -> (Vec<Text>, Vec<String>) {
    let files: Vec<(String, syn::File)> = ["sql", "postgres", "sqlite", "inspect"]
        .iter()
        .flat_map(|folder| super::super::files_below(&format!("src/store/{folder}"), "rs"))
        .map(|path: PathBuf| {
            let text = std::fs::read_to_string(&path).unwrap();
            (super::super::named(&path), syn::parse_file(&text).unwrap())
        })
        .collect();
    read(&files)
}

fn read(files: &[(String, syn::File)]) -> (Vec<Text>, Vec<String>) {
    let mut names = Names::default();
    for (file, parsed) in files {
        names.file.clone_from(file);
        names.visit_file(parsed);
    }
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for (file, parsed) in files {
        if names.tests.contains(file) {
            continue;
        }
        let mut reader = Reader {
            names: &names,
            file,
            run: Vec::new(),
            seen: Vec::new(),
            unreadable: Vec::new(),
        };
        reader.visit_file(parsed);
        for (texts, is_run) in [(reader.run, true), (reader.seen, false)] {
            found.extend(texts.into_iter().map(|sql| Text {
                file: file.clone(),
                sql,
                is_run,
            }));
        }
        unreadable.extend(reader.unreadable.into_iter().map(|what| format!("{file}: {what}")));
    }
    let pieces = names.pieces.borrow();
    found.retain(|text| text.is_run || !pieces.contains(&text.sql));
    (found, unreadable)
}

/// What a name may stand for: constants, each in its file, and macros.
#[derive(Default)]
struct Names {
    file: String,
    constants: BTreeMap<(String, String), Expr>,
    macros: BTreeMap<String, Template>,
    /// Files that are only tests.
    tests: BTreeSet<String>,
    /// Constants that a `format!` begins with, so that they are no statements by themselves.
    pieces: RefCell<BTreeSet<String>>,
}

/// A macro with one arm, as text.
struct Template {
    arguments: Vec<String>,
    body: String,
}

impl Template {
    fn of(tokens: &str) -> Option<Self> {
        let (head, body) = tokens.split_once("=>")?;
        if body.contains("=>") {
            return None;
        }
        let arguments = head.split('$').skip(1).map(|rest| {
            let word = rest.trim_start();
            word.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
        });
        let body = body.trim().trim_end_matches(';').trim();
        Some(Self {
            arguments: arguments.collect(),
            body: body.strip_prefix('{')?.strip_suffix('}')?.replace("$ ", "$"),
        })
    }
}

impl Visit<'_> for Names {
    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        match is_test(&item.attrs) {
            true => {
                let folder = self.file.rsplit_once('/').map_or("", |(folder, _)| folder);
                self.tests.insert(format!("{folder}/{}.rs", item.ident));
            }
            false => visit::visit_item_mod(self, item),
        }
    }

    fn visit_item_const(&mut self, item: &syn::ItemConst) {
        let key = (self.file.clone(), item.ident.to_string());
        self.constants.insert(key, (*item.expr).clone());
    }

    fn visit_item_macro(&mut self, item: &syn::ItemMacro) {
        if let Some(name) = &item.ident
            && let Some(template) = Template::of(&item.mac.tokens.to_string())
        {
            self.macros.insert(name.to_string(), template);
        }
    }
}

impl Names {
    fn constant(&self, file: &str, name: &str) -> Option<String> {
        let own = self.constants.get(&(file.to_owned(), name.to_owned()));
        let mut others = self.constants.iter().filter(|((_, other), _)| other == name);
        let expr = match own {
            Some(own) => own,
            None => others.next().filter(|_| others.next().is_none())?.1,
        };
        self.text(file, expr)
    }

    /// The text that an expression is.
    fn text(&self, file: &str, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            Expr::Reference(reference) => self.text(file, &reference.expr),
            Expr::Paren(paren) => self.text(file, &paren.expr),
            Expr::Macro(call) => self.expanded(file, &call.mac),
            Expr::Path(path) => {
                let name = path.path.segments.last()?.ident.to_string();
                self.constant(file, &name)
            }
            _ => None,
        }
    }

    fn expanded(&self, file: &str, call: &Macro) -> Option<String> {
        let name = name_of(call);
        let arguments = arguments_of(call)?;
        match name.as_str() {
            "concat" => arguments.iter().map(|part| self.text(file, part)).collect(),
            "format" => self.filled_in(file, &self.text(file, arguments.first()?)?),
            _ => {
                let template = self.macros.get(&name)?;
                let mut body = template.body.clone();
                for (argument, given) in template.arguments.iter().zip(&arguments) {
                    let given = self.text(file, given)?;
                    body = body.replace(&format!("${argument}"), &format!("{given:?}"));
                }
                self.text(file, &syn::parse_str(&body).ok()?)
            }
        }
    }

    fn filled_in(&self, file: &str, text: &str) -> Option<String> {
        let mut parts = text.split('{');
        let mut filled = parts.next()?.to_owned();
        for part in parts {
            let (hole, rest) = part.split_once('}')?;
            match FILLED_IN.iter().find(|(name, _)| *name == hole) {
                Some((_, value)) => filled.push_str(value),
                None => {
                    let piece = self.constant(file, hole)?;
                    filled.push_str(&piece);
                    self.pieces.borrow_mut().insert(piece);
                }
            }
            filled.push_str(rest);
        }
        Some(filled)
    }
}

fn name_of(call: &Macro) -> String {
    call.path
        .segments
        .last()
        .map_or(String::new(), |last| last.ident.to_string())
}

fn arguments_of(call: &Macro) -> Option<Vec<Expr>> {
    let parsed = call.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
    Some(parsed.ok()?.into_iter().collect())
}

/// Whether it is a statement, or looks like a piece of one.
fn is_sql(text: &str) -> bool {
    let padded = format!(" {} ", text.split_whitespace().collect::<Vec<_>>().join(" "));
    let begins = [
        "ALTER",
        "ANALYZE",
        "BEGIN",
        "CALL",
        "COMMENT",
        "COMMIT",
        "COPY",
        "CREATE",
        "DELETE",
        "DO",
        "DROP",
        "EXPLAIN",
        "GRANT",
        "INSERT",
        "LISTEN",
        "LOCK",
        "MERGE",
        "NOTIFY",
        "PRAGMA",
        "RELEASE",
        "ROLLBACK",
        "SAVEPOINT",
        "SELECT",
        "SET",
        "TRUNCATE",
        "UPDATE",
        "VACUUM",
        "VALUES",
        "WITH",
    ];
    let within = [
        " WHERE ",
        " FROM ",
        " JOIN ",
        " VALUES ",
        " ORDER BY ",
        " SELECT ",
        " FOR UPDATE ",
    ];
    let numbered = padded.match_indices(['?', '$']).any(|(at, mark)| {
        let next = padded.get(at + mark.len()..).and_then(|rest| rest.chars().next());
        next.is_some_and(|next| next.is_ascii_digit())
    });
    let mut words = padded.split_whitespace();
    let first = words.next().unwrap_or_default();
    let alone = words.next().is_none() && !["BEGIN", "COMMIT", "ROLLBACK"].contains(&first);
    numbered || (begins.contains(&first) && !alone) || within.iter().any(|word| padded.contains(word))
}

/// Collects the texts of one file.
struct Reader<'a> {
    names: &'a Names,
    file: &'a str,
    run: Vec<String>,
    seen: Vec<String>,
    unreadable: Vec<String>,
}

impl Reader<'_> {
    /// What is given before `params![…]` is run, whatever it looks like.
    fn read_call(&mut self, arguments: &Punctuated<Expr, Token![,]>) {
        for (given, params) in arguments.iter().zip(arguments.iter().skip(1)) {
            let counts = matches!(params, Expr::Macro(call) if name_of(&call.mac) == "params");
            match (given, self.names.text(self.file, given)) {
                _ if !counts => {}
                (_, Some(text)) if !self.run.contains(&text) => self.run.push(text),
                (_, Some(_)) | (Expr::Path(_), None) => {}
                (_, None) => {
                    let what = "what is run with params![…] is neither a text nor a name";
                    self.unreadable.push(what.into());
                }
            }
        }
    }

    fn see(&mut self, text: String) {
        if is_sql(&text) && !self.run.contains(&text) && !self.seen.contains(&text) {
            self.seen.push(text);
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    let gate = |attribute: &&syn::Attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|only| only.is_ident("test"))
    };
    attributes.iter().any(|attribute| gate(&attribute))
}

impl Visit<'_> for Reader<'_> {
    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_attribute(&mut self, _: &syn::Attribute) {}

    fn visit_expr_call(&mut self, call: &syn::ExprCall) {
        self.read_call(&call.args);
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &syn::ExprMethodCall) {
        self.read_call(&call.args);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_lit_str(&mut self, text: &syn::LitStr) {
        self.see(text.value());
    }

    fn visit_macro(&mut self, call: &Macro) {
        let name = name_of(call);
        if name == "include_str" || (name == "macro_rules" && is_template(call)) {
            return;
        }
        match (self.names.expanded(self.file, call), arguments_of(call)) {
            (Some(text), _) => self.see(text),
            (None, Some(parts)) if !["concat", "format"].contains(&name.as_str()) => {
                parts.iter().for_each(|part| self.visit_expr(part));
            }
            (None, _) => {
                let tokens = call.tokens.to_string();
                if tokens.split('"').skip(1).step_by(2).any(is_sql) {
                    self.unreadable.push(format!("{name}!({tokens})"));
                }
            }
        }
    }
}

/// Whether its pieces are read where it is used.
fn is_template(definition: &Macro) -> bool {
    let template = Template::of(&definition.tokens.to_string());
    template.is_some_and(|template| syn::parse_str::<Expr>(&template.body.replace('$', "")).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(source: &str) -> (Vec<String>, Vec<String>) {
        let parsed = syn::parse_file(source).unwrap();
        let (texts, unreadable) = read(&[("a.rs".to_owned(), parsed)]);
        (texts.into_iter().map(|text| text.sql).collect(), unreadable)
    }

    #[test]
    fn texts_are_put_together() {
        let (texts, unreadable) = read_text(
            r#"
            macro_rules! columns { () => { "id, name" }; }
            macro_rules! of { ($rest:literal) => { concat!("SELECT ", columns!(), " FROM users ", $rest) }; }
            const ALL: &str = concat!("SELECT ", columns!(), " FROM users");
            fn a(sql: &dyn Sql) {
                sql.run(of!("WHERE id = ?1"), params![1]);
                sql.run(&format!("{ALL} WHERE name = ?1"), params![1]);
                sql.run("select odd", params![]);
                sql.run(ALL, params![]);
                log!("an error of {}", 1);
            }
            #[cfg(test)]
            mod tests { const IN_A_TEST: &str = "SELECT 1"; }
            "#,
        );
        assert_eq!(unreadable, [""; 0]);
        assert_eq!(
            texts,
            [
                "SELECT id, name FROM users WHERE id = ?1",
                "SELECT id, name FROM users WHERE name = ?1",
                "select odd",
                "SELECT id, name FROM users",
            ]
        );
    }

    #[test]
    fn what_cannot_be_put_together_is_not_passed_over() {
        for source in [
            r#"fn a() { let s = format!("SELECT {} FROM users", column()); }"#,
            r#"fn a() { let s = format!("SELECT 1 FROM {unheard_of}"); }"#,
            r#"fn a() { sql.run(&[a, b].concat(), params![]); }"#,
            r#"fn a() { sql.run(if x { A } else { B }, params![]); }"#,
            r#"fn a() { write!(out; "SELECT 1") }"#,
        ] {
            let (_, unreadable) = read_text(source);
            assert_eq!(unreadable.len(), 1, "{source}: {unreadable:?}");
        }
        let (pieces, _) = read_text(r#"fn a() { statement.push_str(" WHERE id = ?1"); }"#);
        assert_eq!(pieces, [" WHERE id = ?1"], "is read, and cannot be parsed");
    }
}
