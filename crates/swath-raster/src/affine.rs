//! Where pixels lie: the six numbers between (column, row) and (x, y).

use serde::{Deserialize, Serialize};

/// `x = a·column + b·row + c`, `y = d·column + e·row + f`; whole numbers are the upper left corners of pixels.
///
/// The names and their order are those of rasterio's `Affine`; GDAL's geotransform is `(c, a, b, f, d, e)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Affine {
    /// Width of a pixel along x.
    pub a: f64,
    /// Change of x from row to row.
    pub b: f64,
    /// x of the upper left corner.
    pub c: f64,
    /// Change of y from column to column.
    pub d: f64,
    /// Height of a pixel along y, negative where rows go south.
    pub e: f64,
    /// y of the upper left corner.
    pub f: f64,
}

impl Affine {
    /// Pixels as coordinates: what a raster without a place has.
    pub const PIXELS: Affine = Affine { a: 1.0, b: 0.0, c: 0.0, d: 0.0, e: 1.0, f: 0.0 };

    /// A grid whose rows go south and whose columns go east.
    pub fn north_up(west: f64, north: f64, width: f64, height: f64) -> Affine {
        Affine { a: width, b: 0.0, c: west, d: 0.0, e: -height, f: north }
    }

    /// The place of a point of the grid.
    pub fn apply(&self, column: f64, row: f64) -> (f64, f64) {
        (self.a * column + self.b * row + self.c, self.d * column + self.e * row + self.f)
    }

    /// The way back; `None` where pixels have no area.
    pub fn inverse(&self) -> Option<Affine> {
        let determinant = self.a * self.e - self.b * self.d;
        if determinant == 0.0 || !determinant.is_finite() {
            return None;
        }
        let (a, b, d, e) = (self.e / determinant, -self.b / determinant, -self.d / determinant, self.a / determinant);
        Some(Affine { a, b, c: -(a * self.c + b * self.f), d, e, f: -(d * self.c + e * self.f) })
    }

    /// The same grid, counted from another pixel.
    pub fn shifted(&self, column: f64, row: f64) -> Affine {
        let (c, f) = self.apply(column, row);
        Affine { c, f, ..*self }
    }

    /// The same corner with pixels that many times as wide and as high.
    pub fn scaled(&self, columns: f64, rows: f64) -> Affine {
        Affine { a: self.a * columns, b: self.b * rows, d: self.d * columns, e: self.e * rows, ..*self }
    }

    /// Whether rows go along x and columns along y.
    pub fn is_rectilinear(&self) -> bool {
        self.b == 0.0 && self.d == 0.0
    }

    /// Size of a pixel along its columns and along its rows, in units of the coordinates.
    pub fn pixel_size(&self) -> (f64, f64) {
        (self.a.hypot(self.d), self.b.hypot(self.e))
    }

    /// Whether two grids of that many columns and rows lie within a hundredth of a pixel of each other everywhere.
    pub fn is_close(&self, other: &Affine, columns: u32, rows: u32) -> bool {
        let (width, height) = self.pixel_size();
        let tolerance = 0.01 * width.min(height);
        let corners = [(0.0, 0.0), (f64::from(columns), 0.0), (0.0, f64::from(rows))];
        corners.into_iter().all(|(column, row)| {
            let ((x, y), (other_x, other_y)) = (self.apply(column, row), other.apply(column, row));
            (x - other_x).abs() <= tolerance && (y - other_y).abs() <= tolerance
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let rotated = Affine { a: 0.5, b: 0.1, c: 10.0, d: -0.2, e: -0.4, f: 50.0 };
        let (x, y) = rotated.apply(3.0, 7.0);
        let (column, row) = rotated.inverse().expect("an area").apply(x, y);
        assert!((column - 3.0).abs() < 1e-12 && (row - 7.0).abs() < 1e-12);
        assert!(Affine { a: 1.0, b: 2.0, c: 0.0, d: 2.0, e: 4.0, f: 0.0 }.inverse().is_none());
        assert_eq!(rotated.shifted(3.0, 7.0).apply(0.0, 0.0), (x, y));
        let scaled = rotated.scaled(2.0, 2.0);
        assert_eq!(scaled.apply(1.0, 1.0), rotated.apply(2.0, 2.0));
    }

    #[test]
    fn close_is_a_hundredth_of_a_pixel() {
        let grid = Affine::north_up(500_000.0, 5_000_000.0, 10.0, 10.0);
        assert!(grid.is_close(&Affine { c: 500_000.05, ..grid }, 1000, 1000));
        assert!(!grid.is_close(&Affine { c: 500_000.2, ..grid }, 1000, 1000));
        assert!(!grid.is_close(&Affine { a: 10.001, ..grid }, 1000, 1000));
    }
}
