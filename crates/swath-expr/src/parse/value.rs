//! What stands between operators: numbers, inputs, parentheses and calls.
//!
//! It checks names and arguments of functions, but knows no inputs.

use super::{Parser, Result};
use crate::error::Problem;
use crate::expression::{BandChoice, Node, Reference};
use crate::function::{Arity, by_name, meant_by, names_of_many};
use crate::token::{Token, Word};

const VALUE: &str = "a number, a name or \"(\"";

impl Parser {
    /// Reads what can stand beside an operator.
    pub(super) fn value(&mut self) -> Result<usize> {
        let token = self.peek();
        match token.word {
            Word::Number(value) => {
                self.at += 1;
                Ok(self.push(Node::Number(value)))
            }
            Word::Symbol("(") => {
                self.at += 1;
                let inner = self.expression()?;
                if !self.take(")") {
                    return Err(self.unexpected("an operator or \")\""));
                }
                Ok(inner)
            }
            Word::Name => match self.written(token) {
                "and" | "or" => Err(self.unexpected(VALUE)),
                "not" => Err(self.unexpected(VALUE).hint("write (not …), or ! which binds tighter")),
                "nodata" => {
                    self.at += 1;
                    Ok(self.push(Node::Nodata))
                }
                _ if self.ahead(1).word == Word::Symbol("(") => self.function(),
                _ => self.input(),
            },
            _ => Err(self.unexpected(VALUE)),
        }
    }

    fn function(&mut self) -> Result<usize> {
        let token = self.peek();
        let name = self.written(token).to_owned();
        let Some(named) = by_name(&name) else {
            let error = self.error(Problem::UnknownFunction { name: name.clone() }, token.start);
            return Err(match meant_by(&name) {
                Some(meant) => error.hint(format!("{meant} may be meant")),
                None => error.hint("an input is not followed by \"(\"; a product is written with *"),
            });
        };
        self.at += 2;
        let mut arguments = Vec::new();
        if !self.take(")") {
            loop {
                // Followed by anything else it is part of an argument, which `input` refuses with a reason.
                let whole = matches!(self.ahead(4).word, Word::Symbol("," | ")"));
                let all = named.arity == Arity::Any && whole && self.is_all_bands();
                arguments.push(if all { self.all_bands() } else { self.expression()? });
                if self.take(")") {
                    break;
                }
                if !self.take(",") {
                    return Err(self.unexpected("an operator, \",\" or \")\""));
                }
            }
        }
        let (right, wanted) = match named.arity {
            Arity::Exactly(1) => (arguments.len() == 1, "1 argument".to_owned()),
            Arity::Exactly(count) => (arguments.len() == count, format!("{count} arguments")),
            Arity::Any => (!arguments.is_empty(), "1 argument or more".to_owned()),
        };
        if !right {
            let problem = Problem::WrongArguments { function: named.name, wanted, got: arguments.len() };
            return Err(self.error(problem, token.start));
        }
        Ok(self.call(named.function, &arguments))
    }

    /// Whether `a[*]` comes next.
    fn is_all_bands(&self) -> bool {
        let symbols = [self.ahead(1).word, self.ahead(2).word, self.ahead(3).word];
        self.peek().word == Word::Name && symbols == ["[", "*", "]"].map(Word::Symbol)
    }

    fn all_bands(&mut self) -> usize {
        let token = self.peek();
        self.at += 4;
        self.reference(token, BandChoice::All)
    }

    fn input(&mut self) -> Result<usize> {
        let token = self.peek();
        if self.is_all_bands() {
            self.at += 2;
            let hint = format!("all bands can only be an argument of {}", names_of_many());
            return Err(self.unexpected("the number of a band").hint(hint));
        }
        self.at += 1;
        if !self.take("[") {
            return Ok(self.reference(token, BandChoice::Only));
        }
        let number = self.peek();
        let band = match self.written(number).parse::<u32>() {
            Ok(band) if band > 0 && matches!(number.word, Word::Number(_)) => band,
            _ => return Err(self.unexpected("the number of a band").hint("bands are counted from 1")),
        };
        self.at += 1;
        if !self.take("]") {
            return Err(self.unexpected("\"]\""));
        }
        Ok(self.reference(token, BandChoice::Number(band)))
    }

    fn reference(&mut self, token: Token, band: BandChoice) -> usize {
        let reference = Reference { name: self.written(token).to_owned(), band };
        let next = self.references.len();
        let index = *self.known.entry(reference.clone()).or_insert(next);
        if index == next {
            self.references.push(reference);
            self.positions.push(token.start);
        }
        self.push(Node::Input(index))
    }
}
