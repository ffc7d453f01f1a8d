//! Reads expressions, by recursive descent with a limit on depth.
//!
//! Here are operators and what holds a text together; `value` has what stands between operators. What the inputs are
//! called and how many bands they have is checked when they are bound.

mod value;

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{ExpressionError, Problem};
use crate::expression::{Expression, Node, Reference};
use crate::function::Function;
use crate::token::{Token, Word, tokens};
use crate::{DEPTH_MAX, TEXT_BYTES_MAX};

type Result<T> = std::result::Result<T, ExpressionError>;

/// How tightly comparisons bind: two of them in a row are refused.
const COMPARISON: u8 = 4;
/// How tightly the word `not` binds: looser than comparisons, tighter than `and`.
const NOT: u8 = 3;

/// Reads a text that is one expression.
pub(crate) fn one(text: &str) -> Result<Expression> {
    let mut parser = Parser::new(text)?;
    let expression = parser.next_expression()?;
    match parser.peek().word {
        Word::End => Ok(expression),
        Word::Symbol("," | ";") => {
            Err(parser.unexpected("an operator or the end").hint("only one expression can stand here"))
        }
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

/// Reads a text that is several expressions.
pub(crate) fn list(text: &str) -> Result<Vec<Expression>> {
    let mut parser = Parser::new(text)?;
    let mut expressions = Vec::new();
    loop {
        expressions.push(parser.next_expression()?);
        match parser.peek().word {
            Word::End => return Ok(expressions),
            Word::Symbol("," | ";") => parser.at += 1,
            _ => return Err(parser.unexpected("an operator, \",\", \";\" or the end")),
        }
    }
}

struct Parser {
    text: Arc<str>,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    nodes: Vec<Node>,
    arguments: Vec<usize>,
    references: Vec<Reference>,
    positions: Vec<usize>,
    known: HashMap<Reference, usize>,
}

impl Parser {
    fn new(text: &str) -> Result<Parser> {
        if text.len() > TEXT_BYTES_MAX {
            // The error carries a text to point into, which need not be all of it.
            let end = (0..=80).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            return Err(ExpressionError::new(Problem::TooLong { bytes: text.len() }, &text[..end].into(), 0));
        }
        let text: Arc<str> = text.into();
        let tokens = tokens(&text)?;
        Ok(Parser {
            text,
            tokens,
            at: 0,
            depth: 0,
            nodes: Vec::new(),
            arguments: Vec::new(),
            references: Vec::new(),
            positions: Vec::new(),
            known: HashMap::new(),
        })
    }

    fn next_expression(&mut self) -> Result<Expression> {
        let start = self.peek().start;
        self.known.clear();
        self.expression()?;
        let end = self.tokens[self.at - 1].end;
        Ok(Expression {
            text: self.text.clone(),
            start,
            end,
            nodes: std::mem::take(&mut self.nodes),
            arguments: std::mem::take(&mut self.arguments),
            references: std::mem::take(&mut self.references),
            positions: std::mem::take(&mut self.positions),
        })
    }

    fn peek(&self) -> Token {
        self.ahead(0)
    }

    /// A token further on; after the end there are only ends.
    fn ahead(&self, count: usize) -> Token {
        self.tokens[(self.at + count).min(self.tokens.len() - 1)]
    }

    fn written(&self, token: Token) -> &str {
        &self.text[token.start..token.end]
    }

    fn is_word(&self, token: Token, word: &str) -> bool {
        token.word == Word::Name && self.written(token) == word
    }

    fn take(&mut self, symbol: &'static str) -> bool {
        let found = self.peek().word == Word::Symbol(symbol);
        self.at += usize::from(found);
        found
    }

    fn error(&self, problem: Problem, position: usize) -> ExpressionError {
        ExpressionError::new(problem, &self.text, position)
    }

    fn unexpected(&self, wanted: &str) -> ExpressionError {
        let token = self.peek();
        let got = match token.word {
            Word::End => "the end".into(),
            _ => format!("{:?}", self.written(token).chars().take(40).collect::<String>()),
        };
        self.error(Problem::Unexpected { wanted: wanted.into(), got }, token.start)
    }

    fn deeper<R>(&mut self, read: impl FnOnce(&mut Parser) -> Result<R>) -> Result<R> {
        if self.depth == DEPTH_MAX {
            return Err(self.error(Problem::TooDeep, self.peek().start));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn call(&mut self, function: Function, arguments: &[usize]) -> usize {
        let first = self.arguments.len();
        self.arguments.extend_from_slice(arguments);
        self.push(Node::Call { function, first, count: arguments.len() })
    }

    fn expression(&mut self) -> Result<usize> {
        self.deeper(|parser| {
            let condition = parser.operators(1)?;
            if !parser.take("?") {
                return Ok(condition);
            }
            let yes = parser.expression()?;
            if !parser.take(":") {
                return Err(parser.unexpected("\":\"").hint("a choice is written condition ? a : b"));
            }
            let no = parser.expression()?;
            Ok(parser.call(Function::Where, &[condition, yes, no]))
        })
    }

    /// Reads operators that bind at least so tightly, and what is between them.
    fn operators(&mut self, tightness_min: u8) -> Result<usize> {
        let mut left = if tightness_min <= NOT && self.is_word(self.peek(), "not") {
            self.at += 1;
            let operand = self.deeper(|parser| parser.operators(NOT))?;
            self.call(Function::Not, &[operand])
        } else {
            self.sign()?
        };
        while let Some((function, tightness)) = self.operator().filter(|(_, tightness)| *tightness >= tightness_min) {
            self.at += 1;
            let right = self.operators(tightness + 1)?;
            left = self.call(function, &[left, right]);
            if tightness == COMPARISON && self.operator().is_some_and(|(_, next)| next == COMPARISON) {
                let error = self.unexpected("one comparison at a time");
                return Err(error.hint("a range is written a < b && b < c"));
            }
        }
        Ok(left)
    }

    /// The operator between two values that comes next, and how tightly it binds.
    fn operator(&self) -> Option<(Function, u8)> {
        let token = self.peek();
        let symbol = match token.word {
            Word::Symbol(symbol) => symbol,
            Word::Name => self.written(token),
            _ => return None,
        };
        Some(match symbol {
            "||" | "or" => (Function::Or, 1),
            "&&" | "and" => (Function::And, 2),
            "<" => (Function::Less, COMPARISON),
            "<=" => (Function::LessEqual, COMPARISON),
            ">" => (Function::Greater, COMPARISON),
            ">=" => (Function::GreaterEqual, COMPARISON),
            "==" => (Function::Equal, COMPARISON),
            "!=" => (Function::NotEqual, COMPARISON),
            "+" => (Function::Add, 5),
            "-" => (Function::Subtract, 5),
            "*" => (Function::Multiply, 6),
            "/" => (Function::Divide, 6),
            "%" => (Function::Remainder, 6),
            _ => return None,
        })
    }

    /// Reads what may begin with signs; a power binds tighter than they do.
    fn sign(&mut self) -> Result<usize> {
        let function = match self.peek().word {
            Word::Symbol("-") => Some(Function::Negate),
            Word::Symbol("!") => Some(Function::Not),
            Word::Symbol("+") => None,
            _ => return self.power(),
        };
        self.at += 1;
        let operand = self.deeper(Parser::sign)?;
        Ok(function.map_or(operand, |function| self.call(function, &[operand])))
    }

    fn power(&mut self) -> Result<usize> {
        let base = self.value()?;
        if !self.take("**") && !self.take("^") {
            return Ok(base);
        }
        let exponent = self.deeper(Parser::sign)?;
        Ok(self.call(Function::Power, &[base, exponent]))
    }
}
