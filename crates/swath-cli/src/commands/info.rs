//! `swath info`.

use serde::Serialize;
use swath::info::{Description, describe};
use swath_core::{Error, Result};

use super::warn;
use crate::process::{print, stop_on_signals};
use crate::settings::Settings;
use crate::show::failure::{Failure, Voice};
use crate::show::{Headed, info, json_line};
use crate::words::InfoWords;

/// Describes each path. In text, one that fails does not keep the others from being told; the last error is the
/// command's. In JSON there is one object, so the first error is.
///
/// # Errors
/// What the library reports.
pub fn run(words: &InfoWords, settings: &Settings, voice: Voice) -> Result<()> {
    #[derive(Serialize)]
    struct Body {
        items: Vec<Description>,
    }
    let stop = stop_on_signals()?;
    let ceiling = settings.common(false, false).ceiling();
    let paths = swath::info::expand(&words.paths)?;
    if settings.json {
        let items = paths.iter().map(|path| describe(path, ceiling, &stop)).collect::<Result<_>>()?;
        return print(&json_line(&Headed::complete("info", Body { items }))?);
    }
    let mut failed: Option<Error> = None;
    let mut space = "";
    for path in paths {
        match describe(&path, ceiling, &stop) {
            Ok(item) => {
                print(&format!("{space}{}", info::text(&item)))?;
                warn(&item.warnings, settings);
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
