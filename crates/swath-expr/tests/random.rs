//! Random expressions over random inputs, against the oracle: 3,000 sets of one to three expressions by default and
//! 100,000 with `SWATH_TEST_FULL=1`, each in both working types and with both forms of the loops.
#![allow(clippy::unwrap_used)]

mod common;

use common::{INPUTS, Random, Tree, narrow, wide};
use swath_expr::{
    Bindings, Expression, InputStrip, InputValues, Kernels, OutputStrip, Program, STRIP, Scratch, Source,
};

/// Values of one input, of whatever type.
enum Column {
    UInt8(Vec<u8>),
    Int8(Vec<i8>),
    UInt16(Vec<u16>),
    Int16(Vec<i16>),
    UInt32(Vec<u32>),
    Int32(Vec<i32>),
    UInt64(Vec<u64>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
}

macro_rules! for_column {
    ($column:expr, $values:ident => $body:expr) => {
        match $column {
            Column::UInt8($values) => $body,
            Column::Int8($values) => $body,
            Column::UInt16($values) => $body,
            Column::Int16($values) => $body,
            Column::UInt32($values) => $body,
            Column::Int32($values) => $body,
            Column::UInt64($values) => $body,
            Column::Int64($values) => $body,
            Column::Float32($values) => $body,
            Column::Float64($values) => $body,
        }
    };
}

const FLOATS: [f64; 18] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.5,
    -2.5,
    3.0,
    0.1,
    1e30,
    -1e30,
    3.4e38,
    1e-40,
    1e300,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    1e-310,
];

impl Column {
    fn random(random: &mut Random, length: usize) -> Column {
        // Small numbers, so that values meet; now and then any bits at all.
        fn whole(random: &mut Random) -> i64 {
            let any = random.next() as i64;
            if random.below(6) == 0 { any } else { any.rem_euclid(13) - 4 }
        }
        fn float(random: &mut Random) -> f64 {
            match random.below(4) {
                0 => random.pick(&FLOATS),
                1 => (random.below(2001) as f64 - 1000.0) / 8.0,
                2 => random.below(1_000_000) as f64 / 1e6,
                _ => random.below(7) as f64,
            }
        }
        fn many<T>(length: usize, mut next: impl FnMut() -> T) -> Vec<T> {
            (0..length).map(|_| next()).collect()
        }
        match random.below(10) {
            0 => Column::UInt8(many(length, || whole(random) as u8)),
            1 => Column::Int8(many(length, || whole(random) as i8)),
            2 => Column::UInt16(many(length, || whole(random) as u16)),
            3 => Column::Int16(many(length, || whole(random) as i16)),
            4 => Column::UInt32(many(length, || whole(random) as u32)),
            5 => Column::Int32(many(length, || whole(random) as i32)),
            6 => Column::UInt64(many(length, || whole(random) as u64)),
            7 => Column::Int64(many(length, || whole(random))),
            8 => Column::Float32(many(length, || float(random) as f32)),
            _ => Column::Float64(many(length, || float(random))),
        }
    }

    fn values(&self) -> InputValues<'_> {
        for_column!(self, values => values[..].into())
    }
}

/// Inputs of a case: values, and for some which are valid.
struct Data {
    columns: Vec<(Column, Option<Vec<u8>>)>,
    length: usize,
}

impl Data {
    fn random(random: &mut Random, length: usize) -> Data {
        let columns = INPUTS.map(|_| {
            let masked = random.below(2) == 0;
            let validity = masked.then(|| (0..length).map(|_| u8::from(random.below(6) > 0)).collect());
            (Column::random(random, length), validity)
        });
        Data { columns: columns.into(), length }
    }
}

const SOURCES: [Source<'_>; 4] = [
    Source { name: "nir", bands: 1 },
    Source { name: "red_2", bands: 1 },
    Source { name: "a", bands: 3 },
    Source { name: "é", bands: 1 },
];

/// Runs the text in both forms of the loops, which must agree, and compares with the oracle value by value.
macro_rules! check {
    ($name:ident, $type:ty, $evaluate:path) => {
        fn $name(text: &str, trees: &[Tree], data: &Data, valid: &mut [usize; 2]) {
            let expressions = Expression::parse_list(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
            assert_eq!(expressions.len(), trees.len(), "{text}");
            let bindings = Bindings::resolve(&expressions, &SOURCES).unwrap();
            let program = Program::<$type>::compile(&expressions, &bindings).unwrap();
            let first = [0, 1, 2, 5];
            let inputs = bindings.slots().iter().map(|slot| {
                let (column, validity) = &data.columns[first[slot.source] + slot.band as usize - 1];
                InputStrip { values: column.values(), validity: validity.as_deref() }
            });
            let inputs: Vec<InputStrip<'_>> = inputs.collect();
            let oracle: Vec<Vec<Option<$type>>> = (0..data.length)
                .map(|index| {
                    let value = |(column, validity): &(Column, Option<Vec<u8>>)| {
                        let value = for_column!(column, values => values[index] as $type);
                        let valid = validity.as_ref().is_none_or(|validity| validity[index] == 1);
                        Some(value).filter(|value| valid && value.is_finite())
                    };
                    data.columns.iter().map(value).collect()
                })
                .collect();
            for kernels in [Kernels::portable(), Kernels::detect()] {
                let mut scratch = Scratch::with_kernels(&program, kernels);
                let mut buffers: Vec<_> =
                    trees.iter().map(|_| (vec![7.0; data.length], vec![9; data.length])).collect();
                let outputs = buffers.iter_mut().map(|(values, validity)| OutputStrip::new(values, validity));
                let mut outputs: Vec<_> = outputs.collect();
                let all_valid = program.run(&mut scratch, &inputs, &mut outputs).unwrap();
                assert_eq!(all_valid, outputs.iter().all(|output| output.all_valid));
                for (tree, output) in trees.iter().zip(&outputs) {
                    assert_eq!(output.all_valid, output.validity.iter().all(|valid| *valid == 1));
                    for (index, inputs) in oracle.iter().enumerate() {
                        let wanted = $evaluate(tree, inputs);
                        valid[usize::from(wanted.is_some())] += 1;
                        let got = (output.validity[index], output.values[index].to_bits());
                        let bits = (u8::from(wanted.is_some()), wanted.unwrap_or(<$type>::NAN).to_bits());
                        assert!(
                            got == bits,
                            "{text}\nvalue {index}, {kernels:?}: wanted {wanted:?}, got {:?} ({}) from {inputs:?}",
                            output.values[index],
                            output.validity[index]
                        );
                    }
                }
            }
        }
    };
}

check!(check_narrow, f32, narrow::evaluate);
check!(check_wide, f64, wide::evaluate);

#[test]
fn random_expressions_equal_the_oracle() {
    let full = std::env::var_os("SWATH_TEST_FULL").is_some_and(|value| value == "1");
    let mut valid = [0; 2];
    for seed in 0..if full { 100_000 } else { 3_000 } {
        let random = &mut Random::new(seed + 1);
        let trees: Vec<Tree> = (0..1 + random.below(3))
            .map(|_| {
                let depth = 1 + random.below(5);
                Tree::random(random, depth)
            })
            .collect();
        let texts: Vec<String> = trees.iter().map(|tree| tree.text(random)).collect();
        let text = texts.join(random.pick(&[";", ", "]));
        let length = match seed % 50 {
            0 => random.pick(&[STRIP - 1, STRIP, STRIP + 1, 2 * STRIP, 2 * STRIP + 17]),
            _ => random.below(100),
        };
        let data = Data::random(random, length);
        check_narrow(&text, &trees, &data, &mut valid);
        check_wide(&text, &trees, &data, &mut valid);
    } // Neither kind of value may be so rare that nothing was compared.
    let [invalid, valid] = valid;
    assert!(valid > 1_000_000 && invalid > 1_000_000, "{valid} valid, {invalid} invalid");
}

#[test]
fn any_words_are_read_or_refused_with_a_place() {
    const WORDS: [&str; 40] = [
        "1", "2.5", ".", "1e", "nir", "a", "é", "a[*]", "a[2]", "[", "]", "*", "**", "+", "-", "/", "%", "^", "<",
        "<=", "==", "=", "!", "!=", "&&", "&", "or", "and", "not", "(", ")", "?", ":", ",", ";", "min(", "where(",
        "nodata", "\n", "日",
    ];
    let mut read = 0;
    for seed in 0..100_000 {
        let random = &mut Random::new(seed + 1);
        let words: Vec<&str> = (0..1 + random.below(8)).map(|_| random.pick(&WORDS)).collect();
        let text = words.join(random.pick(&["", " "]));
        let bound = Expression::parse_list(&text).and_then(|expressions| {
            let bindings = Bindings::resolve(&expressions, &SOURCES)?;
            Program::<f32>::compile(&expressions, &bindings)
        });
        match bound {
            Ok(_) => read += 1,
            Err(error) => {
                assert!(text.is_char_boundary(error.position), "{text:?} {}", error.position);
                assert!(error.to_string().contains('^'), "{text:?}");
            }
        }
    }
    assert!(read > 1000, "{read}");
}
