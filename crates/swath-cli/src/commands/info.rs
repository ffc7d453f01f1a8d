//! `swath info`.

use std::path::Path;

use serde::Serialize;
use swath::info::{Description, describe};
use swath_core::{Bytes, Error, Result, counting};

use super::warn;
use crate::process::{print, print_json, stop_on_signals};
use crate::settings::Settings;
use crate::show::failure::{Failure, Voice};
use crate::show::{Headed, info};
use crate::words::InfoWords;

/// The program with all that looking takes, and some room.
const SMALLEST: Bytes = Bytes(16_000_000);

/// Describes each path. In text, one that fails does not keep the others from being told; the last error is the
/// command's. In JSON there is one object, so the first error is.
///
/// # Errors
/// What the library reports; a ceiling that looking does not fit into.
pub fn run(words: &InfoWords, settings: &Settings, voice: Voice) -> Result<()> {
    #[derive(Serialize)]
    struct Body {
        items: Vec<Description>,
    }
    let stop = stop_on_signals()?;
    let ceiling = settings.common(false, false).ceiling();
    if ceiling < SMALLEST {
        return Err(Error::CeilingTooSmall { what: "info".into(), ceiling, smallest: SMALLEST, mostly: String::new() });
    }
    counting::set_limit(ceiling);
    // Nothing is kept to go on from.
    let describe = |path: &Path| {
        describe(path, ceiling, &stop).map_err(|error| match error {
            Error::Stopped { .. } => Error::Stopped { resumable: false },
            other => other,
        })
    };
    let paths = swath::info::expand(&words.paths)?;
    if settings.json {
        let items = paths.iter().map(|path| describe(path)).collect::<Result<_>>()?;
        return print_json(&Headed::complete("info", Body { items }));
    }
    let mut failed: Option<Error> = None;
    let mut space = "";
    for path in paths {
        match describe(&path) {
            Ok(item) => {
                print(&format!("{space}{}", info::text(&item)))?;
                warn(item.warnings(), settings);
                space = "\n";
            }
            Err(error @ Error::Stopped { .. }) => return Err(error),
            Err(error) => {
                if let Some(earlier) = failed.replace(error) {
                    Failure { command: "info", error: &earlier }.report(voice);
                }
            }
        }
    }
    failed.map_or(Ok(()), Err)
}
