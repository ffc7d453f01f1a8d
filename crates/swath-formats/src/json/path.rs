//! Where the records of a document are.

use std::fmt;
use std::str::FromStr;

use swath_table::path::{escaped, names};

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To the member with a name, or the element with a number.
    Name(String),
    /// To every member or element.
    All,
}

/// From the top of a document to what holds its records: the steps between dots, of which `*` goes to everything there
/// is. The records are the elements, or the values of the members, of what is found there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(pub Vec<Step>);

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Path, String> {
        let step = |word: &str| match word {
            "" => Err(format!("{text:?} is no path: wanted names between dots, such as value.timeSeries.*.values")),
            "*" => Ok(Step::All),
            name => Ok(Step::Name(name.into())),
        };
        if text.is_empty() {
            return Ok(Path::default());
        }
        names(text).iter().map(|name| step(name)).collect::<Result<_, _>>().map(Path)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            f.write_str(if number > 0 { "." } else { "" })?;
            f.write_str(&match step {
                Step::Name(name) => escaped(name),
                Step::All => "*".into(),
            })?;
        }
        Ok(())
    }
}
