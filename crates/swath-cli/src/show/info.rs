//! A description of `swath info` for people.

use swath::info::{BandDescription, Description, RasterDescription, TableDescription};

use super::{Align, Table, grouped};

/// The description as text.
pub fn text(item: &Description) -> String {
    match item {
        Description::Table(item) => table(item),
        Description::Raster(item) => raster(item),
    }
}

fn raster(item: &RasterDescription) -> String {
    let mut facts = Table::new(&[Align::Left, Align::Left]);
    let pair = |[columns, rows]: [u32; 2]| format!("{} × {}", grouped(u64::from(columns)), grouped(u64::from(rows)));
    facts.row([&"format", &item.format]);
    facts.row([&"on disk", &item.bytes]);
    facts.row([&"size", &format!("{} pixels (columns × rows)", pair(item.size))]);
    facts.row([&"type", &item.dtype]);
    facts.row([&"nodata", &item.nodata.as_deref().unwrap_or(if item.mask { "in a mask" } else { "none" })]);
    facts.row([&"CRS", &item.crs.as_deref().unwrap_or("unknown")]);
    if let Some([a, b, c, d, e, f]) = item.transform {
        facts.row([&"origin", &format!("{c}, {f}")]);
        let size = match (b, d) == (0.0, 0.0) {
            true => format!("{a}, {e}"),
            // Six digits are enough to see what was meant.
            false => {
                let short = |number: f64| format!("{number:.5e}").parse().unwrap_or(number);
                let (width, height) = (short(a.hypot(d)), short(b.hypot(e)));
                format!("{width}, {height}, rows turned by {}° against the x axis", short(d.atan2(a).to_degrees()))
            }
        };
        facts.row([&"pixel size", &size]);
    }
    if let Some([west, south, east, north]) = item.extent {
        facts.row([&"extent", &format!("{west}, {south}, {east}, {north}")]);
    }
    let footprint = &item.footprint;
    facts.row([&"in memory", &format!("{}: {:.1} times what it takes on disk", footprint.memory, footprint.inflation)]);
    facts.row([&"good chunk", &format!("{} pixels, for a ceiling of {}", pair(footprint.chunk), footprint.ceiling)]);
    facts.row([&"blocks", &format!("{} pixels", pair(item.block))]);
    facts.row([&"compression", &item.compression]);
    if !item.overviews.is_empty() {
        let levels: Vec<String> = item.overviews.iter().map(|level| pair(*level)).collect();
        facts.row([&"overviews", &levels.join(", ")]);
    }
    for (name, value) in &item.details {
        facts.row([name, value]);
    }
    let mut bands = Table::new(&[Align::Left, Align::Left, Align::Left]);
    for (position, band) in item.bands.iter().take(BANDS_SHOWN).enumerate() {
        let shown = band.description.as_deref().or(band.color.as_deref()).unwrap_or_default();
        bands.row([&(position + 1), &shown, &physical(band)]);
    }
    let more = match item.bands.len().saturating_sub(BANDS_SHOWN) {
        0 => String::new(),
        more => format!("    and {more} more\n"),
    };
    format!("{}\n{}  bands\n{}{more}", item.path.display(), facts.render(2), bands.render(4))
}

/// Bands that are told one by one.
const BANDS_SHOWN: usize = 32;

/// How pixels of a band become physical values.
fn physical(band: &BandDescription) -> String {
    let units = band.units.as_deref().unwrap_or_default();
    match (band.scale.unwrap_or(1.0), band.offset.unwrap_or(0.0)) {
        (1.0, 0.0) => units.into(),
        (scale, offset) => format!("× {scale} + {offset} {units}"),
    }
}

fn table(item: &TableDescription) -> String {
    let mut facts = Table::new(&[Align::Left, Align::Left]);
    let files = if item.files == 1 { String::new() } else { format!(" in {} files", grouped(item.files)) };
    facts.row([&"format", &item.format]);
    facts.row([&"on disk", &format!("{}{files}", item.bytes)]);
    let kind = if item.rows.exact { "exact" } else { "estimated from a sample" };
    facts.row([&"rows", &format!("{} ({kind})", grouped(item.rows.value))]);
    if let Some(time) = &item.time {
        facts.row([&"time", &format!("{} to {} ({}, {})", time.first, time.last, time.column, looked_at(time.exact))]);
    }
    if let Some(extent) = &item.extent {
        let [west, south, east, north] = extent.bounds;
        facts.row([&"extent", &format!("{west}, {south}, {east}, {north} ({})", looked_at(extent.exact))]);
    }
    if let Some(crs) = &item.crs {
        facts.row([&"CRS", crs]);
    }
    let footprint = &item.footprint;
    facts.row([
        &"in memory",
        &format!(
            "about {}: {:.0} bytes a row, {:.1} times what it takes on disk",
            footprint.memory, footprint.bytes_per_row, footprint.inflation
        ),
    ]);
    facts.row([
        &"good chunk",
        &format!("{} rows, for a ceiling of {}", grouped(footprint.chunk_rows), footprint.ceiling),
    ]);
    for (name, value) in &item.details {
        facts.row([name, value]);
    }
    let mut columns = Table::new(&[Align::Left, Align::Left, Align::Left, Align::Left]);
    for column in &item.columns {
        let role = column.role.as_deref().unwrap_or_default();
        columns.row([&column.name, &column.column_type, &role, &column.units.as_deref().unwrap_or_default()]);
    }
    format!("{}\n{}  columns\n{}", item.path.display(), facts.render(2), columns.render(4))
}

/// How far a range can be relied on.
fn looked_at(exact: bool) -> &'static str {
    if exact { "exact" } else { "of a sample" }
}
