//! The log for people: warnings and signs of life always, every step with `--verbose`.

use swath_core::{Bytes, Event};

use crate::moment::spoken;
use crate::report::short;
use crate::show::grouped;

/// The line of an event that happened `seconds` after the start, if it is worth one.
pub fn line(event: &Event, seconds: f64, quiet: bool, verbose: bool) -> Option<String> {
    match event {
        _ if quiet => None,
        Event::Warning { message } => Some(format!("warning: {message}")),
        Event::Heartbeat { .. } => Some(format!("{seconds:8.1} s  {}", heartbeat(event)?)),
        _ if verbose => Some(format!("{seconds:8.1} s  {}", step(event)?)),
        _ => None,
    }
}

fn heartbeat(event: &Event) -> Option<String> {
    let Event::Heartbeat { chunks, throughput, resident, change, write_latency_ms, io_wait, .. } = event else {
        return None;
    };
    let Event::Heartbeat { write_p50_ms, write_p99_ms, .. } = event else { return None };
    let writes = write_p50_ms
        .zip(*write_p99_ms)
        .map(|(half, most)| format!(", writes {} (p50) {} (p99)", short(half / 1e3), short(most / 1e3)));
    Some(format!(
        "heartbeat: {} tasks done, {}/s, {resident} resident ({}){}, longest flush {write_latency_ms:.0} ms{}",
        grouped(*chunks),
        Bytes(*throughput as u64),
        changed(*change),
        writes.unwrap_or_default(),
        waiting(*io_wait)
    ))
}

/// A change of memory, with its sign.
pub fn changed(bytes: i64) -> String {
    let sign = if bytes < 0 { '-' } else { '+' };
    format!("{sign}{}", Bytes(bytes.unsigned_abs()))
}

/// How much of the time something waited for a disk, where that is known.
pub fn waiting(share: Option<f64>) -> String {
    share.map(|share| format!(", {:.0} % of the time waiting for disk", share * 100.0)).unwrap_or_default()
}

fn step(event: &Event) -> Option<String> {
    Some(match event {
        Event::Plan { command, ceiling, predicted_peak, scratch, output, workers } => format!(
            "plan: {command}, {predicted_peak} predicted under a ceiling of {ceiling}, {workers} at once, scratch {scratch}, output about {output}"
        ),
        Event::StageStarted { stage, tasks, skipped, work } => {
            let before = if *skipped > 0 { format!(", {} done before", grouped(*skipped)) } else { String::new() };
            format!("{stage}: {} tasks, {work}{before}", grouped(*tasks))
        }
        Event::Chunk { stage, first, end, seconds, work, resident } => {
            format!("{stage} {first}..{end}: {work} in {}, {resident} resident", spoken(*seconds))
        }
        Event::Split { stage, first, end, pieces, reason } => {
            format!("{stage} {first}..{end}: split into {pieces}, since {reason}")
        }
        Event::Retry { stage, first, reason } => format!("{stage} {first}: again, since {reason}"),
        Event::Spill { bytes, scratch } => format!("spill: {bytes}, scratch now {scratch}"),
        Event::Reject { rows, reason } => format!("rejected: {} rows, first: {reason}", grouped(*rows)),
        Event::Heartbeat { .. } | Event::Warning { .. } | Event::Sample { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_is_told_depends_on_the_flags() {
        let warning = Event::Warning { message: "no header".into() };
        let spill = Event::Spill { bytes: Bytes(5_000_000), scratch: Bytes(9_000_000) };
        let beat = Event::Heartbeat {
            seconds: 10.0,
            chunks: 1234,
            throughput: 3.1e8,
            resident: Bytes(120_000_000),
            change: -1_200_000,
            write_latency_ms: 12.4,
            write_p50_ms: Some(0.034),
            write_p99_ms: Some(7.5),
            io_wait: Some(0.031),
        };
        let beat_text = "    10.0 s  heartbeat: 1,234 tasks done, 310 MB/s, 120 MB resident (-1.2 MB), writes 0.0 ms (p50) 7.5 ms (p99), longest flush 12 ms, 3 % of the time waiting for disk";
        for (event, quiet, verbose, wanted) in [
            (&warning, false, false, Some("warning: no header")),
            (&warning, true, false, None),
            (&spill, false, false, None),
            (&spill, false, true, Some("    10.0 s  spill: 5 MB, scratch now 9 MB")),
            (&beat, false, false, Some(beat_text)),
        ] {
            assert_eq!(line(event, 10.0, quiet, verbose).as_deref(), wanted);
        }
    }
}
