//! Boxes that lie on a grid in one part, though not where the grid begins, or in two.

use super::held::Held;
use super::*;

fn window(grid: &Grid, bounds: [f64; 4], epsg: Option<u32>) -> swath_core::Result<Window> {
    let [min_x, min_y, max_x, max_y] = bounds;
    let crs = epsg.map(|code| swath_crs::Crs::from_epsg(code).expect("a code"));
    window_of_bounds(grid, swath_crs::Bounds { min_x, min_y, max_x, max_y }, crs.as_ref())
}

fn degrees(west: f64, columns: u32) -> Grid {
    let affine = Affine::north_up(west, 90.0, 1.0, 1.0);
    Held::grid(Shape::new(180, columns), 1, DataType::UInt8, affine, Some(4326))
}

#[track_caller]
fn is_torn(grid: &Grid, bounds: [f64; 4], epsg: Option<u32>) {
    let error = window(grid, bounds, epsg).expect_err("two parts").to_string();
    assert!(error.contains("two parts"), "{error}");
}

#[test]
fn a_box_in_two_parts_may_meet_a_raster_in_one() {
    let utm = Affine::north_up(400_000.0, 5_500_000.0, 1000.0, 1000.0);
    let utm = Held::grid(Shape::new(50, 70), 1, DataType::UInt8, utm, Some(32_633));
    for bounds in [[-180.0, -90.0, 180.0, 90.0], [-179.0, -60.0, 179.0, 80.0], [-170.0, -80.0, 179.5, 84.0]] {
        assert_eq!(window(&utm, bounds, Some(4326)).expect("one"), utm.shape.whole(), "{bounds:?}");
    }
    // One column for each degree.
    let degree = 20_037_508.342_789_244 / 180.0;
    let web = |west: f64, columns: u32| {
        let affine = Affine::north_up(west * degree, 20.0 * degree, degree, degree);
        Held::grid(Shape::new(40, columns), 1, DataType::UInt8, affine, Some(3857))
    };
    let across = [170.0, -10.0, -172.0, 10.0];
    assert_eq!(window(&web(0.0, 180), across, Some(4326)).expect("one"), Window::new(9, 170, 22, 10));
    assert_eq!(window(&web(-180.0, 90), across, Some(4326)).expect("one"), Window::new(9, 0, 22, 8));
    is_torn(&web(-180.0, 360), across, Some(4326));
    is_torn(&web(-90.0, 180), across, Some(4326));
}

#[test]
fn a_box_of_a_whole_turn_is_all_columns() {
    for (west, columns) in [(0.0, 360), (-180.0, 360), (-0.5, 361)] {
        let grid = degrees(west, columns);
        for (from, to) in [(-180.0, 180.0), (0.0, 360.0), (-0.5, 359.5), (-200.0, 200.0)] {
            let wanted = Window::new(80, 0, 20, columns);
            assert_eq!(window(&grid, [from, -10.0, to, 10.0], None).expect("one"), wanted, "{west} {from} {to}");
            assert_eq!(window(&grid, [from, -10.0, to, 10.0], Some(4326)).expect("one"), wanted);
        }
    }
    assert_eq!(
        window_of_grid(&degrees(0.0, 360), &degrees(-180.0, 360)).expect("one"),
        degrees(0.0, 360).shape.whole()
    );
    // Of a part of the Earth all columns are what the box meets, as they were.
    assert_eq!(window(&degrees(10.0, 30), [-180.0, 0.0, 180.0, 1.0], None).expect("one"), Window::new(89, 0, 1, 30));
    is_torn(&degrees(0.0, 360), [-10.0, 0.0, 10.0, 1.0], None);
}

#[test]
fn a_box_that_is_whole_at_one_end_is_not_torn() {
    let grid = degrees(-0.5, 361);
    assert_eq!(window(&grid, [0.0, -1.0, 0.4, 1.0], None).expect("one"), Window::new(89, 0, 2, 1));
    assert_eq!(window(&grid, [-0.4, -1.0, 0.4, 1.0], None).expect("one"), Window::new(89, 0, 2, 1));
    assert_eq!(window(&grid, [-10.0, -1.0, 0.4, 1.0], None).expect("one"), Window::new(89, 350, 2, 11));
    is_torn(&grid, [-10.0, -1.0, 1.4, 1.0], None);
}
