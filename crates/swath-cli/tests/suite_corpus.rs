//! Real rasters against what GDAL says of them: the manifest of the corpus has a line for each.
//!
//! `SWATH_CORPUS` names the folder, `../shared/corpus` beside the workspace else; without either the test says so and
//! passes.
#![cfg(unix)]

use std::path::{Path, PathBuf};

use swath_testkit::{Folder, Outcome};

/// Endings of what is no TIFF, and the word that it is refused by.
const OTHERS: [(&str, &str); 4] = [("ntf", "NITF"), ("gtx", "GTX"), ("vrt", "VRT"), ("zip", "zip archive")];

/// Part of the name of a TIFF that GDAL reads and swath does not, and the word that it is refused by.
const REFUSED: [(&str, &str); 1] = [("fax4", "CCITT")];

/// What is said otherwise than by GDAL, and rightly so.
const DIFFERENT: [(&str, &[&str]); 4] = [
    // These files define their systems number by number, and GDAL looks up which code comes near.
    ("raster/geo/lc.tif", &["system"]),
    ("raster/geo/olinda_dem_utm25s.tif", &["system"]),
    // Its least value is one that is transparent, and so not seen.
    ("raster/tiff_variants/minisblack-2c-8b-alpha.tiff", &["min"]),
    // Inks with a sign stay what they are; GDAL makes colours of them.
    ("raster/tiff_variants/tiled-cmyk-i8.tif", &["type", "min", "max"]),
];

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let folder = std::env::var_os("SWATH_CORPUS").map_or(beside, PathBuf::from);
    folder.join("MANIFEST.csv").is_file().then_some(folder)
}

/// Records of a text of comma-separated values, of which some are in quotes.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => field.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            '\r' if !quoted => {}
            other => field.push(other),
        }
    }
    records
}

/// What the manifest says of a file.
struct Facts<'a>(&'a str);

impl<'a> Facts<'a> {
    fn of(&self, name: &str) -> Option<&'a str> {
        self.0.split("; ").find_map(|fact| fact.strip_prefix(name)?.strip_prefix('='))
    }

    /// The two numbers between brackets.
    fn pair(&self, name: &str) -> Option<(f64, f64)> {
        let (first, second) = self.of(name)?.trim_matches(['[', ']']).split_once(", ")?;
        Some((first.parse().ok()?, second.parse().ok()?))
    }
}

/// What of a readable file is not as the manifest says, by name and in words.
fn differences(folder: &Folder, path: &str, facts: &Facts<'_>) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut compare = |what: &'static str, wanted: &str, got: &str| {
        if wanted != got {
            found.push((what, format!("{what} is {got}, {wanted} is wanted")));
        }
    };
    let info = folder.run(&format!("info --json {path}")).expect(&[0]).json();
    let info = &info["items"][0];
    let text = |name: &str| info[name].as_str().unwrap_or("None").to_string();
    for (name, place) in [("width", 0), ("height", 1)] {
        compare(name, facts.of(name).unwrap_or_default(), &info["size"][place].to_string());
    }
    let data_type = facts.of("dtypes").unwrap_or_default().trim_matches(['[', ']']).split(", ").next();
    compare("type", data_type.unwrap_or_default(), &text("dtype"));
    let bands = info["bands"].as_array().map_or(0, Vec::len);
    compare("number of bands", facts.of("bands").unwrap_or_default(), &bands.to_string());
    if let Some(system) = facts.of("crs").filter(|system| system.starts_with("EPSG:") || *system == "None") {
        compare("system", system, &text("crs"));
    }
    let compression = facts.of("compression").unwrap_or_default().to_lowercase();
    compare("compression", &compression, &text("compression"));
    let number = |text: &str| text.parse::<f64>().ok();
    let (wanted, got) = (facts.of("nodata").and_then(number), number(&text("nodata")));
    let is_same = wanted == got || wanted.is_some_and(f64::is_nan) && got.is_some_and(f64::is_nan);
    if !is_same {
        found.push(("nodata", format!("nodata is {got:?}, {wanted:?} is wanted")));
    }
    let stats = folder.run(&format!("raster stats -b 1 --json {path}"));
    if let Some((least, greatest)) = facts.pair("band1_min_max") {
        let json = stats.expect(&[0]).json();
        let band = &json["statistics"][0]["bands"][0];
        for (name, wanted) in [("min", least), ("max", greatest)] {
            // GDAL's are of all numbers, also of those that stand for no value.
            let is_hidden = info["mask"] == true || got.is_some_and(|nodata| nodata == wanted);
            let got = band[name].as_f64();
            let is_near = got.is_some_and(|got| (got - wanted).abs() <= 1e-6 * wanted.abs());
            if !is_hidden && !is_near {
                found.push((name, format!("{name} of band 1 is {got:?}, {wanted} is wanted")));
            }
        }
    }
    found
}

/// Whether an error says what is wrong and what to do.
fn is_told(outcome: &Outcome, what: &str) -> bool {
    let json = outcome.json();
    let part = |name: &str| json["error"][name].as_str().unwrap_or_default().to_string();
    part("message").contains(what) && !part("hint").is_empty()
}

#[test]
fn real_rasters_are_what_gdal_says() {
    let Some(corpus) = corpus() else {
        println!("SKIPPED: no corpus in ../shared/corpus, and SWATH_CORPUS names none");
        return;
    };
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let manifest = std::fs::read_to_string(corpus.join("MANIFEST.csv")).expect("a manifest");
    let records = records(&manifest);
    let column = |name: &str| records[0].iter().position(|field| field == name).expect("a column");
    let (path, kind, facts) = (column("path"), column("kind"), column("facts"));
    let (mut read, mut refused, mut damaged, mut wrong) = (0, 0, 0, Vec::new());
    for record in &records[1..] {
        let (name, facts) = (&record[path], Facts(&record[facts]));
        let place = corpus.join(name);
        let ending = name.rsplit('.').next().unwrap_or_default();
        if name.starts_with("malformed/tiff") {
            // Read as far as it goes, or refused: never ended by a signal, never without a word.
            for verb in ["info", "raster stats"] {
                let outcome = folder.run(&format!("{verb} --json {}", place.display())).expect(&[0, 3, 5]);
                if outcome.code != Some(0) && !is_told(&outcome, "") {
                    wrong.push(format!("{name}: no word of what is wrong\n{outcome}"));
                }
            }
            damaged += 1;
        } else if !name.starts_with("raster/") || record[kind].contains("companion") || ending == "xml" {
        } else if let Some((_, what)) = OTHERS.iter().find(|(other, _)| *other == ending) {
            for verb in ["info", "raster stats"] {
                let outcome = folder.run(&format!("{verb} --json {}", place.display())).expect(&[5]);
                if !is_told(&outcome, what) {
                    wrong.push(format!("{name} is not refused as {what}\n{outcome}"));
                }
            }
            refused += 1;
        } else {
            let outcome = folder.run(&format!("info --json {}", place.display())).expect(&[0, 5]);
            if outcome.code == Some(0) {
                let known = DIFFERENT.iter().find(|(file, _)| file == name).map_or(&[][..], |(_, known)| known);
                let found = differences(&folder, &place.display().to_string(), &facts);
                let unknown = found.into_iter().filter(|(what, _)| !known.contains(what));
                wrong.extend(unknown.map(|(_, difference)| format!("{name}: {difference}")));
                read += 1;
            } else {
                let is_known = REFUSED.iter().any(|(part, what)| name.contains(part) && is_told(&outcome, what));
                if !is_known {
                    wrong.push(format!("{name} is not read\n{outcome}"));
                }
                refused += 1;
            }
        }
    }
    println!("{read} rasters were read, {refused} refused, {damaged} are damaged");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read > 50 && refused > 5 && damaged > 20, "{read} read, {refused} refused, {damaged} damaged");
}
