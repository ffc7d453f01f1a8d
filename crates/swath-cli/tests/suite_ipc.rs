//! Arrow IPC as input: the same rows as from text and Parquet, the same bytes at any ceiling, resumed, and refused with
//! reasons.

use std::fs::File;
use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{DictionaryHandling, FileWriter, IpcWriteOptions, StreamWriter};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use swath_testkit::{Folder, Tree};

const WORDS: &str = "--partition none --target-file-size 1GB --max-rejects 100% --json";

/// How the rows of a Parquet file are written.
struct Written {
    name: &'static str,
    rows: usize,
    is_stream: bool,
    is_packed: bool,
}

const fn written(name: &'static str, rows: usize, is_stream: bool, is_packed: bool) -> Written {
    Written { name, rows, is_stream, is_packed }
}

/// In batches, and in one that is larger than any unit; packed ones of that kind are laid out first.
const LAYOUTS: [Written; 5] = [
    written("batches.arrow", 65_536, false, false),
    written("packed.feather", 50_000, false, true),
    written("stream.arrows", 20_000, true, true),
    written("one.arrow", 1 << 30, false, false),
    written("large.ipc", 1 << 30, true, true),
];

fn write(folder: &Folder, written: &Written) {
    let file = File::open(folder.at("in.parquet")).expect("a file");
    // A file has a dictionary once, and parts of lakes have one for each row group: texts then.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(!written.is_stream);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).expect("a footer");
    let batches: Vec<RecordBatch> = reader
        .with_batch_size(written.rows.min(1 << 20))
        .build()
        .expect("a reader")
        .collect::<Result<_, _>>()
        .expect("rows");
    let packing = written.is_packed.then_some(CompressionType::ZSTD);
    let options = IpcWriteOptions::default().try_with_compression(packing).expect("a feature");
    let (file, schema) = (File::create(folder.at(written.name)).expect("a file"), batches[0].schema());
    if written.is_stream {
        let mut writer = StreamWriter::try_new_with_options(file, &schema, options).expect("a writer");
        batches.iter().for_each(|batch| writer.write(batch).expect("rows"));
        writer.finish().expect("an end");
    } else {
        let mut writer = FileWriter::try_new_with_options(file, &schema, options).expect("a writer");
        batches.iter().for_each(|batch| writer.write(batch).expect("rows"));
        writer.finish().expect("a footer");
    }
}

/// A folder with a Parquet file that swath made of generated telemetry.
fn ready(options: &str) -> Folder {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", options);
    folder.run(&format!("sensor ingest in.csv -o first {WORDS} -m 256MB")).expect(&[0]);
    std::fs::rename(folder.at("first/part-00000.parquet"), folder.at("in.parquet")).expect("one part");
    folder
}

#[test]
fn a_part_of_a_lake_comes_out_as_it_went_in_at_any_ceiling() {
    let folder = ready("--rows 500000 --sensors 300 --malformed 0");
    let part = folder.read("in.parquet");
    for layout in &LAYOUTS {
        write(&folder, layout);
        let input = layout.name;
        let plan = folder.run(&format!("sensor ingest {input} -o lake {WORDS} --explain -m 1GB")).expect(&[0]);
        let smallest = plan.figure("/smallest_ceiling").div_ceil(1000);
        let mut first: Option<Tree> = None;
        for words in [format!("-m {smallest}kB -j 2"), "-m 48MB -j 1".into(), "-m 1GB -j 5".into()] {
            let outcome = folder.run(&format!("sensor ingest {input} -o lake {WORDS} {words}")).expect(&[0]);
            let rows = outcome.rows();
            assert_eq!((rows.read, rows.rejected, rows.duplicate), (rows.written, 0, 0), "{input}, {outcome}");
            let (peak, predicted) = (outcome.figure("/memory/actual_peak"), outcome.figure("/memory/predicted_peak"));
            let ceiling = outcome.figure("/memory/ceiling");
            assert!(peak <= predicted && predicted <= ceiling, "{input}, {words}: {outcome}");
            let tree = Tree::of(&folder.at("lake"));
            first.get_or_insert_with(|| tree.clone()).assert_same(&tree, &format!("{input}, {words}"));
            assert!(folder.read("lake/part-00000.parquet") == part, "{input}: the part is another one");
            folder.remove(&["lake"]);
        }
    }
}

#[test]
fn killed_and_resumed() {
    let folder = ready("--rows 500000 --sensors 300");
    for layout in [&LAYOUTS[1], &LAYOUTS[4]] {
        write(&folder, layout);
        let job = format!("sensor ingest {} -o lake {WORDS} -m 64MB -j 1", layout.name);
        folder.run(&job).expect(&[0]);
        let wanted = Tree::of(&folder.at("lake"));
        folder.remove(&["lake"]);
        for wait in [60, 150, 300, 450] {
            let running = folder.start(&job);
            std::thread::sleep(std::time::Duration::from_millis(wait));
            running.kill();
            if folder.at(".lake.partial").exists() || !folder.at("lake").exists() {
                folder.run(&format!("{job} --resume")).expect(&[0]);
            }
            wanted.assert_same(&Tree::of(&folder.at("lake")), &format!("{}, killed after {wait} ms", layout.name));
            folder.remove(&["lake"]);
        }
    }
}

#[test]
fn it_comes_from_standard_input_and_out_of_what_is_packed() {
    let folder = ready("--rows 60000 --sensors 50 --malformed 0");
    let part = folder.read("in.parquet");
    write(&folder, &LAYOUTS[2]);
    let whole = folder.read("stream.arrows");
    folder.write("in.arrows.zst", &zstd::encode_all(&whole[..], 1).expect("packed"));
    folder.write("in.parquet.zst", &zstd::encode_all(&part[..], 1).expect("packed"));
    for (line, input) in [
        ("sensor ingest in.arrows.zst", None),
        ("sensor ingest in.parquet.zst", None),
        ("sensor ingest -", Some("stream.arrows")),
    ] {
        let mut command = folder.command(&format!("{line} -o lake {WORDS} -m 64MB"));
        if let Some(input) = input {
            command.stdin(File::open(folder.at(input)).expect("a file"));
        }
        let done = command.output().expect("runs");
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        assert!(folder.read("lake/part-00000.parquet") == part, "{line}");
        folder.remove(&["lake"]);
    }
}

#[test]
fn rejects_name_the_row_and_columns_are_told() {
    let folder = ready("--rows 5000 --sensors 50");
    write(&folder, &LAYOUTS[0]);
    let (arrow, parquet) = (folder.run("sensor schema batches.arrow"), folder.run("sensor schema in.parquet"));
    let columns = |text: &str| text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    assert_eq!(columns(&arrow.stdout), columns(&parquet.stdout));
    let text = arrow.stdout.replacen("[columns.pm25]\n", "[columns.pm25]\nmax = 20.0\n", 1);
    folder.write("s.toml", text.as_bytes());
    let mut rejects = Vec::new();
    for input in ["batches.arrow", "in.parquet"] {
        folder.run(&format!("sensor ingest {input} -o lake --schema s.toml {WORDS} -m 64MB")).expect(&[0]);
        let told = String::from_utf8(folder.read("lake/_swath/rejects.ndjson")).expect("text");
        rejects.push(told.replace(input, "INPUT"));
        folder.remove(&["lake"]);
    }
    assert!(rejects[0].contains("out_of_range") && rejects[0] == rejects[1], "{}", &rejects[0][..400]);
    let told = folder.run("info batches.arrow").expect(&[0]).stdout;
    for wanted in ["arrow", "exact", "record batches", "compression", "none", "sensor_id"] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = ready("--rows 20000 --sensors 5");
    write(&folder, &LAYOUTS[0]);
    let whole = folder.read("batches.arrow");
    folder.write("cut.arrow", &whole[..whole.len() / 2]);
    folder.write("renamed.csv", &whole);
    let mut broken = whole.clone();
    let place = broken.len() - 10;
    broken[place - 300..place].fill(0xff);
    folder.write("broken.arrow", &broken);
    folder.write("old.feather", b"FEA1\0\0\0\0\0\0\0\0FEA1");
    folder.write("short.arrow", b"ARROW1\0\0");
    for (input, code, wanted) in [
        ("batches.arrow in.csv", 2, "the inputs are of two kinds"),
        ("cut.arrow", 5, "wanted an Arrow file that ends in its footer and ARROW1"),
        ("broken.arrow", 5, "the footer cannot be read"),
        ("old.feather", 5, "it is Feather of version 1"),
        ("short.arrow", 5, "the file has 8 bytes"),
    ] {
        let outcome = folder.run(&format!("sensor ingest {input} -o lake -m 64MB")).expect(&[code]);
        let text = outcome.error_text();
        assert!(text.contains(wanted) && text.contains("hint:"), "{input}: {text}");
        assert!(!folder.at("lake").exists() && !folder.at(".lake.partial").exists(), "{input}");
    }
    folder.run(&format!("sensor ingest renamed.csv -o lake {WORDS} -m 64MB")).expect(&[0]);
    folder.run(&format!("sensor ingest batches.arrow in.parquet -o both {WORDS} -m 64MB")).expect(&[0]);
}

#[test]
fn files_that_are_cut_or_changed_never_do_worse_than_be_refused() {
    let folder = ready("--rows 3000 --sensors 20 --malformed 0");
    for layout in [written("file.arrow", 1_000, false, false), written("packed.arrows", 1_000, true, true)] {
        write(&folder, &layout);
        let whole = folder.read(layout.name);
        let mut dice = swath_testkit::Dice::new(7);
        for round in 0..60 {
            let mut changed = whole.clone();
            if round % 6 == 0 {
                changed.truncate(dice.below(whole.len()));
            } else {
                let (from, to) = [(0, 3_000), (whole.len() - 3_000, whole.len()), (0, whole.len())][round % 3];
                changed[from + dice.below(to - from)] = dice.draw() as u8;
            }
            folder.write("changed", &changed);
            let outcome = folder.run(&format!("sensor ingest changed -o lake {WORDS} -m 64MB"));
            let outcome = outcome.expect(&[0, 2, 3, 5, 7]);
            assert!(!outcome.stderr.contains("panicked"), "{outcome}");
            folder.remove(&["lake"]);
        }
    }
}

/// Rows of a batch with dictionaries.
const CODED_ROWS: usize = 5_000;

/// A batch of a sensor, times, and columns of a few entries of their dictionaries, from both ends and between.
fn coded(number: usize, dictionaries: &[(&'static str, ArrayRef)]) -> RecordBatch {
    let rows = number * CODED_ROWS..(number + 1) * CODED_ROWS;
    let times = rows.clone().map(|row| 1_740_000_000_000_000 + row as i64 * 1_000_000);
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("sensor_id", Arc::new(StringArray::from_iter_values(rows.clone().map(|row| format!("s{}", row % 9))))),
        ("time", Arc::new(TimestampMicrosecondArray::from_iter_values(times))),
    ];
    for (name, entries) in dictionaries {
        let count = entries.len();
        let codes = Int32Array::from_iter(
            rows.clone().map(|row| (row % 11 != 3).then_some((row % 50 * (count - 1) / 49) as i32)),
        );
        columns.push((name, Arc::new(DictionaryArray::<Int32Type>::new(codes, Arc::clone(entries)))));
    }
    RecordBatch::try_from_iter(columns).expect("columns")
}

fn texts(from: usize, upto: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values((from..upto).map(|entry| format!("device-{entry:0>93}"))))
}

fn write_stream(folder: &Folder, name: &str, batches: &[RecordBatch], options: IpcWriteOptions) {
    let file = File::create(folder.at(name)).expect("a file");
    let mut writer = StreamWriter::try_new_with_options(file, &batches[0].schema(), options).expect("a writer");
    batches.iter().for_each(|batch| writer.write(batch).expect("rows"));
    writer.finish().expect("an end");
}

/// What is told as the smallest ceiling does do, down to `least` kB all less is refused with it, and the lake is the same
/// as with plenty.
fn fits_where_it_is_said_to(folder: &Folder, input: &str, least: u64) -> u64 {
    let job = format!("sensor ingest {input} -o lake {WORDS} -j 1");
    let plan = folder.run(&format!("{job} --explain -m 2GB")).expect(&[0]);
    let smallest = plan.figure("/smallest_ceiling").div_ceil(1000);
    for less in [smallest - 10, (smallest / 2).max(least), least] {
        let refused = folder.run(&format!("{job} -m {less}kB")).expect(&[3]).stderr;
        let told = format!("--memory {}MB would do", smallest.div_ceil(1000));
        assert!(refused.contains(&told), "{input} with {less} kB, wanted {told:?}: {refused}");
        assert!(!folder.at("lake").exists(), "{input} with {less} kB");
    }
    let mut trees = Vec::new();
    for ceiling in [format!("{smallest}kB"), "2GB".into()] {
        let outcome = folder.run(&format!("{job} -m {ceiling}")).expect(&[0]);
        let rows = outcome.rows();
        assert_eq!((rows.read, rows.rejected), (rows.written, 0), "{input} with {ceiling}: {outcome}");
        let (peak, ceiling) = (outcome.figure("/memory/actual_peak"), outcome.figure("/memory/ceiling"));
        assert!(peak <= ceiling, "{input}: {peak} of {ceiling}");
        trees.push(Tree::of(&folder.at("lake")));
        folder.remove(&["lake"]);
    }
    trees[0].assert_same(&trees[1], input);
    smallest * 1000
}

#[test]
fn dictionaries_that_grow_fit_where_they_are_said_to() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let deltas = || IpcWriteOptions::default().with_dictionary_handling(DictionaryHandling::Delta);
    let grown = |number: usize| texts(0, 10_000 * (number + 1));
    let batches: Vec<RecordBatch> = (0..24).map(|number| coded(number, &[("device", grown(number))])).collect();
    write_stream(&folder, "grown.arrows", &batches, deltas());
    assert!(fits_where_it_is_said_to(&folder, "grown.arrows", 18_000) > 24_000_000);
    let numbers =
        |number: usize| -> ArrayRef { Arc::new(Int32Array::from_iter_values(0..400_000 * (number as i32 + 1))) };
    let both = |number: usize| coded(number, &[("device", grown(number)), ("count", numbers(number))]);
    write_stream(&folder, "two.arrows", &(0..8).map(both).collect::<Vec<_>>(), deltas());
    fits_where_it_is_said_to(&folder, "two.arrows", 18_000);
    // Replaced by smaller and larger ones.
    let replaced = [60_000, 90_000, 20_000, 120_000, 50_000].into_iter().enumerate();
    let replaced = replaced.map(|(number, entries)| coded(number, &[("device", texts(entries, 2 * entries))]));
    write_stream(&folder, "replaced.arrows", &replaced.collect::<Vec<_>>(), IpcWriteOptions::default());
    fits_where_it_is_said_to(&folder, "replaced.arrows", 18_000);
}

/// Views of pieces of one text: together they are far longer than it.
fn pieces_of_one_text(count: u32, length: u32) -> StringViewArray {
    let mut views = StringViewBuilder::new();
    let text: Vec<u8> = (0..2 * length).map(|at| b'a' + (at * at % 23) as u8).collect();
    let block = views.append_block(text.into());
    for entry in 0..count {
        views.try_append_view(block, entry % length, length).expect("a view");
        if entry % 7 == 0 {
            views.append_null();
        }
    }
    views.finish()
}

#[test]
fn views_that_share_a_text_are_counted_each() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let shared: ArrayRef = Arc::new(pieces_of_one_text(20_000, 3_000));
    for (name, packing) in [("shared.arrows", None), ("packed.arrows", Some(CompressionType::ZSTD))] {
        let options = IpcWriteOptions::default().try_with_compression(packing).expect("a feature");
        write_stream(&folder, name, &[coded(0, &[("text", Arc::clone(&shared))])], options);
        assert!(folder.read(name).len() < 500_000);
        // Texts of the dictionary, which the file has once.
        assert!(fits_where_it_is_said_to(&folder, name, 18_000) > 20_000 * 3_000);
    }
}

#[test]
fn texts_are_counted_whole_where_a_sample_shows_their_beginning() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let shared: ArrayRef = Arc::new(pieces_of_one_text(1_500, 40_000));
    write_stream(&folder, "views.arrows", &[coded(0, &[("text", shared)])], IpcWriteOptions::default());
    assert!(fits_where_it_is_said_to(&folder, "views.arrows", 18_000) > 1_500 * 40_000);
}

#[test]
fn names_with_white_space_are_found() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let column = |values: [f64; 3]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
    let sensors: ArrayRef = Arc::new(StringArray::from_iter_values(["a", "b", "c"]));
    let times: ArrayRef =
        Arc::new(StringArray::from_iter_values((1..4).map(|day| format!("2025-03-0{day}T00:00:00Z"))));
    let batch = RecordBatch::try_from_iter([
        ("sensor_id", sensors),
        (" time", times),
        (" pm25\u{a0}", column([1.5, 2.5, 3.5])),
    ])
    .expect("columns");
    write_stream(&folder, "in.arrows", &[batch], IpcWriteOptions::default());
    folder.write(
        "in.csv",
        b"sensor_id, time, pm25\na,2025-03-01T00:00:00Z,1.5\nb,2025-03-02T00:00:00Z,2.5\nc,2025-03-03T00:00:00Z,3.5\n",
    );
    for input in ["in.arrows", "in.csv"] {
        let outcome =
            folder.run(&format!("sensor ingest {input} -o {input}.lake --partition none --json")).expect(&[0]);
        assert!(!outcome.stderr.contains("pm25"), "{outcome}");
    }
    let part = |input: &str| folder.read(&format!("{input}.lake/part-00000.parquet"));
    assert!(part("in.arrows") == part("in.csv"), "columns with white space around their names are other ones");
}

#[test]
fn samples_of_few_bytes_that_make_much_text_are_bounded() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let long = |number: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter_values([format!("{number:0>4000}"), "short".into()]))
    };
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let columns: Vec<(&str, ArrayRef)> = names.into_iter().enumerate().map(|(at, name)| (name, long(at))).collect();
    let batches: Vec<RecordBatch> = (0..3).map(|number| coded(number, &columns)).collect();
    write_stream(&folder, "long.arrows", &batches, IpcWriteOptions::default());
    assert!(folder.read("long.arrows").len() < 2_000_000);
    let job = "sensor ingest long.arrows -o lake -j 1";
    let refused = folder.run(&format!("{job} -m 24MB --json")).expect(&[3]);
    assert!(refused.stderr.contains("would do"), "{refused}");
}

#[test]
fn packed_views_that_are_many_are_laid_out_first() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let many: ArrayRef =
        Arc::new(StringViewArray::from_iter_values((0..80_000).map(|entry| format!("a text of some length {entry}"))));
    let packing = Some(CompressionType::ZSTD);
    let options = IpcWriteOptions::default().try_with_compression(packing).expect("a feature");
    write_stream(&folder, "many.arrows", &[coded(0, &[("text", many)])], options);
    // Unpacking takes 21 MB before there is a plan.
    fits_where_it_is_said_to(&folder, "many.arrows", 22_000);
}
