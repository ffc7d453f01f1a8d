//! Wrong words on the command line, told in the form of all errors. The parser's own layout is not shown.

use clap::error::ErrorKind;
use swath_core::Error;

/// What to do when the words did not parse.
pub enum Misread {
    /// Help or the version was asked for, or there are too few words to do anything: the parser's own text is shown.
    Help {
        /// Whether it was asked for.
        asked: bool,
    },
    /// The words are wrong.
    Wrong(Error),
}

/// Turns the parser's error into ours. `command` is the verb as far as it was understood.
pub fn misread(error: &clap::Error, command: &str) -> Misread {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Misread::Help { asked: true },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            Misread::Help { asked: false }
        }
        _ => Misread::Wrong(wrong(&error.render().to_string(), command)),
    }
}

/// What the parser's text says, in one line, and its tips.
pub fn message_and_tips(text: &str) -> (String, Vec<String>) {
    let mut paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let first = paragraphs.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(&first).replace(" [possible values:", "; wanted one of [");
    // A tip about `--` only confuses where the flag was simply misspelt.
    let tips: Vec<String> = paragraphs
        .flat_map(|paragraph| paragraph.split("tip: ").skip(1).map(|tip| tip.trim().to_string()).collect::<Vec<_>>())
        .filter(|tip| !tip.contains("as a value"))
        .collect();
    (message, tips)
}

/// Cuts the parser's text into message and hint.
fn wrong(text: &str, command: &str) -> Error {
    let (message, tips) = message_and_tips(text);
    let help = format!("swath {command}").trim_end().to_string();
    let hint = match tips.is_empty() {
        true => format!("{help} --help shows what there is"),
        false => format!("{}; {help} --help shows what there is", tips.join("; ")),
    };
    Error::Usage { message, hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;
    use clap::Parser;

    #[test]
    fn wrong_words_become_one_line_and_a_hint() {
        for (line, message, hint) in [
            ("sensor ingest a.csv -o x --memory 256", "\"256\" has no unit", "--help shows"),
            ("sensor ingest a.csv -o x --sort bysensor", "wanted sensor or hilbert", "--help shows"),
            ("sensor ingest a.csv", "--output <LAKE>", "--help shows"),
            ("sensor ingest a.csv -o x --memroy 1GB", "unexpected argument '--memroy'", "'--memory'"),
            ("sensor ingest a.csv -o x --overwrite --resume", "cannot be used with", "--help shows"),
            ("synth telemetry -o x", "<--rows <N>|--size <SIZE>>", "--help shows"),
            ("sensor ingest a.csv -o x --target-file-size 0MB", "no bytes at all is too little", "--help shows"),
            ("sensor ingest a.csv -o x --max-record 0MB", "no bytes at all is too little", "--help shows"),
            ("sensr", "unrecognized subcommand 'sensr'", "'sensor'"),
            ("sensor ingest a.csv -o x --log xml", "wanted one of", "--help shows"),
            ("sensor ingest a.csv -o x --bbox 1,2,3", "is not an extent", "--help shows"),
        ] {
            let words = std::iter::once("swath").chain(line.split(' '));
            let error = Words::try_parse_from(words).expect_err(line);
            let Misread::Wrong(error) = misread(&error, "sensor ingest") else { panic!("{line} is wrong") };
            assert!(error.to_string().contains(message), "{line}: {error}");
            assert!(error.hint().unwrap_or_default().contains(hint), "{line}: {:?}", error.hint());
            assert!(!error.to_string().contains('\n') && !error.to_string().contains("Usage"), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn negative_extents_are_values_and_not_flags() {
        let words = "swath sensor ingest a.csv -o x --bbox -3.5,50,-2,53 --since -000044-03-15";
        assert!(Words::try_parse_from(words.split(' ')).is_ok());
    }
}
