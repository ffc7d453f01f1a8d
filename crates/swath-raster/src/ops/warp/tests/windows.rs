//! Warps in windows of any shape, and what reading them takes.

use super::*;

fn windows(shape: Shape) -> Vec<Window> {
    let mut windows = vec![Window::new(0, 0, 1, 1), Window::new(shape.rows - 1, shape.columns - 1, 1, 1)];
    for (row, column, rows, columns) in [(0, 0, 64, 64), (13, 29, 50, 70), (63, 1, 3, 130), (20, 64, 90, 1)] {
        let window = Window::new(row, column, rows, columns).intersection(shape.whole());
        windows.extend((!window.is_empty()).then_some(window));
    }
    windows
}

/// Rasters and targets with all that is difficult.
fn hard_cases() -> Vec<(&'static str, Arc<dyn Raster>, WarpTarget)> {
    let grid =
        |rows, columns, affine, code| Held::grid(Shape::new(rows, columns), 1, DataType::Float32, affine, Some(code));
    let utm = hills(grid(120, 150, Affine::north_up(399_960.0, 5_300_040.0, 10.0, 10.0), 32_632));
    let turned = Affine { a: 8.0, b: 4.0, c: 400_000.0, d: 3.0, e: -9.0, f: 5_300_000.0 };
    let turned = hills(grid(120, 150, turned, 32_632));
    let world = hills(grid(90, 180, Affine::north_up(-180.0, 90.0, 2.0, 2.0), 4326));
    let east = hills(grid(90, 180, Affine::north_up(0.0, 90.0, 2.0, 2.0), 4326));
    let polar = Affine::north_up(-4_000_000.0, 4_000_000.0, 60_000.0, 60_000.0);
    let polar_grid = hills(grid(133, 133, polar, 3413));
    let fiji = Affine::north_up(170.0, -10.0, 0.1, 0.1);
    vec![
        ("utm to mercator", Arc::clone(&utm), suggested(&utm, 3857)),
        (
            "utm to degrees, coarse",
            Arc::clone(&utm),
            target(Affine::north_up(7.65, 47.86, 0.0007, 0.0005), 40, 50, Some(4326)),
        ),
        ("turned", Arc::clone(&turned), suggested(&turned, 32_632)),
        ("turned to degrees", Arc::clone(&turned), suggested(&turned, 4326)),
        ("world to the pole", Arc::clone(&world), target(polar, 133, 133, Some(3413))),
        ("world from 0 to the pole", Arc::clone(&east), target(polar, 133, 133, Some(3413))),
        ("world across 180", Arc::clone(&world), target(fiji, 150, 200, Some(4326))),
        (
            "world to mercator across 180",
            Arc::clone(&east),
            target(Affine::north_up(-20_037_508.0, 20_037_508.0, 200_000.0, 200_000.0), 200, 200, Some(3857)),
        ),
        (
            "pole to the world",
            Arc::clone(&polar_grid),
            target(Affine::north_up(-180.0, 90.0, 1.5, 1.5), 60, 240, Some(4326)),
        ),
    ]
}

#[test]
fn windows_of_any_shape_give_the_same_pixels() {
    for (name, input, to) in hard_cases() {
        for resampling in Resampling::ALL {
            println!("{name}, {resampling}");
            let raster = warp(&input, &to, resampling);
            assert_same_in_windows(&raster, &windows(to.shape));
            let values = pixels(&raster, to.shape.whole());
            assert!(values.iter().filter(|value| !value.is_nan()).count() > values.len() / 8, "{name}: hardly a value");
        }
    }
}

#[test]
fn reading_stays_within_its_bound() {
    for (name, input, to) in hard_cases() {
        for resampling in Resampling::ALL {
            println!("{name}, {resampling}");
            let raster = warp(&input, &to, resampling);
            assert_bound(&raster, to.shape.whole(), 40);
        }
    }
    let input = synth(DataType::UInt16, 0.1);
    let to = suggested(&input, 4326);
    assert_bound(&warp(&input, &to, Resampling::Cubic), Window::new(3, 9, 200, 180), 60);
}
