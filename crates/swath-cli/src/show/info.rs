//! A description of `swath info` for people.

use swath::info::Description;

use super::{Align, Table, grouped};

/// The description as text.
pub fn text(item: &Description) -> String {
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
