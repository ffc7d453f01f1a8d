//! Where places lie, and how many pixels lie under one.

use super::*;

/// Values that are their own longitude and latitude come out as those of the place.
#[test]
fn places_are_right_at_the_antimeridian_and_at_poles() {
    let grid =
        Held::grid(Shape::new(180, 360), 1, DataType::Float64, Affine::north_up(-180.0, 90.0, 1.0, 1.0), Some(4326));
    let latitudes = Held::by(grid.clone(), |_, row| 89.5 - f64::from(row));
    let waves = Held::by(grid, |column, _| (f64::from(column) + 0.5 - 180.0).to_radians().cos());
    let polar = target(Affine::north_up(-3_000_000.0, 3_000_000.0, 20_000.0, 20_000.0), 300, 300, Some(3413));
    let to_degrees = Transform::new(&crs(3413), &crs(4326)).expect("a way");
    let (rows, cosines) = (warp(&latitudes, &polar, Resampling::Bilinear), warp(&waves, &polar, Resampling::Bilinear));
    let (rows, cosines) = (pixels(&rows, polar.shape.whole()), pixels(&cosines, polar.shape.whole()));
    for row in 0..300 {
        for column in 0..300 {
            let (x, y) = polar.affine.apply(f64::from(column) + 0.5, f64::from(row) + 0.5);
            let (longitude, latitude) = to_degrees.point(x, y).expect("a place");
            let at = (row * 300 + column) as usize;
            assert!((rows[at] - latitude).abs() < 0.51, "{column}, {row}: {} for {latitude}", rows[at]);
            if latitude < 88.0 {
                let wanted = longitude.to_radians().cos();
                assert!((cosines[at] - wanted).abs() < 0.004, "{column}, {row}: {} for {wanted}", cosines[at]);
            }
        }
    }
    // Across the antimeridian there is no seam: kernels reach to the other side.
    let fiji = target(Affine::north_up(170.0, -10.0, 0.1, 0.1), 20, 200, Some(4326));
    let values = pixels(&warp(&waves, &fiji, Resampling::Bilinear), fiji.shape.whole());
    for (at, value) in values.iter().enumerate() {
        let longitude: f64 = 170.05 + (at % 200) as f64 * 0.1;
        assert!((value - longitude.to_radians().cos()).abs() < 1e-4, "{at}: {value}");
    }
}

/// The corners of the first and last pixels of a map of the world lie on the antimeridian, from either side.
#[test]
fn maps_of_the_world_have_all_their_columns() {
    let grid =
        Held::grid(Shape::new(150, 360), 1, DataType::Float64, Affine::north_up(-180.0, 75.0, 1.0, 1.0), Some(4326));
    let input = Held::by(grid, |column, _| f64::from(column));
    let half = 20_037_508.342_789_244;
    let to = target(Affine::north_up(-half, 1e7, half / 150.0, 1e5), 200, 300, Some(3857));
    for resampling in [Resampling::Average, Resampling::Max, Resampling::Sum, Resampling::Bilinear] {
        let raster = Warp::new(Arc::clone(&input), &to, resampling, &EXACT).expect("a warp");
        let values = pixels(&raster, to.shape.whole());
        let middle = (to.shape.rows / 2 * to.shape.columns) as usize;
        let (first, last) = (values[middle], values[middle + to.shape.columns as usize - 1]);
        assert!(first.is_finite() && last.is_finite(), "{resampling}: {first} {last}");
    }
}

/// The ratio is that of the part that the input reaches, whatever lies around it.
#[test]
fn ratios_of_boxes() {
    let grid = |affine, code| Held::grid(Shape::new(400, 500), 1, DataType::UInt8, affine, Some(code));
    let ratio = |from: &Grid, to: &WarpTarget| {
        Mapping::new(from, to.affine, to.crs.as_ref(), &mut Ways::default()).expect("a mapping").ratio(to.shape)
    };
    let near = |one: (f64, f64), two: (f64, f64), off: f64| {
        assert!((one.0 - two.0).abs() < off && (one.1 - two.1).abs() < off, "{one:?}, wanted {two:?}");
    };
    let utm = grid(Affine::north_up(300_000.0, 5_300_000.0, 100.0, 100.0), 32_632);
    let to = WarpTarget::suggest(&utm, Some(&crs(4326)), &WarpWishes::default(), None).expect("a target");
    // Places reach beyond the input on both sides, and then it is the input that counts.
    let (columns, rows) = (f64::from(to.shape.columns), f64::from(to.shape.rows));
    near(ratio(&utm, &to), (500.0 / columns, 400.0 / rows), 1e-9);
    let coarse = |factor: f64, around: f64| {
        let Affine { a, c, e, f, .. } = to.affine;
        let (width, height) = (columns * a, rows * e);
        let affine =
            Affine { a: a * factor, e: e * factor, c: c - around * width, f: f - around * height, ..to.affine };
        let count = |side: f64| (side / factor * (1.0 + 2.0 * around)).ceil() as u32;
        target(affine, count(rows), count(columns), Some(4326))
    };
    let alone = ratio(&utm, &coarse(4.3, 0.0));
    near(alone, (500.0 / (columns / 4.3).ceil(), 400.0 / (rows / 4.3).ceil()), 1e-9);
    near(ratio(&utm, &coarse(4.3, 2.0)), alone, 0.1);
    // Nearly whole is whole.
    let half = target(Affine::north_up(300_000.0, 5_300_000.0, 203.0, 400.0), 100, 246, Some(32_632));
    near(ratio(&utm, &half), (2.0, 4.0), 1e-9);
    // Across the antimeridian of the output.
    let fiji = grid(Affine::north_up(1_900_000.0, 3_800_000.0, 500.0, 500.0), 3460);
    let across = WarpTarget::suggest(&fiji, Some(&crs(4326)), &WarpWishes::default(), None).expect("a target");
    let got = ratio(&fiji, &across);
    assert!((0.8..1.1).contains(&got.0) && (0.8..1.1).contains(&got.1), "{got:?}");
    // All the way round it is a median.
    let world = grid(Affine::north_up(-180.0, 90.0, 0.72, 0.45), 4326);
    near(ratio(&world, &target(Affine::north_up(-180.0, 90.0, 3.6, 3.6), 50, 100, Some(4326))), (5.0, 8.0), 1e-6);
    // Where nothing has a place, it says nothing.
    let far = target(Affine::north_up(-5_000_000.0, 5_300_000.0, 300.0, 300.0), 10, 10, Some(32_632));
    near(ratio(&utm, &far), (1.0, 1.0), 1e-9);
}

/// Pixels of a kilometre: lines between corners do not hold, parabolas do in whole cells.
#[test]
fn curves_are_as_exact_as_is_wanted() {
    let grid =
        Held::grid(Shape::new(900, 1200), 1, DataType::Float32, Affine::north_up(-10.0, 65.0, 0.02, 0.02), Some(4326));
    let to = target(Affine::north_up(2_700_000.0, 5_300_000.0, 1100.0, 1100.0), 1100, 1300, Some(3035));
    let mapping = Mapping::new(&grid, to.affine, to.crs.as_ref(), &mut Ways::default()).expect("a mapping");
    let lattice = Lattice { mapping, shape: to.shape, error_pixels: WarpOptions::default().error_pixels };
    let (mut curves, mut others, mut most) = (0, 0, 0.0f64);
    let window = Window::new(3, 5, 1000, 1200);
    let extents = |part| lattice.extent(part, need::Reach::Here).map(|e| lattice.source_window(e, need::Reach::Here));
    let done: Result<()> = lattice.visit(window, &mut |leaf, part| {
        *(if leaf.is_line() || leaf.is_exact() { &mut others } else { &mut curves }) += part.pixels();
        let source = extents(part);
        for row in (part.row..part.end_row()).step_by(7) {
            let count = part.columns as usize;
            let (mut columns, mut rows) = ([0.0; lattice::ROW], [0.0; lattice::ROW]);
            let start = (f64::from(part.column) + 0.5, f64::from(row) + 0.5);
            leaf.row(&lattice, start.0, start.1, &mut columns[..count], &mut rows[..count]);
            for step in 0..count {
                let (column, row) = lattice.mapping.point(start.0 + step as f64, start.1).expect("a place");
                most = most.max((columns[step] - column).hypot(rows[step] - row));
                let is_in = |at: f64, size: u32| at >= 0.0 && at < f64::from(size);
                if is_in(columns[step], grid.shape.columns) && is_in(rows[step], grid.shape.rows) {
                    let source = source.expect("pixels that are needed");
                    let (column, row) = (columns[step].floor() as i64, rows[step].floor() as i64);
                    let (end_column, end_row) =
                        (source.column + i64::from(source.shape.columns), i64::from(source.row + source.shape.rows));
                    assert!((source.column..end_column).contains(&column), "{column} of {source:?}");
                    assert!((i64::from(source.row)..end_row).contains(&row), "{row} of {source:?}");
                }
            }
        }
        Ok(())
    });
    done.expect("places");
    assert!(most < 0.0015, "off by {most} pixels");
    assert!(curves > 500_000 && others < curves / 10, "{curves} pixels on curves, {others} not");
}

/// About the equator the rows of Mercator are odd: at the middle of a cell they cross the line through its corners.
#[test]
fn curves_that_cross_their_line_are_none() {
    let world = Affine::north_up(-180.0, 90.0, 0.5, 0.5);
    let input = Held::by(Held::grid(Shape::new(360, 720), 1, DataType::Float64, world, Some(4326)), |_, row| {
        f64::from(row) + 0.5
    });
    let half = 20_037_508.342_789_244;
    let to_degrees = Transform::new(&crs(3857), &crs(4326)).expect("a way");
    for (columns, rows, limit) in [(256, 64, 0.1), (192, 192, 0.1), (320, 320, 0.1), (200, 960, 0.005)] {
        let pixel = (2.0 * half / f64::from(columns), 2.0 * half / f64::from(rows));
        let to = target(Affine::north_up(-half, half, pixel.0, pixel.1), rows, columns, Some(3857));
        let values = pixels(&warp(&input, &to, Resampling::Bilinear), to.shape.whole());
        for row in 0..rows {
            let (_, y) = to.affine.apply(0.5, f64::from(row) + 0.5);
            let (_, latitude) = to_degrees.point(0.0, y).expect("a place");
            let (got, wanted) = (values[(row * columns + columns / 2) as usize], (90.0 - latitude) / 0.5);
            // Near the edges wide kernels have more pixels on one side; elsewhere their weights are rounded to pixels.
            let is_inside = (30.0..330.0).contains(&wanted);
            assert!(
                !is_inside || (got - wanted).abs() < limit,
                "{columns} × {rows}, row {row}: {got}, wanted {wanted}"
            );
        }
    }
}
