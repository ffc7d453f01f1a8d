//! The log for programs: one JSON object a line, with `ts`, `level` and `event`.

use serde::Serialize;
use swath::outcome::Outcome;
use swath_core::Event;

use crate::moment;

#[derive(Serialize)]
pub(super) struct Line<'a, T> {
    pub(super) ts: String,
    pub(super) level: &'a str,
    #[serde(flatten)]
    pub(super) body: T,
}

/// An event and where it stands in its stage.
#[derive(Serialize)]
struct Placed<'a> {
    #[serde(flatten)]
    event: &'a Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_done: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_tasks: Option<u64>,
}

/// The line of an event. The start of a stage has none: each chunk tells its stage and how far that is. Samples are for
/// pictures.
pub fn line(event: &Event, done: u64, tasks: u64, quiet: bool) -> Option<String> {
    let level = match event {
        Event::StageStarted { .. } | Event::Sample { .. } => return None,
        Event::Warning { .. } => "warning",
        _ if quiet => return None,
        Event::Chunk { .. } | Event::Spill { .. } => "debug",
        Event::Split { .. }
        | Event::Retry { .. }
        | Event::Reject { .. }
        | Event::Plan { .. }
        | Event::Heartbeat { .. } => "info",
    };
    let placed = matches!(event, Event::Chunk { .. });
    let body = Placed { event, stage_done: placed.then_some(done), stage_tasks: placed.then_some(tasks) };
    serde_json::to_string(&Line { ts: moment::now(), level, body }).ok()
}

/// The last line of a run that is complete.
pub fn result(outcome: &Outcome) -> impl Serialize {
    #[derive(Serialize)]
    struct Body<'a> {
        event: &'a str,
        #[serde(flatten)]
        outcome: &'a Outcome,
    }
    Line { ts: moment::now(), level: "info", body: Body { event: "result", outcome } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swath_core::Bytes;

    #[test]
    fn every_line_is_an_object_with_time_level_and_event() {
        let spill = Event::Spill { bytes: Bytes(5), scratch: Bytes(9) };
        let split = Event::Split { stage: "route".into(), first: 0, end: 8, pieces: 2, reason: "pressure".into() };
        let warning = Event::Warning { message: "one \"thing\"".into() };
        for (event, quiet, wanted) in [
            (&spill, false, Some(("debug", "spill"))),
            (&split, false, Some(("info", "split"))),
            (&warning, false, Some(("warning", "warning"))),
            (&warning, true, Some(("warning", "warning"))),
            (&split, true, None),
        ] {
            let line = line(event, 1, 2, quiet);
            let read = line.map(|line| serde_json::from_str::<serde_json::Value>(&line).expect("JSON"));
            assert_eq!(
                read.as_ref().map(|read| (read["level"].as_str(), read["event"].as_str())),
                wanted.map(|(level, event)| (Some(level), Some(event)))
            );
            if let Some(read) = read {
                let time = read["ts"].as_str().expect("a time");
                assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
            }
        }
    }
}
