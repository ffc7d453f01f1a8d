//! Many rasters as one: each pixel from the inputs that have one there.
//!
//! A window reads only the inputs that it meets, one after the other, in the order in which they were named. It
//! deliberately does not blend at edges, nor match brightness.

mod entry;
mod merge;
mod options;
mod place;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use swath_core::{Bytes, Error, Lease, Result};

use crate::ops::convert::nodata_of;
use crate::ops::warp::{WarpTarget, Ways};
use crate::{Band, BandColour, DataType, Grid, Raster, Scalar, Shape, Tile, Window, all_valid};

use entry::{Entry, Working, entries_of, left_out};
use merge::Overlap;
pub use options::{MosaicMethod, MosaicOptions};
use place::Place;

/// The blocks of the output.
const BLOCK: Shape = Shape::new(512, 512);
/// What a read takes beside buffers: the list of inputs that it meets, at most.
const ENTRY: Bytes = Bytes(8);
/// What an input takes for as long as the mosaic is there, beside what is said of its bands: its grids, and the ways of
/// its pixels.
const ENTRY_HELD: Bytes = Bytes(2 << 10);
/// How often what is said of its bands is held: as it was read, picked, in an assumed system, warped, and converted.
const ENTRY_GRIDS: u64 = 5;

/// Rasters joined to one.
///
/// # CRS
/// The system and the resolution are those that are wished, or those of the first input; the bounds are wished, or those
/// of all inputs together, widened to the edges of the first one's pixels. Inputs of that system and resolution whose
/// pixels lie on the mosaic's, to within a thousandth of a pixel, are taken as they are; the others are resampled. In a
/// mosaic of longitudes an input also has pixels whole turns away from where it says that it lies.
///
/// # Nodata
/// A pixel has a value where any input has one. The nodata value is the one wished, or the first that an input has and
/// the type holds; else NaN for floats, opacity where it says of all inputs which pixels have a value, and a mask for
/// other integers. A valid pixel that would equal it, or whose opacity would be 0, takes the value beside it.
///
/// The type is the one wished; else the smallest that holds the values of all inputs. `mean` makes floats of it, of 64 bits where those of 32
/// do not hold all values; `count` makes 16-bit unsigned integers (32-bit ones beyond 65,535 inputs) with the nodata
/// value 0. For 64-bit integers together with floats, and unsigned ones together with signed ones, there is no such type:
/// they become 64-bit floats, which round beyond 2⁵³.
pub struct Mosaic {
    entries: Vec<Entry>,
    /// Positions of the entries by the first row of their footprints.
    by_row: Vec<usize>,
    /// The most rows of a footprint.
    tallest: u32,
    method: MosaicMethod,
    grid: Grid,
    /// A nodata value that not all inputs have.
    reserved: Option<Scalar>,
    warnings: Vec<String>,
}

/// A raster that becomes a part of a mosaic.
pub struct MosaicInput {
    /// What errors call it, such as its path.
    pub what: String,
    /// The raster.
    pub raster: Arc<dyn Raster>,
}

/// What is said of the bands: as of the first input, and of colours what all inputs say. A count is no colour, and has
/// no unit.
fn bands_of(grids: &[&Grid], method: MosaicMethod) -> Vec<Band> {
    let of = |(position, band): (usize, &Band)| {
        if method == MosaicMethod::Count {
            return Band { description: band.description.clone(), ..Band::default() };
        }
        let agree = grids.iter().all(|grid| grid.bands.get(position).is_some_and(|other| other.colour == band.colour));
        Band { colour: if agree { band.colour } else { BandColour::None }, ..band.clone() }
    };
    grids.first().map_or_else(Vec::new, |first| first.bands.iter().enumerate().map(of).collect())
}

/// Whether the same numbers stand for the same values in both.
fn scaled_alike(one: &Grid, other: &Grid) -> bool {
    let scaling = |band: &Band| (band.scale.unwrap_or(1.0), band.offset.unwrap_or(0.0));
    one.bands.iter().map(scaling).eq(other.bands.iter().map(scaling))
}

impl Mosaic {
    /// The inputs as one raster.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no input, numbers of bands differ, no way leads from the system of an input to that
    /// of the mosaic, or the nodata value is none of the type.
    pub fn new(inputs: Vec<MosaicInput>, options: &MosaicOptions) -> Result<Mosaic> {
        let mut ways = Ways::default();
        let place = place::of(&mut ways, &inputs, options)?;
        Mosaic::join(ways, inputs, place, options)
    }

    /// The inputs as one raster on a grid that is given; system, resolution and bounds of the options say nothing.
    ///
    /// # Errors
    /// As [`Mosaic::new`].
    pub fn on(inputs: Vec<MosaicInput>, place: WarpTarget, options: &MosaicOptions) -> Result<Mosaic> {
        match inputs[..] {
            [] => Err(usage("there is no input".into(), "name a raster")),
            _ => Mosaic::join(Ways::default(), inputs, place, options),
        }
    }

    /// The inputs, of which there is at least one, in a place.
    fn join(mut ways: Ways, inputs: Vec<MosaicInput>, place: Place, options: &MosaicOptions) -> Result<Mosaic> {
        let grids: Vec<&Grid> = inputs.iter().map(|input| input.raster.grid()).collect();
        let first = grids[0];
        if let Some((number, other)) = grids.iter().enumerate().find(|(_, grid)| grid.bands.len() != first.bands.len())
        {
            return Err(usage(
                format!(
                    "{} has {} bands, {} has {}",
                    inputs[number].what,
                    other.bands.len(),
                    inputs[0].what,
                    first.bands.len()
                ),
                "--band takes the same bands of each",
            ));
        }
        if options.method != MosaicMethod::Count
            && let Some(number) = grids.iter().position(|grid| !scaled_alike(grid, first))
        {
            return Err(usage(
                format!(
                    "the scale or the offset of {} is another than that of {}",
                    inputs[number].what, inputs[0].what
                ),
                "bring all to one scale first: swath raster calc",
            ));
        }
        let common = grids.iter().map(|grid| grid.data_type).fold(first.data_type, place::common_type);
        let natural = match options.method {
            MosaicMethod::Mean if common.fits_float32() => DataType::Float32,
            MosaicMethod::Mean => DataType::Float64,
            MosaicMethod::Count if inputs.len() <= usize::from(u16::MAX) => DataType::UInt16,
            MosaicMethod::Count => DataType::UInt32,
            _ => common,
        };
        let data_type = options.data_type.unwrap_or(natural);
        let (nodata, _) = nodata_of(natural_nodata(&grids, options.method, data_type), options.nodata, data_type)?;
        let has = |grid: &&Grid| grid.nodata == nodata && grid.data_type == data_type && !grid.has_mask;
        let all_have = grids.iter().all(has);
        let is_computed = matches!(options.method, MosaicMethod::Mean | MosaicMethod::Count);
        let reserved = nodata.filter(|_| is_computed || !all_have);
        let grid = Grid {
            shape: place.shape,
            affine: Some(place.affine),
            crs: place.crs.clone(),
            data_type,
            nodata,
            has_mask: false,
            block: BLOCK,
            bands: bands_of(&grids, options.method).into(),
        };
        let opacity = grid.opacity().filter(|opacity| grids.iter().all(|grid| grid.opacity() == Some(*opacity)));
        // Where it is not opacity that says what has a value, it is a band like the others.
        let is_said = nodata.is_some() && options.nodata.is_none();
        let grid = if opacity.is_some() || is_said { grid } else { grid.without_opacity() };
        let grid = Grid { has_mask: nodata.is_none() && opacity.is_none(), ..grid };
        // What is summed up is not rounded before.
        let is_wide = natural == DataType::Float64 || data_type == DataType::Float64;
        let working = match options.method {
            MosaicMethod::Mean if is_wide => Working::Resampled(DataType::Float64),
            MosaicMethod::Mean => Working::Resampled(DataType::Float32),
            MosaicMethod::Count => Working::AsItIs,
            _ => Working::All(data_type, nodata),
        };
        let mut entries = Vec::with_capacity(inputs.len());
        let mut warnings = Vec::new();
        let (count, mut outside) = (inputs.len(), Vec::new());
        for input in inputs {
            let what = input.what.clone();
            let of_input = entries_of(input, &place, options.resampling, working, (&mut ways, &mut warnings))?;
            if of_input.is_empty() {
                outside.push(what);
            }
            entries.extend(of_input);
        }
        warnings.extend(left_out(&outside, count));
        let mut by_row: Vec<usize> = (0..entries.len()).collect();
        by_row.sort_by_key(|position| entries[*position].footprint.row);
        let tallest = entries.iter().map(|entry| entry.footprint.rows).max().unwrap_or(0);
        Ok(Mosaic { entries, by_row, tallest, method: options.method, grid, reserved, warnings })
    }

    /// What is not as exact as it might be, in words.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The inputs that a window meets, in their order, with the parts of the window that they cover.
    fn meeting(&self, window: Window) -> Vec<(&Entry, Window)> {
        let first_row = window.row.saturating_sub(self.tallest);
        let row = |position: &usize| self.entries[*position].footprint.row;
        let start = self.by_row.partition_point(|position| row(position) < first_row);
        let end = self.by_row.partition_point(|position| row(position) < window.end_row());
        let mut positions: Vec<usize> = self.by_row[start..end.max(start)].to_vec();
        positions.retain(|position| !self.entries[*position].footprint.intersection(window).is_empty());
        positions.sort_unstable();
        let entries = positions.into_iter().map(|position| &self.entries[position]);
        entries.map(|entry| (entry, entry.footprint.intersection(window))).collect()
    }

    /// Sums and counts of a pixel.
    fn scratch_bytes(&self, pixels: u64) -> Bytes {
        match self.method {
            MosaicMethod::Mean => Bytes(pixels * 12),
            MosaicMethod::Count => Bytes(pixels * 4),
            _ => Bytes::ZERO,
        }
    }

    /// Takes over the values of inputs, or the least or greatest of them.
    fn choose(&self, tile: &mut Tile, validity: &mut [u8], bands: &[usize], lease: &Lease) -> Result<()> {
        let outer = tile.window;
        let mut meeting = self.meeting(outer);
        if self.method == MosaicMethod::Last {
            meeting.reverse();
        }
        let is_first = matches!(self.method, MosaicMethod::First | MosaicMethod::Last);
        for (entry, mut part) in meeting {
            if is_first {
                match Overlap::missing(outer, part, bands.len(), validity) {
                    None => continue,
                    Some(missing) => part = entry.cheaper(missing, part, bands.len()),
                }
            }
            let input = entry.raster.read(entry.own(part), bands, lease)?;
            let overlap = Overlap { outer, part, input: &input };
            match is_first {
                true => overlap.fill(bands.len(), &mut tile.values, validity)?,
                false => {
                    let want_less = self.method == MosaicMethod::Min;
                    overlap.choose(bands.len(), want_less, &mut tile.values, validity)?;
                }
            }
        }
        Ok(())
    }

    /// Sums up, or counts.
    fn add_up(&self, tile: &mut Tile, validity: &mut [u8], bands: &[usize], lease: &Lease) -> Result<()> {
        let is_mean = self.method == MosaicMethod::Mean;
        let (outer, length) = (tile.window, tile.values.len());
        let mut sums = lease.buffer::<f64>(if is_mean { length } else { 0 })?;
        let mut counts = lease.buffer::<u32>(length)?;
        for (entry, part) in self.meeting(outer) {
            let input = entry.raster.read(entry.own(part), bands, lease)?;
            let overlap = Overlap { outer, part, input: &input };
            match is_mean {
                true => overlap.add(bands.len(), &mut sums, &mut counts),
                false => overlap.count(bands.len(), &mut counts),
            }
        }
        validity.iter_mut().zip(counts.iter()).for_each(|(valid, count)| *valid = u8::from(*count > 0));
        match is_mean {
            true => merge::write(&mut tile.values, |at| sums[at] / f64::from(counts[at].max(1))),
            false => merge::write(&mut tile.values, |at| f64::from(counts[at])),
        }
        Ok(())
    }
}

/// The nodata value that follows from the inputs.
fn natural_nodata(grids: &[&Grid], method: MosaicMethod, data_type: DataType) -> Option<Scalar> {
    if method == MosaicMethod::Count {
        return Some(Scalar::Int(0));
    }
    let of_inputs = grids.iter().filter_map(|grid| grid.nodata).find(|nodata| nodata.fits(data_type));
    of_inputs.or_else(|| data_type.is_float().then_some(Scalar::Float(f64::NAN)))
}

impl Raster for Mosaic {
    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bytes_for(&self, window: Window, bands: usize) -> Bytes {
        let meeting = self.meeting(window);
        let list = ENTRY * meeting.len() as u64 * 8;
        let inputs = meeting.iter().map(|(entry, part)| entry.raster.bytes_for(entry.own(*part), bands));
        let most = inputs.max().unwrap_or_default();
        let tile = Tile::bytes_for(window, bands, self.grid.data_type, true);
        tile + self.scratch_bytes(window.pixels() * bands as u64) + most + list
    }

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> Result<Tile> {
        let mut tile = Tile::unwritten(window, bands.len(), self.grid.data_type, lease)?;
        // Zeros of the system would cost twice: when they are looked at, and when they are written over.
        let mut validity = lease.buffer_unzeroed::<u8>(tile.values.len())?;
        validity.fill(0);
        match self.method {
            MosaicMethod::Mean | MosaicMethod::Count => self.add_up(&mut tile, &mut validity, bands, lease)?,
            _ => self.choose(&mut tile, &mut validity, bands, lease)?,
        }
        if let Some(nodata) = self.reserved {
            merge::reserve(&mut tile.values, &validity, nodata);
        }
        if let Some(position) = self.grid.opacity().and_then(|opacity| bands.iter().position(|band| *band == opacity)) {
            let plane = tile.plane();
            merge::keep_seen(&mut tile.values, &validity, position * plane..(position + 1) * plane);
        }
        tile.validity = (!all_valid(&validity)).then_some(validity);
        Ok(tile)
    }

    fn held_bytes(&self) -> Bytes {
        let of =
            |entry: &Entry| entry.raster.held_bytes() + ENTRY_HELD + entry.raster.grid().held_bytes() * ENTRY_GRIDS;
        self.entries.iter().map(of).sum()
    }

    fn decoded_pixels(&self, window: Window) -> u64 {
        self.meeting(window).iter().map(|(entry, part)| entry.raster.decoded_pixels(entry.own(*part))).sum()
    }

    fn source_blocks(&self) -> Vec<Shape> {
        let mut blocks: Vec<Shape> = Vec::new();
        for entry in &self.entries {
            let is_corner = |block: &Shape| {
                entry.corner.0.rem_euclid(i64::from(block.columns)) == 0
                    && entry.corner.1.rem_euclid(i64::from(block.rows)) == 0
            };
            for block in entry.raster.source_blocks().into_iter().filter(is_corner) {
                if !blocks.contains(&block) {
                    blocks.push(block);
                }
            }
        }
        blocks
    }
}

fn usage(message: String, hint: &str) -> Error {
    Error::Usage { message, hint: hint.into() }
}
