//! What constants, macros and values stand for, where a text is made of them.
//!
//! What would surprise: a `format!` is filled in with what stands in a list, so the text is one of
//! many that differ in a name or number; what is in no list makes the text unreadable.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, Lit, Macro, Token};

/// What stands for a value that a `format!` fills in, by the name of the variable or field.
const FILLED_IN: [(&str, &str); 8] = [
    ("table", "users"),
    ("name", "users"),
    ("columns", "id, epoch"),
    ("key", "tenant, id"),
    ("down", "tenant DESC, id DESC"),
    ("places", "?1, ?2"),
    ("version", "1"),
    // A text that is found by itself.
    ("statement", "SELECT id FROM users"),
];

/// What a name may stand for: constants, each in its file, and macros.
#[derive(Default)]
pub struct Names {
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
    /// Those of these files.
    pub fn of(files: &[(String, syn::File)]) -> Self {
        let mut names = Self::default();
        for (file, parsed) in files {
            names.file.clone_from(file);
            names.visit_file(parsed);
        }
        names
    }

    /// Whether a file is there for tests only.
    pub fn is_only_tests(&self, file: &str) -> bool {
        self.tests.contains(file)
    }

    /// Whether a text is a constant that others were made of, as far as others were made.
    pub fn is_piece(&self, text: &str) -> bool {
        self.pieces.borrow().contains(text)
    }

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
    pub fn text(&self, file: &str, expr: &Expr) -> Option<String> {
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

    /// The text that a call of a macro is.
    pub fn expanded(&self, file: &str, call: &Macro) -> Option<String> {
        let name = name_of(call);
        let arguments = arguments_of(call)?;
        match name.as_str() {
            "concat" => arguments.iter().map(|part| self.text(file, part)).collect(),
            "format" => {
                let (text, values) = arguments.split_first()?;
                self.filled_in(file, &self.text(file, text)?, values)
            }
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

    fn filled_in(&self, file: &str, text: &str, values: &[Expr]) -> Option<String> {
        let mut parts = text.split('{');
        let mut values = values.iter();
        let mut filled = parts.next()?.to_owned();
        for part in parts {
            let (hole, rest) = part.split_once('}')?;
            let value = if hole.is_empty() { values.next() } else { None };
            let hole = &match (hole, value) {
                ("", Some(Expr::Field(field))) => match &field.member {
                    syn::Member::Named(name) => name.to_string(),
                    syn::Member::Unnamed(_) => return None,
                },
                (named, _) => named.to_owned(),
            };
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

/// What a macro is called.
pub fn name_of(call: &Macro) -> String {
    call.path
        .segments
        .last()
        .map_or(String::new(), |last| last.ident.to_string())
}

/// What a macro is given, if it is a list of expressions.
pub fn arguments_of(call: &Macro) -> Option<Vec<Expr>> {
    let parsed = call.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
    Some(parsed.ok()?.into_iter().collect())
}

/// Whether something is there for tests only.
pub fn is_test(attributes: &[syn::Attribute]) -> bool {
    let gate = |attribute: &&syn::Attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|only| only.is_ident("test"))
    };
    attributes.iter().any(|attribute| gate(&attribute))
}

/// Whether its pieces are read where it is used.
pub fn is_template(definition: &Macro) -> bool {
    let template = Template::of(&definition.tokens.to_string());
    template.is_some_and(|template| syn::parse_str::<Expr>(&template.body.replace('$', "")).is_ok())
}
