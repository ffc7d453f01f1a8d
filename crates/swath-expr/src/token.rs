//! Cuts the text of an expression into numbers, names and symbols.
//!
//! What may follow what is the parser's business.

use std::sync::Arc;

use crate::error::{ExpressionError, Problem};

/// One word of the language.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Word {
    /// A number, finite and not negative.
    Number(f64),
    /// A name, and the words `and`, `or`, `not`, `nodata`.
    Name,
    /// An operator or a bracket.
    Symbol(&'static str),
    /// Nothing follows.
    End,
}

/// A word and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub word: Word,
    pub start: usize,
    pub end: usize,
}

/// Longer symbols stand before those that they begin with.
const SYMBOLS: [&str; 25] = [
    "**", "<=", ">=", "==", "!=", "&&", "||", "+", "-", "*", "/", "%", "^", "<", ">", "!", "(", ")", "[", "]", "?",
    ":", ",", ";", "=",
];

/// All words of a text; the last one is [`Word::End`].
pub(crate) fn tokens(text: &Arc<str>) -> Result<Vec<Token>, ExpressionError> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(letter) = text[start..].chars().next() {
        if letter.is_whitespace() {
            start += letter.len_utf8();
            continue;
        }
        let token = if letter.is_ascii_digit() || letter == '.' {
            number(text, start)?
        } else if letter.is_alphabetic() || letter == '_' {
            let rest = &text[start..];
            let length = rest.find(|letter| !is_part_of_name(letter)).unwrap_or(rest.len());
            Token { word: Word::Name, start, end: start + length }
        } else {
            symbol(text, start, letter)?
        };
        start = token.end;
        tokens.push(token);
    }
    tokens.push(Token { word: Word::End, start: text.len(), end: text.len() });
    Ok(tokens)
}

fn is_part_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn symbol(text: &Arc<str>, start: usize, letter: char) -> Result<Token, ExpressionError> {
    let error = |got: String| {
        let wanted = "a number, a name or an operator".to_owned();
        ExpressionError::new(Problem::Unexpected { wanted, got }, text, start)
    };
    match SYMBOLS.iter().find(|symbol| text[start..].starts_with(**symbol)) {
        Some(&"=") => Err(error("\"=\"".into()).hint("equality is written ==")),
        Some(symbol) => Ok(Token { word: Word::Symbol(symbol), start, end: start + symbol.len() }),
        None => {
            let error = error(format!("{:?}", letter.to_string()));
            Err(match letter {
                '&' => error.hint("\"and\" is written && or and"),
                '|' => error.hint("\"or\" is written || or or"),
                '\'' | '"' => error.hint("texts are no values of this language; names stand without quotes"),
                _ => error,
            })
        }
    }
}

fn number(text: &Arc<str>, start: usize) -> Result<Token, ExpressionError> {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let mut end = digits(start);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        end = digits(end + 1 + sign);
    }
    // What runs on into a name or a second point was meant as one word, so the message shows it as one.
    let rest = &text[end..];
    let length = rest.find(|letter| !is_part_of_name(letter) && letter != '.').unwrap_or(rest.len());
    let shown: String = text[start..end + length].chars().take(40).collect();
    let error = |wanted: &str| {
        let problem = Problem::Unexpected { wanted: wanted.into(), got: format!("{shown:?}") };
        ExpressionError::new(problem, text, start)
    };
    match text[start..end].parse::<f64>() {
        Ok(value) if length == 0 && value.is_finite() => Ok(Token { word: Word::Number(value), start, end }),
        Ok(_) if length == 0 => Err(error("a number below 1.8e308")),
        _ if bytes[start] != b'.' && length > 0 && !shown.contains('.') => {
            Err(error("a number").hint("a product is written with *, and a name begins with a letter"))
        }
        _ => Err(error("a number")),
    }
}
