//! Texts become words as a shell makes them, and placeholders in words become paths.
//!
//! Nothing is expanded: no variables, no globs, no commands. What words mean, the command line knows.

use std::path::Path;

use swath_core::{Error, Result};

/// Cuts a text into words as a shell does: blanks part words, quotes keep them together, a backslash takes what follows
/// as it is.
///
/// # Errors
/// [`Error::Usage`] for a quote that is never closed.
pub fn split_words(text: &str) -> Result<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some('"') | None, '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    if let Some(open) = quote {
        return Err(Error::Usage {
            message: format!("a quote {open} is opened and never closed"),
            hint: "close it".into(),
        });
    }
    words.extend(word);
    Ok(words)
}

/// What placeholders stand for in the words of one job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placeholders<'a> {
    pub input: &'a str,
    pub output: &'a str,
    pub stem: &'a str,
}

impl Placeholders<'_> {
    /// The word with `{in}`, `{out}` and `{stem}` filled in; what they are filled with is not looked at again.
    ///
    /// # Errors
    /// [`Error::Usage`] for another name between braces.
    pub fn fill(&self, word: &str) -> Result<String> {
        let mut filled = String::new();
        let mut rest = word;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let (name, after) = after.split_once('}').ok_or_else(|| unknown(word))?;
            filled.push_str(match name {
                "in" => self.input,
                "out" => self.output,
                "stem" => self.stem,
                _ => return Err(unknown(word)),
            });
            rest = after;
        }
        Ok(filled + rest)
    }
}

fn unknown(word: &str) -> Error {
    Error::Usage {
        message: format!("{word:?} has a brace that begins no placeholder: wanted {{in}}, {{out}} or {{stem}}"),
        hint: "{in} is an input, {stem} its name without folder and ending, {out} is OUT_DIR/{stem} with the suffix"
            .into(),
    }
}

/// The name of a file without its folder and its last ending.
pub(super) fn stem(path: &Path) -> Option<&str> {
    path.file_stem()?.to_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_as_in_a_shell() {
        for (text, wanted) in [
            ("a  b\tc", &["a", "b", "c"][..]),
            ("calc 'b1 / 10000' in.tif", &["calc", "b1 / 10000", "in.tif"]),
            (r#"calc "b1 \"x\" '" y\ z"#, &["calc", "b1 \"x\" '", "y z"]),
            ("a '' $HOME *.tif", &["a", "", "$HOME", "*.tif"]),
            ("  ", &[]),
        ] {
            assert_eq!(split_words(text).expect(text), wanted, "{text}");
        }
        assert!(split_words("a 'b").is_err());
    }

    #[test]
    fn placeholders_are_filled_in_once() {
        let of = Placeholders { input: "in/a{out}.tif", output: "out/a.tif", stem: "a" };
        assert_eq!(of.fill("{in}").expect("known"), "in/a{out}.tif");
        assert_eq!(of.fill("red={in},{stem}.{out}").expect("known"), "red=in/a{out}.tif,a.out/a.tif");
        for word in ["{inn}", "{", "a{in", "{}"] {
            assert!(of.fill(word).is_err(), "{word}");
        }
    }
}
