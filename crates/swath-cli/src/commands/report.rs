//! `swath report`.

use serde::Serialize;
use swath_core::Result;

use crate::process::{print, print_json};
use crate::report::{self, Change};
use crate::settings::Settings;
use crate::show::{self, Headed};
use crate::words::ReportWords;

/// Tells of a run by its report, writes that again, or holds it against another one.
///
/// # Errors
/// When a report cannot be read or written.
pub fn run(words: &ReportWords, settings: &Settings) -> Result<()> {
    #[derive(Serialize)]
    struct Body<'a> {
        before: String,
        after: String,
        changes: &'a [Change],
        worse: usize,
    }
    let record = report::read(&words.run)?;
    if let Some(other) = &words.diff {
        let changes = report::compare(&record, &report::read(other)?);
        if settings.json {
            let worse = changes.iter().filter(|change| change.worse).count();
            let [before, after] = [&words.run, other].map(|path| path.display().to_string());
            return print_json(&Headed::complete("report", Body { before, after, changes: &changes, worse }));
        }
        return if settings.quiet { Ok(()) } else { print(&show::tame(&show::report::changes(&changes), "\n")) };
    }
    if let Some(output) = &words.output {
        report::write(&record, output)?;
    }
    if settings.json {
        return print_json(&record);
    }
    if settings.quiet || words.output.is_some() {
        Ok(())
    } else {
        print(&show::tame(&show::report::text(&record), "\n"))
    }
}
