//! What rasters come to, for people.

use swath::raster::stats::{BandStatistics, Histogram, Number, RasterStatistics, UniqueValues};
use swath::{Scalar, request::StatsWishes};

use super::{Align, Table, grouped};

/// Values and bins that are told one by one.
const ROWS_SHOWN: usize = 64;

/// All rasters, one after the other.
pub fn text(rasters: &[RasterStatistics]) -> String {
    rasters.iter().map(raster).collect::<Vec<_>>().join("\n")
}

fn raster(raster: &RasterStatistics) -> String {
    let [columns, rows] = raster.size.map(|side| grouped(u64::from(side)));
    let mut text = format!("{}: {columns} × {rows} pixels of {}\n", raster.path.display(), raster.dtype);
    let mut table = Table::new(&[Align::Right; 8]);
    table.row([&"band", &"valid", &"nodata", &"min", &"max", &"mean", &"std", &"sum"]);
    for band in &raster.bands {
        table.row([
            &band.band,
            &grouped(band.valid),
            &grouped(band.nodata),
            &shown(band.min),
            &shown(band.max),
            &shown(band.mean),
            &shown(band.std),
            &shown(Some(band.sum)),
        ]);
    }
    text.push_str(&table.render(2));
    raster.bands.iter().for_each(|band| text.push_str(&more(band)));
    text
}

/// What was asked for besides, of one band.
fn more(band: &BandStatistics) -> String {
    let mut text = String::new();
    if !band.percentiles.is_empty() {
        let mut table = Table::new(&[Align::Right, Align::Right]);
        band.percentiles.iter().for_each(|each| table.row([&format!("{} %", each.percent), &shown(each.value)]));
        text.push_str(&format!("\n  band {}, percentiles\n{}", band.band, table.render(4)));
    }
    if let Some(histogram) = &band.histogram {
        text.push_str(&format!("\n  band {}, histogram\n{}", band.band, bins(histogram)));
    }
    if let Some(uniques) = &band.uniques {
        text.push_str(&format!("\n  band {}, values\n{}", band.band, values(uniques)));
    }
    text
}

fn bins(histogram: &Histogram) -> String {
    if histogram.edges.is_empty() {
        return "    no value says where its bins lie\n".into();
    }
    let mut table = Table::new(&[Align::Right, Align::Left, Align::Right, Align::Right]);
    for (edges, count) in histogram.edges.windows(2).zip(&histogram.counts).take(ROWS_SHOWN) {
        table.row([&edges[0], &"to", &edges[1], &grouped(*count)]);
    }
    let mut text = table.render(4) + &left_out(histogram.counts.len());
    for (count, side) in [(histogram.below, "below"), (histogram.above, "above")] {
        if count > 0 {
            text.push_str(&format!("    {} {side}\n", grouped(count)));
        }
    }
    text
}

fn values(uniques: &UniqueValues) -> String {
    if uniques.exceeded {
        let most = StatsWishes::UNIQUES_MAX;
        let way = match uniques.limit < most {
            true => format!("; --uniques=N tells up to {}", grouped(most as u64)),
            false => String::new(),
        };
        return format!("    more than {} different ones{way}\n", grouped(uniques.limit as u64));
    }
    let mut table = Table::new(&[Align::Right, Align::Right]);
    for unique in uniques.values.iter().take(ROWS_SHOWN) {
        table.row([&shown(Some(unique.value)), &grouped(unique.count)]);
    }
    table.render(4) + &left_out(uniques.values.count())
}

/// What becomes of rows beyond those that are shown.
fn left_out(rows: usize) -> String {
    match rows.saturating_sub(ROWS_SHOWN) {
        0 => String::new(),
        more => format!("    and {} more: --json or -o tells all\n", grouped(more as u64)),
    }
}

/// A number as people read it; what there is none of is a dash.
fn shown(number: Option<Number>) -> String {
    match number {
        None => "–".into(),
        Some(Number(Scalar::Float(value))) if value != 0.0 && !(1e-4..1e15).contains(&value.abs()) => {
            format!("{value:e}")
        }
        Some(Number(value)) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use swath::DataType;
    use swath::raster::stats::Values;

    use super::*;

    #[test]
    fn numbers_are_short() {
        let float = |value| shown(Some(Number(Scalar::Float(value))));
        assert_eq!([float(0.0), float(-12.5), float(1e-9), float(1e300)], ["0", "-12.5", "1e-9", "1e300"]);
        assert_eq!((shown(None), shown(Some(Number(Scalar::Int(-3))))), ("–".into(), "-3".into()));
    }

    #[test]
    fn too_many_values_are_said_to_be_so() {
        let told = |limit| values(&UniqueValues { limit, exceeded: true, values: Values::none(DataType::UInt8) });
        assert_eq!(told(1000), "    more than 1,000 different ones; --uniques=N tells up to 100,000\n");
        assert_eq!(told(100_000), "    more than 100,000 different ones\n");
    }
}
