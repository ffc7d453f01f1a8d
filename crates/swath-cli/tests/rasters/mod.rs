//! What the suite of rasters runs: inputs of every kind that is read, and each verb on them.

use swath_testkit::{Folder, Outcome};

/// Columns and rows.
pub type Size = (u32, u32);

/// Words of verbs, without output and limits, that are killed over and over also where there is little time: one of each
/// way to work. `{size}`, `{window}` and `{box}` stand for what depends on the size of the inputs; see [`inputs`] for these.
const KILLED: [&str; 15] = [
    "raster convert a.tif -b 2 -b 1 --dtype uint8 --scale 0,10000,0,254 --nodata 255 --co BLOCKSIZE=256",
    "raster calc (b1-b2)/(b1+b2) a.tif --co INTERLEAVE=BAND",
    "raster convert a.tif -f cog --co BLOCKSIZE=256",
    "raster warp a.tif --dst-crs EPSG:4326 -r bilinear",
    "raster focal a.tif --stat mean --radius 2",
    "raster stats a.tif b.tif",
    "raster stats f.tif --percentiles 2,50,98 --histogram 40 --uniques",
    "raster pipeline read a.tif ! clip --window {window} ! focal --stat max --radius 1 ! warp --dst-crs EPSG:3857 ! write",
    "synth raster --size {size} --bands 3 --missing 0.1 --seed 5 --co COMPRESS=DEFLATE",
    "raster focal j.tif --stat max --radius 2",
    "raster convert j.tif -f cog --co BLOCKSIZE=256 --co OVERVIEW_RESAMPLING=CUBIC",
    "raster convert l.tif -f cog --co BLOCKSIZE=256 --co OVERVIEW_RESAMPLING=CUBIC",
    "raster warp o.tif --dst-crs EPSG:4326 -r bilinear --bbox {box}",
    "raster warp m.tif --dst-crs EPSG:3832 -r cubic --dtype float32 --nodata -1",
    "raster mosaic a.tif b.tif --like g.tif -r bilinear",
];

/// The words of the other verbs.
const OTHERS: [&str; 20] = [
    "raster convert a.tif --co COMPRESS=DEFLATE",
    "raster calc a[1]>b[1]?a[2]:nodata;mean(a[*],b[*]) a=a.tif b=b.tif --dtype float64",
    "raster calc b1+b2 a.tif -f cog --co OVERVIEW_RESAMPLING=AVERAGE --co COMPRESS=LERC",
    "raster clip a.tif --window {window}",
    "raster clip a.tif --like g.tif",
    "raster warp b.tif --res 33 -r average --align",
    "raster mosaic a.tif b.tif --method max",
    "raster mosaic a.tif b.tif --method mean --dst-crs EPSG:3857 -r cubic",
    "raster mosaic a.tif b.tif --method mean --dtype int16 --nodata -7",
    "raster focal b.tif -b 1 --stat median --radius 30m --shape circle",
    "raster terrain a.tif -b 1 --kind slope",
    "raster stats b.tif a.tif -b 2 --percentiles 0,12.5,99.9 --histogram 7,100,9000 --uniques=70000",
    "raster pipeline read b.tif ! calc b1-b2 ! warp --res 14 -r cubic ! write -f cog --dtype int16 --nodata -9999",
    "raster focal l.tif --stat mean --radius 3",
    "raster warp l.tif --dst-crs EPSG:3857 -r lanczos --dtype int16 --nodata -9",
    "raster convert o.tif -f cog --co BLOCKSIZE=256 --co OVERVIEW_RESAMPLING=CUBIC",
    "raster mosaic o.tif p.tif --dst-crs EPSG:3832 -r cubic",
    "raster focal m.tif --stat median --radius 1",
    "raster convert m.tif -f cog --co BLOCKSIZE=256 --co OVERVIEW_RESAMPLING=BILINEAR",
    "raster stats m.tif o.tif j.tif l.tif --percentiles 50",
];

/// The verbs for inputs of a size: all, or those that are killed in the normal form of the suite.
pub fn verbs(size: Size, is_all: bool) -> Vec<String> {
    let (columns, rows) = size;
    let window = format!("{},{},{},{}", columns / 7, rows / 8, columns * 65 / 100, rows * 76 / 100);
    // The inputs with opacity begin at 179.921° E, 17.028° S, and a pixel is 10 m: this goes on beyond 180°.
    let east = 179.921 + f64::from(columns) * 10.0 / 106_500.0 * 0.95 - 360.0;
    let south = -17.028 - f64::from(rows) * 10.0 / 110_650.0 * 0.95;
    let place = format!("179.94,{south},{east},-17.04");
    let wanted = KILLED.iter().chain(OTHERS.iter().filter(|_| is_all)).filter(|verb| is_wanted(verb));
    let filled = |verb: &&str| {
        verb.replace("{size}", &format!("{columns}x{rows}")).replace("{window}", &window).replace("{box}", &place)
    };
    let verbs: Vec<String> = wanted.map(filled).collect();
    assert!(!verbs.is_empty(), "SWATH_TEST_VERBS names none");
    verbs
}

/// Whether a verb is among those of `SWATH_TEST_VERBS`, if that names any: the full form of the suite takes hours.
fn is_wanted(verb: &str) -> bool {
    std::env::var("SWATH_TEST_VERBS").map_or(true, |words| words.split(',').any(|word| verb.contains(word)))
}

/// Whether a window is a block of the output, or a piece that statistics are taken over, under any ceiling: where no pixel
/// is wanted by more than one window, larger ones are not worth their memory.
pub fn is_always_by_block(verb: &str) -> bool {
    let is_by_pixel = ["calc", "convert", "mosaic"].iter().any(|word| verb.contains(word));
    let wants_more = ["-f cog", "BLOCKSIZE", " -r ", "! "].iter().any(|words| verb.contains(words));
    verb.starts_with("raster stats") || verb.starts_with("synth") || is_by_pixel && !wants_more
}

/// A verb with its output and the words of the run.
pub fn line(verb: &str, words: &str) -> String {
    match verb.strip_prefix("raster pipeline ") {
        Some(steps) => format!("raster pipeline --json {words} {steps} out.tif"),
        None => format!("{verb} -o out.tif --json {words}"),
    }
}

pub fn run(folder: &Folder, verb: &str, words: &str) -> Outcome {
    folder.run(&line(verb, words))
}

/// The inputs that swath makes: `a.tif` with gaps, `b.tif` of other pixels, `f.tif` of floats.
pub fn inputs(folder: &Folder, (columns, rows): Size) {
    for (name, words) in [
        ("a.tif", "--seed 1 --missing 0.2"),
        ("b.tif", "--seed 2 --co COMPRESS=LZW --co BLOCKSIZE=256"),
        ("f.tif", "--seed 3 --missing 0.1 --dtype float32 --co COMPRESS=NONE"),
    ] {
        let line = format!("synth raster -o {name} --size {columns}x{rows} --bands 2 -q --overwrite {words}");
        folder.run(&line).expect(&[0]);
    }
}

/// All inputs: those of [`inputs`]; `l.tif` in LERC; `j.tif` in JPEG; `o.tif` and `p.tif` with opacity, across the
/// antimeridian; `m.tif`, the same with a mask; and `g.tif`, whose grid is finer and lies inside of `a.tif`.
pub fn all_inputs(folder: &Folder, size: Size) {
    inputs(folder, size);
    let (columns, rows) = size;
    let line =
        format!("synth raster -o l.tif --size {columns}x{rows} --bands 2 --seed 4 --missing 0.1 --dtype float32");
    folder.run(&format!("{line} --nodata nan --co COMPRESS=LERC --co MAX_Z_ERROR=0.01 -q --overwrite")).expect(&[0]);
    folder.write("j.tif", &grown(include_bytes!("../data/jpeg.tif"), size, 0));
    folder.write("o.tif", &grown(include_bytes!("../data/opacity.tif"), size, 0));
    folder.write("p.tif", &grown(include_bytes!("../data/opacity.tif"), size, 1));
    folder.run("raster convert o.tif -o m.tif -b 1 -b 2 -b 3 -q --overwrite").expect(&[0]);
    // `a.tif` begins at 399960, 5300040, and a pixel is 10 m.
    let (width, height) = (f64::from(columns) * 10.0, f64::from(rows) * 10.0);
    let place =
        [399_960.0 + 0.1 * width, 5_300_040.0 - 0.93 * height, 399_960.0 + 0.9 * width, 5_300_040.0 - 0.1 * height];
    let place = place.map(|number| number.to_string()).join(",");
    folder.run(&format!("raster warp b.tif -b 1 -o g.tif --res 8.5 --bbox {place} -q --overwrite")).expect(&[0]);
}

/// Bytes of the pixels of the inputs of a verb, as they are in memory.
pub fn input_bytes(verb: &str, (columns, rows): Size) -> u64 {
    let pixel = |word: &str| match word.rsplit('=').next() {
        Some("a.tif" | "b.tif") => 4,
        Some("f.tif" | "l.tif") => 8,
        Some("j.tif" | "m.tif") => 3,
        Some("o.tif" | "p.tif") => 4,
        _ if word == "synth" => 6,
        _ => 0,
    };
    u64::from(columns) * u64::from(rows) * verb.split(' ').map(pixel).sum::<u64>()
}

/// A tiled TIFF of another size, by repeating the tiles of a classic one of one page, the first of which is `turn`.
fn grown(bytes: &[u8], (columns, rows): Size, turn: usize) -> Vec<u8> {
    let number = |at: usize, size: usize| {
        bytes[at..at + size].iter().rev().fold(0usize, |number, byte| number << 8 | usize::from(*byte))
    };
    assert_eq!(&bytes[..4], b"II*\0", "a classic TIFF, least byte first");
    let start = number(4, 4);
    // Tag, type, count, and where the values are.
    let entries: Vec<(usize, usize, usize, usize)> = (0..number(start, 2))
        .map(|position| start + 2 + 12 * position)
        .map(|at| {
            let (kind, count) = (number(at + 2, 2), number(at + 4, 4));
            let is_here = size_of_type(kind) * count <= 4;
            (number(at, 2), kind, count, if is_here { at + 8 } else { number(at + 8, 4) })
        })
        .collect();
    let find = |tag: usize| *entries.iter().find(|entry| entry.0 == tag).expect("a tag of tiles");
    let value = |tag: usize, position: usize| {
        let (_, kind, _, at) = find(tag);
        number(at + position * size_of_type(kind), size_of_type(kind))
    };
    let tiles = (columns as usize).div_ceil(value(322, 0)) * (rows as usize).div_ceil(value(323, 0));
    let [mut out, mut offsets, mut counts] = [bytes[..8].to_vec(), Vec::new(), Vec::new()];
    let push = |list: &mut Vec<u8>, number: usize| {
        list.extend(u32::try_from(number).expect("a classic TIFF").to_le_bytes());
    };
    for tile in 0..tiles {
        let which = (tile + turn) % find(324).2;
        push(&mut offsets, out.len());
        push(&mut counts, value(325, which));
        out.extend(&bytes[value(324, which)..][..value(325, which)]);
    }
    let mut directory = u16::try_from(entries.len()).expect("few tags").to_le_bytes().to_vec();
    for (tag, kind, count, at) in entries {
        let (kind, count, values) = match tag {
            256 => (4, 1, columns.to_le_bytes().to_vec()),
            257 => (4, 1, rows.to_le_bytes().to_vec()),
            324 => (4, tiles, offsets.clone()),
            325 => (4, tiles, counts.clone()),
            _ => (kind, count, bytes[at..at + size_of_type(kind) * count].to_vec()),
        };
        directory.extend([tag as u16, kind as u16].map(u16::to_le_bytes).concat());
        push(&mut directory, count);
        if values.len() <= 4 {
            directory.extend(values.iter().chain([0; 4].iter()).take(4));
        } else {
            out.resize(out.len().next_multiple_of(2), 0);
            push(&mut directory, out.len());
            out.extend(values);
        }
    }
    out.resize(out.len().next_multiple_of(2), 0);
    let start = u32::try_from(out.len()).expect("a classic TIFF");
    out[4..8].copy_from_slice(&start.to_le_bytes());
    out.extend(directory);
    out.extend([0; 4]);
    out
}

/// Bytes of a value of a type of TIFF.
fn size_of_type(kind: usize) -> usize {
    [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8][kind]
}

/// Each thread takes a little, so a run that is to fit takes as many as are named here.
pub fn smallest_ceiling(folder: &Folder, verb: &str, threads: u32) -> u64 {
    run(folder, verb, &format!("-m 2GB -j {threads} --explain")).expect(&[0]).figure("/smallest_ceiling")
}

/// Holds a run to its prediction and its ceiling.
pub fn assert_inside(outcome: &Outcome) {
    let (actual, predicted) = (outcome.figure("/memory/actual_peak"), outcome.figure("/memory/predicted_peak"));
    assert!(actual <= predicted, "{actual} bytes were used, {predicted} predicted\n{outcome}");
    assert!(predicted <= outcome.figure("/memory/ceiling"), "{outcome}");
    assert!(outcome.figure("/scratch/actual") <= outcome.figure("/scratch/predicted"), "more scratch\n{outcome}");
}
