//! Arithmetic over the bands of rasters that share a grid: each pixel of the output from those at the same place.
//!
//! What expressions mean, and when a result is no value, is the business of `swath-expr`.

use std::collections::BTreeMap;
use std::sync::Arc;

use swath_core::{Bytes, Error, Lease, Result};
use swath_expr::{
    Bindings, Expression, ExpressionError, InputStrip, InputValues, OutputStrip, Program, Scratch, Working,
};

use crate::{Band, DataType, Grid, Pixel, Raster, Scalar, Shape, Tile, Window, for_values};

/// A raster that expressions may name.
pub struct CalcInput {
    /// Its name. A lone input without one has its bands as `b1`, `b2` and so on.
    pub name: Option<String>,
    /// What messages call it.
    pub what: String,
    /// The raster.
    pub raster: Arc<dyn Raster>,
}

/// The program, in the type that suits the inputs.
enum Compiled {
    Single(Program<f32>),
    Double(Program<f64>),
}

/// Expressions over rasters.
pub struct Calc {
    /// The rasters that are used, each with its used bands.
    inputs: Vec<(Arc<dyn Raster>, Vec<usize>)>,
    /// For each input of the program: which raster, and which of its used bands.
    slots: Vec<(usize, usize)>,
    expressions: Vec<Expression>,
    bindings: Bindings,
    program: Compiled,
    grid: Grid,
}

impl Calc {
    /// Expressions, separated by `;`, each of which becomes a band.
    ///
    /// # Working type
    /// 32-bit floats where every input fits them exactly and `precise` is not wanted, 64-bit floats else; the output is
    /// of that type, with NaN for pixels without a value.
    ///
    /// # Errors
    /// [`Error::Usage`] for text that is no expression, names of no input, and inputs whose grids differ.
    pub fn new(text: &str, inputs: &[CalcInput], precise: bool) -> Result<Calc> {
        let expressions = Expression::parse_list(text).map_err(misread)?;
        let names = Names::of(inputs)?;
        let bindings = Bindings::resolve(&expressions, &names.sources()).map_err(misread)?;
        let mut used: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let places: Vec<(usize, usize)> = bindings.slots().iter().map(|slot| names.place(*slot)).collect();
        for (input, band) in &places {
            let bands = used.entry(*input).or_default();
            if !bands.contains(band) {
                bands.push(*band);
            }
        }
        let order: Vec<usize> = used.keys().copied().collect();
        let slot = |(input, band): &(usize, usize)| {
            let position = order.iter().position(|used| used == input)?;
            Some((position, used[input].iter().position(|used| used == band)?))
        };
        let slots = places.iter().filter_map(slot).collect();
        let used: Vec<(&CalcInput, Vec<usize>)> =
            used.into_iter().map(|(input, bands)| (&inputs[input], bands)).collect();
        // Also an input that no expression uses has to be of the grid: it was given for something.
        let first = inputs.first().ok_or_else(|| usage("there is no input".into(), "name a raster"))?;
        for other in &inputs[1..] {
            if let Some(difference) = first.raster.grid().difference(other.raster.grid()) {
                return Err(usage(
                    format!("{} and {} are of different grids: {difference}", first.what, other.what),
                    "bring them to one grid first: the same size, place and reference system",
                ));
            }
        }
        let single = !precise && used.iter().all(|(input, _)| input.raster.grid().data_type.fits_float32());
        let (program, data_type) = match single {
            true => (Compiled::Single(Program::compile(&expressions, &bindings).map_err(misread)?), DataType::Float32),
            false => (Compiled::Double(Program::compile(&expressions, &bindings).map_err(misread)?), DataType::Float64),
        };
        let known = inputs.iter().map(|input| input.raster.grid());
        let grid = Grid {
            data_type,
            nodata: Some(Scalar::Float(f64::NAN)),
            has_mask: false,
            bands: expressions
                .iter()
                .map(|expression| Band { description: Some(expression.text().trim().into()), ..Band::default() })
                .collect(),
            crs: known.clone().find_map(|grid| grid.crs.clone()),
            affine: known.clone().find_map(|grid| grid.affine),
            ..first.raster.grid().clone()
        };
        let inputs = used.into_iter().map(|(input, bands)| (Arc::clone(&input.raster), bands)).collect();
        Ok(Calc { inputs, slots, expressions, bindings, program, grid })
    }

    fn scratch_bytes(&self) -> Bytes {
        match &self.program {
            Compiled::Single(program) => Bytes(Scratch::bytes_for(program)),
            Compiled::Double(program) => Bytes(Scratch::bytes_for(program)),
        }
    }

    /// Computes bands from the tiles of the inputs.
    fn compute<T: Working + Pixel>(
        &self,
        program: &Program<T>,
        tiles: &[Tile],
        window: Window,
        lease: &Lease,
    ) -> Result<Tile> {
        let _scratch = lease.charge(self.scratch_bytes())?;
        let (plane, bands) = (window.pixels() as usize, program.outputs());
        let mut tile = Tile::unwritten(window, bands, T::DATA_TYPE, lease)?;
        let mut validity = lease.buffer_unzeroed::<u8>(plane * bands)?;
        let inputs: Vec<InputStrip<'_>> = self.slots.iter().map(|(input, band)| strip(&tiles[*input], *band)).collect();
        let values = tile.values_mut::<T>()?.chunks_exact_mut(plane);
        let mut outputs: Vec<OutputStrip<'_, T>> = values
            .zip(validity.chunks_exact_mut(plane))
            .map(|(values, validity)| OutputStrip::new(values, validity))
            .collect();
        let all_valid = program
            .run(&mut Scratch::new(program), &inputs, &mut outputs)
            .map_err(|error| Error::unexpected(format!("strips of an expression: {error}")))?;
        tile.validity = (!all_valid).then_some(validity);
        Ok(tile)
    }

    /// The program of some of the bands.
    fn part<T: Working>(&self, bands: &[usize]) -> Result<Program<T>> {
        let expressions: Vec<Expression> = bands.iter().map(|band| self.expressions[*band].clone()).collect();
        Program::compile(&expressions, &self.bindings).map_err(misread)
    }
}

/// The pixels of one band as the program reads them.
fn strip(tile: &Tile, band: usize) -> InputStrip<'_> {
    let range = band * tile.plane()..(band + 1) * tile.plane();
    let values = for_values!(&tile.values, buffer => InputValues::from(&buffer[range.clone()]));
    InputStrip { values, validity: tile.validity.as_deref().map(|validity| &validity[range]) }
}

fn usage(message: String, hint: &str) -> Error {
    Error::Usage { message, hint: hint.into() }
}

fn misread(mut error: ExpressionError) -> Error {
    let hint = error.hint.take();
    let hint = hint.unwrap_or_else(|| "swath raster calc --help shows what can be written".into());
    Error::Usage { message: error.to_string(), hint }
}

/// What expressions may name, and which band of which raster that is.
struct Names {
    names: Vec<(String, u32)>,
    /// Whether the names are those of the bands of a lone input.
    of_bands: bool,
}

impl Names {
    fn of(inputs: &[CalcInput]) -> Result<Names> {
        if let [CalcInput { name: None, raster, .. }] = inputs {
            let names = (1..=raster.grid().bands.len()).map(|number| (format!("b{number}"), 1)).collect();
            return Ok(Names { names, of_bands: true });
        }
        let mut names: Vec<(String, u32)> = Vec::new();
        for input in inputs {
            let Some(name) = &input.name else {
                return Err(usage(
                    format!("{} has no name, and there are several inputs", input.what),
                    "write NAME=FILE for each of them; expressions use the names",
                ));
            };
            if names.iter().any(|(other, _)| other == name) {
                return Err(usage(format!("two inputs are called {name}"), "give each its own name"));
            }
            names.push((name.clone(), input.raster.grid().bands.len() as u32));
        }
        Ok(Names { names, of_bands: false })
    }

    fn sources(&self) -> Vec<swath_expr::Source<'_>> {
        self.names.iter().map(|(name, bands)| swath_expr::Source { name, bands: *bands }).collect()
    }

    /// The raster and the band, from 0 on, of a slot.
    fn place(&self, slot: swath_expr::Slot) -> (usize, usize) {
        if self.of_bands { (0, slot.source) } else { (slot.source, slot.band as usize - 1) }
    }
}

impl Raster for Calc {
    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bytes_for(&self, window: Window, bands: usize) -> Bytes {
        // Tiles of the inputs stay while the next one is read.
        let (mut held, mut peak) = (Bytes::ZERO, Bytes::ZERO);
        for (raster, used) in &self.inputs {
            peak = peak.max(held + raster.bytes_for(window, used.len()));
            held += Tile::bytes_for(window, used.len(), raster.grid().data_type, true);
        }
        peak.max(held + self.scratch_bytes() + Tile::bytes_for(window, bands, self.grid.data_type, true))
    }

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> Result<Tile> {
        let tiles: Vec<Tile> =
            self.inputs.iter().map(|(raster, used)| raster.read(window, used, lease)).collect::<Result<_>>()?;
        let is_whole = bands.iter().copied().eq(0..self.expressions.len());
        match &self.program {
            Compiled::Single(program) if is_whole => self.compute(program, &tiles, window, lease),
            Compiled::Double(program) if is_whole => self.compute(program, &tiles, window, lease),
            Compiled::Single(_) => self.compute(&self.part::<f32>(bands)?, &tiles, window, lease),
            Compiled::Double(_) => self.compute(&self.part::<f64>(bands)?, &tiles, window, lease),
        }
    }

    fn held_bytes(&self) -> Bytes {
        self.inputs.iter().map(|(input, _)| input.held_bytes()).sum()
    }

    fn decoded_pixels(&self, window: Window) -> u64 {
        let most = self.inputs.iter().map(|(raster, _)| raster.decoded_pixels(window)).max();
        most.unwrap_or_else(|| window.pixels())
    }

    fn source_blocks(&self) -> Vec<Shape> {
        self.inputs.iter().flat_map(|(raster, _)| raster.source_blocks()).collect()
    }
}
