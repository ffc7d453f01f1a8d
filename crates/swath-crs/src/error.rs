//! What can go wrong, sorted by what the reader can do about it.
//!
//! Errors of points are `Copy`-sized and allocate nothing, because one bad column makes millions of them.

use std::fmt;

/// Why a point has no place in the other system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointProblem {
    /// A coordinate is infinite or not a number.
    NotFinite,
    /// A longitude or latitude that does not exist (more than half a turn, or beyond a pole).
    NotOnEarth,
    /// The projection has no answer there.
    OutsideProjection,
    /// No transformation between the two datums of the accuracy asked for covers the place.
    OutsideShift,
}

impl PointProblem {
    /// A few words for a reject file, always the same for the same problem.
    pub fn words(self) -> &'static str {
        match self {
            PointProblem::NotFinite => "coordinate is not a finite number",
            PointProblem::NotOnEarth => "longitude or latitude is outside its range",
            PointProblem::OutsideProjection => "the projection has no answer there",
            PointProblem::OutsideShift => "no datum transformation of the wanted accuracy covers the place",
        }
    }
}

/// Why a reference system could not be understood, or a point not be transformed.
#[derive(Debug, Clone, PartialEq)]
pub enum CrsError {
    /// The text is empty, too long, nested too deep, or in no known notation.
    Unreadable {
        /// The beginning of the text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The code does not exist, or is not of a two-dimensional geographic or projected system.
    UnknownCode {
        /// Authority and code.
        code: String,
    },
    /// The definition is understood, but nothing here can compute with it.
    Unsupported {
        /// Which system.
        name: String,
        /// What is missing.
        reason: String,
    },
    /// No known transformation between the two datums is good enough.
    NoShift {
        /// The system to come from.
        from: String,
        /// The system to go to.
        to: String,
        /// The accuracy of the best transformation that can run here, in metres, if there is one that states it.
        best_m: Option<f64>,
        /// The limit that was asked for, in metres.
        limit_m: f64,
        /// The grid file whose absence rules out a better one.
        missing_grid: Option<String>,
    },
    /// A point cannot be transformed.
    Point {
        /// The x that was given.
        x: f64,
        /// The y that was given.
        y: f64,
        /// Why not.
        problem: PointProblem,
    },
}

impl CrsError {
    /// What the reader can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            CrsError::Unreadable { .. } => {
                "write EPSG:4326, OGC:CRS84, a PROJ string (+proj=…), WKT or PROJJSON; an EPSG code is the safest"
            }
            CrsError::UnknownCode { .. } => {
                "use the EPSG code of a 2-D geographic or projected system; for a 3-D or compound one, that of its \
                 horizontal part"
            }
            CrsError::Unsupported { .. } => "give the EPSG code of an equivalent system instead",
            CrsError::NoShift { .. } => {
                "transform the data first with a tool that has the grid, or keep them in their own system"
            }
            CrsError::Point { .. } => "check that x and y are not swapped and that the source system is the right one",
        }
    }

    /// A text that cannot be read; keeps its first 60 characters.
    pub(crate) fn unreadable(text: &str, reason: impl Into<String>) -> CrsError {
        let mut start: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
        if start.len() < text.len() {
            start.push('…');
        }
        CrsError::Unreadable { text: start, reason: reason.into() }
    }

    /// A system that nothing here can compute with.
    pub(crate) fn unsupported(name: &str, reason: impl Into<String>) -> CrsError {
        CrsError::Unsupported { name: name.into(), reason: reason.into() }
    }
}

impl fmt::Display for CrsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CrsError::Unreadable { text, reason } => write!(f, "cannot read the reference system '{text}': {reason}"),
            CrsError::UnknownCode { code } if code.to_ascii_uppercase().starts_with("ESRI:") => {
                write!(f, "{code}: codes of ESRI are not known here")
            }
            CrsError::UnknownCode { code } => {
                write!(f, "{code} is not the code of a 2-D geographic or projected reference system")
            }
            CrsError::Unsupported { name, reason } => write!(f, "cannot compute with {name}: {reason}"),
            CrsError::NoShift { from, to, best_m, limit_m, missing_grid } => {
                write!(f, "no transformation from {from} to {to} within {limit_m} m is known here")?;
                match best_m {
                    Some(best) => write!(f, "; the best that can run is good to {best} m")?,
                    None => write!(f, "; none that can run states its accuracy")?,
                }
                match missing_grid {
                    Some(grid) => write!(f, "; a better one needs the grid {grid}"),
                    None => Ok(()),
                }
            }
            CrsError::Point { x, y, problem } => write!(f, "point ({x}, {y}): {}", problem.words()),
        }
    }
}

impl std::error::Error for CrsError {}
