//! Pictures over time: a frame with axes, and what is drawn in it. Everything is SVG with classes for colours.

use std::fmt::Display;
use std::io::{Result, Write};

use super::html::Text;
use crate::report::Stage;

/// The width of all pictures; they are scaled to the page.
pub const WIDTH: f64 = 992.0;
/// More marks than an axis ever has.
const MARKS_MAX: u32 = 40;
const LEFT: f64 = 82.0;
const RIGHT: f64 = 132.0;

/// The room of a picture, in which seconds and values have places.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Above it.
    pub top: f64,
    /// Its height.
    pub height: f64,
    /// The last second.
    pub seconds: f64,
    /// The value at its upper edge.
    pub most: f64,
}

impl Frame {
    /// The left edge.
    pub const LEFT: f64 = LEFT;
    /// The right edge.
    pub const RIGHT: f64 = WIDTH - RIGHT;

    /// The place of a second.
    pub fn x(&self, second: f64) -> f64 {
        LEFT + (second / self.seconds).clamp(0.0, 1.0) * (Frame::RIGHT - LEFT)
    }

    /// The place of a value.
    pub fn y(&self, value: f64) -> f64 {
        self.bottom() - (value / self.most).clamp(0.0, 1.0) * self.height
    }

    /// The lower edge.
    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Begins the picture.
    pub fn begin(&self, out: &mut dyn Write, label: &str) -> Result<()> {
        begin(out, WIDTH, self.bottom() + 24.0, label)
    }

    /// Lines for values, with their names, at round figures.
    pub fn values(&self, out: &mut dyn Write, count: f64, name: &dyn Fn(f64) -> String) -> Result<()> {
        let step = round_step(self.most / count);
        for value in (0..MARKS_MAX).map(|number| f64::from(number) * step) {
            if value > self.most * 1.0001 {
                break;
            }
            let y = self.y(value);
            let class = if value == 0.0 { "axis" } else { "grid" };
            write!(
                out,
                "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
                Frame::RIGHT
            )?;
            text(out, (LEFT - 8.0, y + 4.0), "soft", "end", &name(value))?;
        }
        Ok(())
    }

    /// Names for seconds along the lower edge.
    pub fn times(&self, out: &mut dyn Write) -> Result<()> {
        let step = time_step(self.seconds / 7.0);
        for second in (0..MARKS_MAX).map(|number| f64::from(number) * step).take_while(|second| *second <= self.seconds)
        {
            let (x, y) = (self.x(second), self.bottom());
            write!(out, "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{y:.1}\" y2=\"{:.1}\"/>", y + 4.0)?;
            text(out, (x, y + 17.0), "soft", "middle", &time_name(second, step))?;
        }
        Ok(())
    }

    /// Where stages begin, with names where there is room.
    pub fn stages(&self, out: &mut dyn Write, stages: &[Stage], named: bool) -> Result<()> {
        let mut free = 0.0;
        for stage in stages.iter().filter(|stage| is_seen(stage)) {
            let (x, end) = (self.x(stage.begin_s), self.x(stage.end_s));
            line(out, "part", (x, self.top - if named { 14.0 } else { 0.0 }), (x, self.bottom()))?;
            let width = stage.name.chars().count() as f64 * 6.4 + 6.0;
            if named && x >= free && (end - x >= width * 0.8 || x + width < Frame::RIGHT) && end - x > 3.0 {
                text(out, (x + 3.0, self.top - 5.0), "soft", "start", &stage.name)?;
                free = x + width;
            }
        }
        Ok(())
    }

    /// A curve, as (second, value).
    pub fn curve(&self, out: &mut dyn Write, class: &str, points: impl Iterator<Item = (f64, f64)>) -> Result<()> {
        write!(out, "<path class=\"{class}\" d=\"")?;
        for (number, (second, value)) in points.enumerate() {
            let letter = if number == 0 { 'M' } else { 'L' };
            write!(out, "{letter}{:.1} {:.1}", self.x(second), self.y(value))?;
        }
        writeln!(out, "\"/>")
    }

    /// The same with what is below it filled, as steps from second to second.
    pub fn steps(&self, out: &mut dyn Write, bins: &[f64]) -> Result<()> {
        let width = self.seconds / bins.len().max(1) as f64;
        for class in ["area", "curve"] {
            write!(out, "<path class=\"{class}\" d=\"M{:.1} {:.1}", self.x(0.0), self.bottom())?;
            for (number, value) in bins.iter().enumerate() {
                let begin = number as f64 * width;
                write!(out, "L{:.1} {:.1}H{:.1}", self.x(begin), self.y(*value), self.x(begin + width))?;
            }
            writeln!(out, "V{:.1}{}\"/>", self.bottom(), if class == "area" { "Z" } else { "" })?;
        }
        Ok(())
    }

    /// Places that say something when they are pointed at: for so many parts of the time, from second to second.
    pub fn touch(&self, out: &mut dyn Write, parts: usize, say: &dyn Fn(f64, f64) -> Option<String>) -> Result<()> {
        let width = self.seconds / parts as f64;
        for part in 0..parts {
            let (begin, end) = (part as f64 * width, (part + 1) as f64 * width);
            if let Some(said) = say(begin, end) {
                let (x, wide) = (self.x(begin), self.x(end) - self.x(begin));
                rectangle(out, "touch", (x, self.top), (wide, self.height), &said)?;
            }
        }
        Ok(())
    }
}

/// Whether a stage is worth a place in pictures and tables.
pub fn is_seen(stage: &Stage) -> bool {
    stage.done + stage.skipped + stage.tasks > 0
}

/// Begins a picture of any size.
pub fn begin(out: &mut dyn Write, width: f64, height: f64, label: &str) -> Result<()> {
    writeln!(out, "<svg viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{}\">", Text(label))
}

/// A line.
pub fn line(out: &mut dyn Write, class: &str, from: (f64, f64), to: (f64, f64)) -> Result<()> {
    writeln!(
        out,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    )
}

/// A text at a place.
pub fn text(out: &mut dyn Write, (x, y): (f64, f64), class: &str, anchor: &str, words: &dyn Display) -> Result<()> {
    writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>", Text(words))
}

/// A rectangle that says something when it is pointed at.
pub fn rectangle(
    out: &mut dyn Write,
    class: &str,
    (x, y): (f64, f64),
    (width, height): (f64, f64),
    said: &str,
) -> Result<()> {
    write!(out, "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"")?;
    match said.is_empty() {
        true => writeln!(out, "/>"),
        false => writeln!(out, "><title>{}</title></rect>", Text(said)),
    }
}

/// The mark of a task that was cut or tried again.
pub fn mark(out: &mut dyn Write, (x, y): (f64, f64), pieces: u64, said: &str) -> Result<()> {
    let said = Text(said);
    match pieces > 1 {
        true => writeln!(
            out,
            "<path class=\"split\" d=\"M{:.1} {:.1}h9l-4.5 8z\"><title>{said}</title></path>",
            x - 4.5,
            y - 8.0
        ),
        false => {
            writeln!(out, "<circle class=\"retry\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{said}</title></circle>")
        }
    }
}

/// A step of 1, 2 or 5 times a power of ten that is no less than `least`.
pub fn round_step(least: f64) -> f64 {
    if least <= 0.0 || !least.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least * 0.9999);
    factor.unwrap_or(10.0) * power
}

/// A step of seconds that people count in.
fn time_step(least: f64) -> f64 {
    const STEPS: [f64; 13] = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0];
    match least {
        least if least < 1.0 => round_step(least),
        least => STEPS.into_iter().find(|step| *step >= least).unwrap_or_else(|| round_step(least / 3600.0) * 3600.0),
    }
}

fn time_name(second: f64, step: f64) -> String {
    let whole = second.round() as u64;
    match step {
        step if step < 1.0 => {
            let digits = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
            format!("{second:.digits$} s")
        }
        step if step < 60.0 && whole < 60 => format!("{whole} s"),
        step if step < 60.0 => format!("{}:{:02} min", whole / 60, whole % 60),
        step if step < 3600.0 && whole < 3600 => format!("{} min", whole / 60),
        _ => format!("{}:{:02} h", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (least, wanted) in [(0.3, 0.5), (1.0, 1.0), (1.1, 2.0), (23.0, 50.0), (70.0, 100.0), (0.0, 1.0)] {
            assert!((round_step(least) - wanted).abs() < 1e-9, "{least}: {}", round_step(least));
        }
        for (least, wanted) in [(0.03, 0.05), (3.0, 5.0), (31.0, 60.0), (700.0, 1200.0), (4000.0, 7200.0)] {
            assert!((time_step(least) - wanted).abs() < 1e-9, "{least}: {}", time_step(least));
        }
        for (second, step, wanted) in [
            (0.5, 0.5, "0.5 s"),
            (0.05, 0.05, "0.05 s"),
            (20.0, 10.0, "20 s"),
            (80.0, 20.0, "1:20 min"),
            (300.0, 60.0, "5 min"),
            (5400.0, 1800.0, "1:30 h"),
        ] {
            assert_eq!(time_name(second, step), wanted);
        }
    }
}
