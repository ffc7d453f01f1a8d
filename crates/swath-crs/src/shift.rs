//! The way from one datum to another: which published transformations apply, and which of them to a given place.
//!
//! A pair of datums often has dozens of transformations, each for one region, and the one that is best on average is
//! wrong by many metres elsewhere. So all that are good enough are kept, and every point takes the best one whose area
//! of use it lies in, as PROJ does. A place that none covers is an error, not a guess. Grids are never fetched.

use std::cmp::Ordering;

use proj_core::{
    AreaOfUse, Coord, CoordinateOperation, CrsDef, DatumToWgs84, HelmertParams, OperationDomain, OperationMethod,
    SelectionOptions,
};

use crate::PointProblem;
use crate::area::{away, size};
use crate::step::{CoreStep, Step};

/// What was found out about a pair of datums.
pub(crate) enum Found {
    /// A way, and the accuracy of its worst part if that is known.
    Way(Shift, Option<f64>),
    /// No way that is good enough.
    Nothing {
        /// The best accuracy that can run here.
        best_m: Option<f64>,
        /// A grid that would have given a better one.
        missing_grid: Option<String>,
    },
}

/// The shift between two geographic systems in degrees.
pub(crate) enum Shift {
    /// Nothing to do.
    None,
    /// The first candidate that covers the place, best first.
    Choice(Vec<Candidate>),
    /// One after the other, through WGS 84.
    Chain(Box<Shift>, Box<Shift>),
    /// The second where the first has no answer.
    Either(Box<Shift>, Box<Shift>),
}

/// One published transformation.
pub(crate) struct Candidate {
    areas: Vec<AreaOfUse>,
    accuracy_m: Option<f64>,
    superseded: bool,
    /// Whether it carries longitude and latitude over as they are, up to the ellipsoid.
    null: bool,
    name: String,
    number: u32,
    /// Whether it has an answer only as far as its grid goes.
    uses_grid: bool,
    step: CoreStep,
}

impl Shift {
    /// The point on the other datum. With `beyond`, a place that no area of use holds is taken by the candidate whose
    /// area is nearest.
    pub(crate) fn point(&self, longitude: f64, latitude: f64, beyond: bool) -> Result<(f64, f64), PointProblem> {
        match self {
            Shift::None => Ok((longitude, latitude)),
            Shift::Choice(candidates) => candidates
                .iter()
                .filter(|candidate| candidate.covers(longitude, latitude))
                .find_map(|candidate| candidate.step.point(longitude, latitude).ok())
                .or_else(|| if beyond { nearest(candidates, longitude, latitude) } else { None })
                .ok_or(PointProblem::OutsideShift),
            Shift::Chain(first, second) => {
                let (longitude, latitude) = first.point(longitude, latitude, beyond)?;
                second.point(longitude, latitude, beyond)
            }
            Shift::Either(first, second) => {
                first.point(longitude, latitude, beyond).or_else(|_| second.point(longitude, latitude, beyond))
            }
        }
    }

    /// Whether it has an answer for every place if it may go beyond areas: all but grids have.
    pub(crate) fn is_everywhere(&self) -> bool {
        match self {
            Shift::None => true,
            Shift::Choice(candidates) => candidates.iter().any(|candidate| !candidate.uses_grid),
            Shift::Chain(first, second) => first.is_everywhere() && second.is_everywhere(),
            Shift::Either(first, second) => first.is_everywhere() || second.is_everywhere(),
        }
    }
}

/// The point by the candidate that can run and whose area of use is nearest; of equally near ones the best.
fn nearest(candidates: &[Candidate], longitude: f64, latitude: f64) -> Option<(f64, f64)> {
    let mut found: Option<(f64, (f64, f64))> = None;
    for candidate in candidates {
        let away = candidate.areas.iter().map(|area| away(area, longitude, latitude)).fold(f64::INFINITY, f64::min);
        if found.is_some_and(|(nearest, _)| nearest <= away) {
            continue;
        }
        if let Ok(point) = candidate.step.point(longitude, latitude) {
            found = Some((away, point));
        }
    }
    found.map(|(_, point)| point)
}

impl Candidate {
    fn covers(&self, longitude: f64, latitude: f64) -> bool {
        let place = Coord::new(longitude, latitude);
        self.areas.is_empty() || self.areas.iter().any(|area| area.contains_point(place))
    }

    /// Orders the better first: not superseded, then accurate, then of a small area. Ties fall as in PROJ: to the one
    /// that changes nothing, to the shorter name, then to the one later in the alphabet, because revisions are numbered at the end of the name.
    /// Superseded ones stand in for a successor that needs a grid; of these the latest is the nearest to it.
    fn order(&self, other: &Candidate) -> Ordering {
        let names = || self.name.len().cmp(&other.name.len()).then_with(|| other.name.cmp(&self.name));
        let by_name = if self.superseded { names() } else { Ordering::Equal };
        let area = |candidate: &Candidate| candidate.areas.iter().map(size).sum::<f64>();
        let accuracy = |candidate: &Candidate| candidate.accuracy_m.unwrap_or(f64::MAX);
        (self.superseded.cmp(&other.superseded))
            .then(by_name)
            .then_with(|| accuracy(self).total_cmp(&accuracy(other)))
            .then_with(|| area(self).total_cmp(&area(other)))
            .then_with(|| other.null.cmp(&self.null))
            .then_with(names)
            .then_with(|| self.number.cmp(&other.number))
    }
}

fn is_null(method: &OperationMethod) -> bool {
    match method {
        OperationMethod::Identity => true,
        OperationMethod::Helmert { params } => *params == HelmertParams::identity(),
        _ => false,
    }
}

/// What a way may be.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// The worst accuracy of a part.
    pub limit_m: f64,
    /// Whether worse ones serve where none of the others has its area.
    pub beyond_areas: bool,
}

impl Limits {
    fn within(self, limit_m: f64) -> Limits {
        Limits { limit_m, ..self }
    }
}

/// The way between two geographic systems.
pub(crate) fn between(from: &CrsDef, to: &CrsDef, limits: Limits) -> Found {
    match direct(from, to, limits) {
        Found::Nothing { best_m, missing_grid } => match through_wgs84(from, to, limits) {
            Some((shift, accuracy)) => Found::Way(shift, accuracy),
            None => Found::Nothing { best_m, missing_grid },
        },
        // Beyond the only grid there is (NAD27 to NAD83 has that of Canada) the way through WGS 84 goes on, however good.
        Found::Way(shift, accuracy_m) if limits.beyond_areas && !shift.is_everywhere() => {
            match through_wgs84(from, to, limits.within(f64::INFINITY)) {
                Some((rest, rest_m)) => Found::Way(
                    Shift::Either(Box::new(shift), Box::new(rest)),
                    accuracy_m.zip(rest_m).map(|(one, two)| one.max(two)),
                ),
                None => Found::Way(shift, accuracy_m),
            }
        }
        way => way,
    }
}

/// Through WGS 84, where the two errors add up: one side may use half of the limit, the other what is left of it.
fn through_wgs84(from: &CrsDef, to: &CrsDef, limits: Limits) -> Option<(Shift, Option<f64>)> {
    let wgs84 = proj_core::lookup_epsg(4326)?;
    if from.epsg() == 4326 || to.epsg() == 4326 {
        return None;
    }
    let limit_m = limits.limit_m;
    let way = |from: &CrsDef, to: &CrsDef, limit_m: f64| match direct(from, to, limits.within(limit_m)) {
        Found::Way(shift, accuracy_m) => Some((shift, accuracy_m)),
        Found::Nothing { .. } => None,
    };
    let rest = |accuracy_m: Option<f64>| limit_m - accuracy_m.unwrap_or(0.0);
    let late_first = || {
        let second = way(&wgs84, to, limit_m / 2.0)?;
        Some((way(from, &wgs84, rest(second.1))?, second))
    };
    let early_first = || {
        let first = way(from, &wgs84, limit_m / 2.0)?;
        let second = way(&wgs84, to, rest(first.1))?;
        Some((first, second))
    };
    let ((first, first_m), (second, second_m)) = late_first().or_else(early_first)?;
    Some((Shift::Chain(Box::new(first), Box::new(second)), first_m.zip(second_m).map(|(a, b)| a + b)))
}

fn direct(from: &CrsDef, to: &CrsDef, limits: Limits) -> Found {
    if from.datum().declares_shift() || to.datum().declares_shift() {
        return if from.datum().same_datum(to.datum()) {
            Found::Way(Shift::None, Some(0.0))
        } else {
            declared_shift(from, to)
        };
    }
    let same_code = from.epsg() != 0 && from.epsg() == to.epsg();
    let same_datum = from.datum().epsg() != 0 && from.datum().epsg() == to.datum().epsg();
    if same_code || same_datum {
        return Found::Way(Shift::None, Some(0.0));
    }
    match published(from, to, limits) {
        // Datums that count as one (WGS 84 and its twins), of which nobody has published how far they agree.
        Found::Nothing { best_m: None, .. } if from.datum().same_datum(to.datum()) => Found::Way(Shift::None, None),
        found => found,
    }
}

/// The shift that a definition itself states (`+towgs84`, `TOWGS84`, a bound system), towards WGS 84.
fn declared_shift(from: &CrsDef, to: &CrsDef) -> Found {
    let nothing = Found::Nothing { best_m: None, missing_grid: None };
    let to_wgs84 = |crs: &CrsDef| -> Option<DatumToWgs84> {
        if crs.datum().declares_shift() {
            return Some(crs.datum().to_wgs84().clone());
        }
        let is_wgs84 = crs.epsg() == 4326 || crs.datum().same_datum(&proj_core::datum::WGS84);
        is_wgs84.then_some(DatumToWgs84::Identity)
    };
    let (Some(source_to_wgs84), Some(target_to_wgs84)) = (to_wgs84(from), to_wgs84(to)) else { return nothing };
    let operation = CoordinateOperation {
        id: None,
        name: "stated by the definition".into(),
        source_crs_epsg: None,
        target_crs_epsg: None,
        source_datum_epsg: None,
        target_datum_epsg: None,
        accuracy: None,
        areas_of_use: Default::default(),
        deprecated: false,
        preferred: true,
        approximate: false,
        superseded: false,
        domain: OperationDomain::HorizontalOnly,
        method: OperationMethod::DatumShift { source_to_wgs84, target_to_wgs84 },
    };
    let uses_grid = operation.uses_grids();
    let options = SelectionOptions::new().with_coordinate_operation(operation);
    match proj_core::Transform::from_crs_defs_with_selection_options(from, to, options) {
        Ok(transform) => Found::Way(
            Shift::Choice(vec![Candidate {
                areas: Vec::new(),
                accuracy_m: None,
                superseded: false,
                null: false,
                name: String::new(),
                number: 0,
                uses_grid,
                step: CoreStep::shift(transform),
            }]),
            None,
        ),
        Err(_) => nothing,
    }
}

/// The transformations that the registry has for the pair.
fn published(from: &CrsDef, to: &CrsDef, limits: Limits) -> Found {
    let mut candidates = Vec::new();
    let (mut best_m, mut missing_grid): (Option<f64>, Option<(f64, String)>) = (None, None);
    for metadata in proj_core::operation_candidates_between(from, to).unwrap_or_default() {
        let Some(id) = metadata.id.filter(|_| !metadata.deprecated) else { continue };
        let Some(operation) = proj_core::lookup_operation(id) else { continue };
        let accuracy = operation.accuracy.map(|accuracy| accuracy.meters);
        let options = SelectionOptions::new().with_operation(id);
        match proj_core::Transform::from_crs_defs_with_selection_options(from, to, options) {
            Ok(transform) => {
                best_m = match (best_m, accuracy) {
                    (Some(best), Some(accuracy)) => Some(best.min(accuracy)),
                    (best, accuracy) => best.or(accuracy),
                };
                let uses_grid = operation.uses_grids();
                if accuracy.is_some_and(|accuracy| limits.beyond_areas || accuracy <= limits.limit_m) {
                    candidates.push(Candidate {
                        areas: operation.areas_of_use.into_vec(),
                        accuracy_m: accuracy,
                        superseded: operation.superseded,
                        null: is_null(&operation.method),
                        uses_grid,
                        name: operation.name,
                        number: id.0,
                        step: CoreStep::shift(transform),
                    });
                }
            }
            Err(proj_core::Error::Grid(error)) => note_grid(&mut missing_grid, accuracy, error.to_string()),
            Err(proj_core::Error::OperationSelection(text)) if text.contains("grid") => {
                note_grid(&mut missing_grid, accuracy, text);
            }
            Err(_) => {}
        }
    }
    let is_coarse = |candidate: &Candidate| candidate.accuracy_m.is_none_or(|accuracy| accuracy > limits.limit_m);
    if candidates.iter().all(is_coarse) {
        return Found::Nothing { best_m, missing_grid: missing_grid.map(|(_, name)| name) };
    }
    candidates.sort_by(|one, two| is_coarse(one).cmp(&is_coarse(two)).then_with(|| one.order(two)));
    let worst = candidates.iter().filter_map(|candidate| candidate.accuracy_m).fold(0.0, f64::max);
    Found::Way(Shift::Choice(candidates), Some(worst))
}

/// Remembers the grid of the most accurate transformation that could not run.
fn note_grid(missing: &mut Option<(f64, String)>, accuracy: Option<f64>, text: String) {
    let accuracy = accuracy.unwrap_or(f64::MAX);
    if missing.as_ref().is_none_or(|(best, _)| accuracy < *best) {
        let name = text.rsplit(": ").next().unwrap_or(&text).to_string();
        *missing = Some((accuracy, name));
    }
}
