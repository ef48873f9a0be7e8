//! Reads the Lucene subset of `api/auth0.md` section 9.
//!
//! What would surprise: there is no recursion anywhere, and what is read is a flat list, so that
//! no depth of brackets can exhaust a stack; what is too long is refused before it is looked at.
//! `AND` binds before `OR`, and terms side by side are joined by `OR`; but among those, one with
//! `-` or `NOT` is left out of the whole, as Lucene has it: `a b -c` is `(a OR b) AND NOT c`.

use std::ops::Bound;

use super::scanner::Scanner;
use super::{Refused, shown};
use crate::domain::search::Pattern;

/// The longest query, in bytes (API-02).
pub const LENGTH_LIMIT_BYTES: usize = 1_000;

/// How many terms a query may have (API-02).
pub const TERMS_LIMIT: usize = 64;

/// How deep its brackets may be (API-02).
pub const DEPTH_LIMIT: usize = 16;

/// How many of its terms may have wildcards.
pub const WILD_TERMS_LIMIT: usize = 8;

/// How many wildcards a term may have.
pub const WILDCARDS_LIMIT: usize = 8;

/// How many literal characters a wildcard at the beginning needs after it.
pub const AFTER_LEADING_WILDCARD: usize = 3;

/// A query as it is written: each node after those that it names, the root last. Without nodes
/// nothing was asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Syntax(pub Vec<Node>);

/// A node of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A term.
    Clause(Clause),
    /// What does not fit this.
    Not(usize),
    /// What fits all of these.
    And(Vec<usize>),
    /// What fits any of these.
    Or(Vec<usize>),
}

/// A term.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// The field that it is about; `None` for a bare word.
    pub field: Option<String>,
    /// What is asked of it.
    pub value: Value,
}

/// What is asked of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// That it is there.
    Exists,
    /// This.
    Text(String),
    /// Something of this form.
    Like(Pattern),
    /// Something between these.
    Range(Bound<String>, Bound<String>),
}

/// Reads a query.
///
/// # Errors
/// What is wrong with it, and where it helps, after how many characters.
pub fn read(text: &str) -> Result<Syntax, Refused> {
    if text.len() > LENGTH_LIMIT_BYTES {
        return Err(Refused::new(format!(
            "Query is too long ({} bytes), maximum {LENGTH_LIMIT_BYTES}",
            text.len()
        )));
    }
    let mut reader = Reader {
        scan: Scanner::new(text),
        nodes: Vec::new(),
        frames: vec![Frame::default()],
        terms: 0,
    };
    reader.read_all()?;
    Ok(Syntax(reader.nodes))
}

/// What stands between two terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Operator {
    #[default]
    None,
    And,
    Or,
}

/// Terms that are joined by `AND`; one alone may be negated.
struct Chain {
    nodes: Vec<usize>,
    /// Whether it is one negated term.
    negated: bool,
    /// Whether `OR` stands before it.
    after_or: bool,
}

/// Brackets that are open, or the whole.
#[derive(Default)]
struct Frame {
    /// The field of the terms in it that name none.
    field: Option<String>,
    chains: Vec<Chain>,
    operator: Operator,
    /// Whether what comes next is negated, and whether that was written.
    negated: bool,
    dangling: bool,
}

struct Reader<'q> {
    scan: Scanner<'q>,
    nodes: Vec<Node>,
    frames: Vec<Frame>,
    terms: usize,
}

impl Reader<'_> {
    fn read_all(&mut self) -> Result<(), Refused> {
        loop {
            self.scan.skip_spaces();
            let Some(next) = self.scan.rest.peek().copied() else {
                break;
            };
            match next {
                '(' => {
                    self.scan.rest.next();
                    self.open(None)?;
                }
                ')' => {
                    self.scan.rest.next();
                    self.close()?;
                }
                '-' | '!' => {
                    self.scan.rest.next();
                    self.negate();
                }
                '&' | '|' => self.read_signs(next)?,
                '"' => {
                    let text = self.scan.read_phrase()?;
                    self.clause(None, Value::Text(text))?;
                }
                '[' | '{' => return Err(Refused::new("A range needs a field before it: field:[a TO b]")),
                _ => self.read_word_or_field()?,
            }
        }
        match self.frames.pop() {
            Some(root) if self.frames.is_empty() => {
                if !root.chains.is_empty() || root.dangling || root.operator != Operator::None {
                    self.join(root)?;
                }
                Ok(())
            }
            _ => Err(Refused::new("A bracket is opened and not closed")),
        }
    }

    /// `&&` or `||`.
    fn read_signs(&mut self, sign: char) -> Result<(), Refused> {
        self.scan.rest.next();
        if self.scan.rest.next_if_eq(&sign).is_none() {
            return Err(Refused::new(format!("{sign} must be doubled, or written as \\{sign}")));
        }
        self.operator(if sign == '&' { Operator::And } else { Operator::Or })
    }

    fn read_word_or_field(&mut self) -> Result<(), Refused> {
        let word = self.scan.read_word()?;
        if self.scan.rest.next_if_eq(&':').is_some() {
            let field = word
                .text()
                .ok_or_else(|| Refused::new("The name of a field has no wildcards"))?;
            self.scan.skip_spaces();
            return self.read_value(field);
        }
        if word.is_keyword("AND") {
            return self.operator(Operator::And);
        }
        if word.is_keyword("OR") {
            return self.operator(Operator::Or);
        }
        if word.is_keyword("NOT") {
            self.negate();
            return Ok(());
        }
        let value = self.scan.value_of(word)?;
        self.clause(None, value)
    }

    /// What stands after `field:`.
    fn read_value(&mut self, field: String) -> Result<(), Refused> {
        let exists = field == "_exists_";
        match self.scan.rest.peek().copied() {
            Some('(') if !exists => {
                self.scan.rest.next();
                self.open(Some(field))
            }
            Some('[' | '{') if !exists => {
                let value = self.scan.read_range()?;
                self.clause(Some(field), value)
            }
            Some('"') => {
                let text = self.scan.read_phrase()?;
                match exists {
                    true => self.clause(Some(text), Value::Exists),
                    false => self.clause(Some(field), Value::Text(text)),
                }
            }
            Some(c) if !matches!(c, '(' | ')' | '[' | '{') => {
                let word = self.scan.read_word()?;
                if ["AND", "OR", "NOT", "TO"]
                    .iter()
                    .any(|keyword| word.is_keyword(keyword))
                {
                    return Err(Refused::new(format!(
                        "{}: needs a value after the colon",
                        shown(&field)
                    )));
                }
                if exists {
                    let named = word.text();
                    let named = named.ok_or_else(|| Refused::new("_exists_ takes the name of a field"))?;
                    return self.clause(Some(named), Value::Exists);
                }
                let value = self.scan.value_of(word)?;
                self.clause(Some(field), value)
            }
            _ => Err(Refused::new(format!(
                "{}: needs a value after the colon",
                shown(&field)
            ))),
        }
    }

    fn frame(&mut self) -> Result<&mut Frame, Refused> {
        let last = self.frames.last_mut();
        last.ok_or_else(|| Refused::new("A bracket is closed and not opened"))
    }

    fn operator(&mut self, operator: Operator) -> Result<(), Refused> {
        let frame = self.frame()?;
        if frame.chains.is_empty() || frame.operator != Operator::None || frame.dangling {
            return Err(missing_side());
        }
        frame.operator = operator;
        Ok(())
    }

    fn negate(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.negated = !frame.negated;
            frame.dangling = true;
        }
    }

    fn open(&mut self, field: Option<String>) -> Result<(), Refused> {
        if self.frames.len() > DEPTH_LIMIT {
            return Err(Refused::new(format!("Brackets are deeper than {DEPTH_LIMIT}")));
        }
        let field = match field {
            Some(field) => Some(field),
            None => self.frame()?.field.clone(),
        };
        self.frames.push(Frame {
            field,
            ..Frame::default()
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Refused> {
        let closed = self.frames.pop();
        match closed {
            Some(frame) if !self.frames.is_empty() => {
                let node = self.join(frame)?;
                self.scan.check_end()?;
                self.operand(node)
            }
            _ => Err(Refused::new("A bracket is closed and not opened")),
        }
    }

    fn clause(&mut self, field: Option<String>, value: Value) -> Result<(), Refused> {
        self.terms = self.terms.saturating_add(1);
        if self.terms > TERMS_LIMIT {
            return Err(Refused::new(format!("Query has more than {TERMS_LIMIT} terms")));
        }
        let field = match field {
            Some(field) => Some(field),
            None => self.frame()?.field.clone(),
        };
        let node = self.push(Node::Clause(Clause { field, value }));
        self.operand(node)
    }

    fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len().saturating_sub(1)
    }

    /// Takes a term or brackets into the frame that it stands in.
    fn operand(&mut self, node: usize) -> Result<(), Refused> {
        let frame = self.frame()?;
        let (negated, operator) = (frame.negated, frame.operator);
        (frame.negated, frame.dangling, frame.operator) = (false, false, Operator::None);
        let node = match negated {
            true => self.push(Node::Not(node)),
            false => node,
        };
        let frame = self.frame()?;
        match (operator, frame.chains.last_mut()) {
            (Operator::And, Some(chain)) => {
                chain.nodes.push(node);
                chain.negated = false;
            }
            _ => frame.chains.push(Chain {
                nodes: vec![node],
                negated,
                after_or: operator == Operator::Or,
            }),
        }
        Ok(())
    }

    /// The node of all that stands in a frame.
    fn join(&mut self, frame: Frame) -> Result<usize, Refused> {
        if frame.operator != Operator::None || frame.dangling {
            return Err(missing_side());
        }
        let count = frame.chains.len();
        let before_or: Vec<bool> = frame.chains.iter().skip(1).map(|chain| chain.after_or).collect();
        let (mut wanted, mut left_out) = (Vec::new(), Vec::new());
        for (n, chain) in frame.chains.into_iter().enumerate() {
            let beside_or = chain.after_or || before_or.get(n) == Some(&true);
            let node = self.one(chain.nodes, Node::And)?;
            match chain.negated && !beside_or && count > 1 {
                true => left_out.push(node),
                false => wanted.push(node),
            }
        }
        if left_out.is_empty() {
            return self.one(wanted, Node::Or);
        }
        if !wanted.is_empty() {
            let wanted = self.one(wanted, Node::Or)?;
            left_out.insert(0, wanted);
        }
        self.one(left_out, Node::And)
    }

    fn one(&mut self, nodes: Vec<usize>, joined: fn(Vec<usize>) -> Node) -> Result<usize, Refused> {
        match nodes.as_slice() {
            [] => Err(Refused::new("Brackets are empty")),
            [only] => Ok(*only),
            _ => Ok(self.push(joined(nodes))),
        }
    }
}

fn missing_side() -> Refused {
    Refused::new("AND, OR and NOT need a term on each side that they join")
}
