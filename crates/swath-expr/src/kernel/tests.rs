//! Every loop in both forms against the rule for a single value, and every rule against what validity asks of it.

use super::loops::{Operand, select};
use super::{Binary, Kernels, Unary, store};
use crate::strip::InputStrip;
use crate::working::Working;

/// Values that are easily got wrong, then some without a pattern.
fn values<T: Working>(seed: u64) -> Vec<T> {
    let special = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        0.499_999_97,
        0.499_999_999_999_999_94,
        1.5,
        2.5,
        -2.5,
        3.0,
        8_388_609.0,
        4_503_599_627_370_497.0,
        1e-45,
        5e-324,
        1.2e-38,
        3.4e38,
        -3.4e38,
        1.7e308,
        1e-300,
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        std::f64::consts::PI,
        1e22,
    ];
    let mut state = seed | 1;
    let random = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        T::from_low_bits(state)
    });
    special.into_iter().map(T::from_f64).chain(random.take(100)).collect()
}

/// Bits, but that one NaN is as good as another: which one comes out is left to the processor until results are stored.
fn bits<T: Working>(values: &[T]) -> Vec<u64> {
    values.iter().map(|value| if value.to_f64().is_nan() { u64::MAX } else { value.to_low_bits() }).collect()
}

/// All pairs of the special values, as two strips.
fn pairs<T: Working>() -> (Vec<T>, Vec<T>) {
    let (left, right) = (values::<T>(1), values::<T>(2));
    let pairs = left.iter().flat_map(|left| right.iter().map(|right| (*left, *right)));
    pairs.unzip()
}

fn check_unary<T: Working>() {
    let all = values::<T>(3);
    for operation in Unary::ALL {
        let wanted: Vec<T> = all.iter().map(|value| operation.apply(*value)).collect();
        for kernels in [Kernels::portable(), Kernels::detect()] {
            for length in [0, 1, 7, 8, 9, 31, all.len()] {
                let mut got = vec![T::ONE; length];
                operation.run(kernels, &all[..length], &mut got);
                assert_eq!(bits(&got), bits(&wanted[..length]), "{operation:?} {kernels:?} {length}");
            }
        }
    }
}

fn check_binary<T: Working>() {
    let (left, right) = pairs::<T>();
    let constant = T::from_f64(-2.5);
    for operation in Binary::ALL {
        let forms = [
            (Operand::Strip(&left[..]), Operand::Strip(&right[..])),
            (Operand::Strip(&left[..]), Operand::Constant(constant)),
            (Operand::Constant(constant), Operand::Strip(&right[..])),
            (Operand::Constant(constant), Operand::Constant(T::ONE)),
        ];
        for (first, second) in forms {
            let at = |operand, index: usize| match operand {
                Operand::Strip(values) => values[index],
                Operand::Constant(value) => value,
            };
            let wanted: Vec<T> =
                (0..left.len()).map(|index| operation.apply(at(first, index), at(second, index))).collect();
            for kernels in [Kernels::portable(), Kernels::detect()] {
                let mut got = vec![T::ONE; left.len()];
                operation.run(kernels, first, second, &mut got);
                assert!(bits(&got) == bits(&wanted), "{operation:?} {kernels:?}");
            }
        }
    }
}

#[test]
fn loops_equal_their_rules() {
    check_unary::<f32>();
    check_unary::<f64>();
    check_binary::<f32>();
    check_binary::<f64>();
}

fn check_validity<T: Working>() {
    for operation in Unary::ALL {
        for value in values::<T>(4).into_iter().filter(|value| !value.is_valid()) {
            let knows = matches!(operation, Unary::IsNodata | Unary::IsValid | Unary::ZeroIfInvalid);
            assert_eq!(operation.apply(value).is_valid(), knows, "{operation:?} {value:?}");
        }
    }
    let (left, right) = pairs::<T>();
    for operation in Binary::ALL {
        for (left, right) in left.iter().copied().zip(right.iter().copied()) {
            let valid = operation.apply(left, right).is_valid();
            match operation {
                Binary::ValidMinimum | Binary::ValidMaximum => {
                    assert_eq!(valid, left.is_valid() | right.is_valid(), "{operation:?} {left:?} {right:?}");
                }
                _ if left.is_valid() & right.is_valid() => {}
                _ => assert!(!valid, "{operation:?} {left:?} {right:?}"),
            }
        }
    }
}

#[test]
fn invalid_operands_make_invalid_results() {
    check_validity::<f32>();
    check_validity::<f64>();
}

fn check_select<T: Working>() {
    let (yes, condition) = pairs::<T>();
    let no: Vec<T> = yes.iter().rev().copied().collect();
    let constant = T::from_f64(7.0);
    let forms = [
        (Operand::Strip(&yes[..]), Operand::Strip(&no[..])),
        (Operand::Constant(constant), Operand::Strip(&no[..])),
        (Operand::Strip(&yes[..]), Operand::Constant(constant)),
        (Operand::Constant(constant), Operand::Constant(T::NAN)),
    ];
    for (first, second) in forms {
        let at = |operand, index: usize| match operand {
            Operand::Strip(values) => values[index],
            Operand::Constant(value) => value,
        };
        let wanted: Vec<T> = (0..yes.len())
            .map(|index| match condition[index] {
                condition if !condition.is_valid() => T::NAN,
                condition if condition != T::ZERO => at(first, index),
                _ => at(second, index),
            })
            .collect();
        for kernels in [Kernels::portable(), Kernels::detect()] {
            let mut got = vec![T::ONE; yes.len()];
            select(kernels, &condition, first, second, &mut got);
            assert!(bits(&got) == bits(&wanted), "{kernels:?}");
        }
    }
}

#[test]
fn choices_take_what_the_condition_says() {
    check_select::<f32>();
    check_select::<f64>();
}

fn check_load<T: Working>(input: InputStrip<'_>, wanted: &[T]) {
    for kernels in [Kernels::portable(), Kernels::detect()] {
        for start in [0, 1, 5] {
            let mut got = vec![T::ONE; wanted.len() - start];
            T::load(kernels, &input, start, &mut got);
            assert_eq!(bits(&got), bits(&wanted[start..]), "{kernels:?} {start} {:?}", input.values);
        }
    }
}

#[test]
fn inputs_are_converted_to_nearest() {
    macro_rules! check {
        ($($type:ty: $($extra:expr),*;)*) => {$({
            let mut values: Vec<$type> = vec![<$type>::MIN, <$type>::MAX, 0 as $type, 1 as $type, $($extra),*];
            values.extend((0..50).map(|index| (index * 5 + 3) as $type));
            let validity: Vec<u8> = (0..values.len()).map(|index| [0, 1, 255, 1][index % 4]).collect();
            let masked = InputStrip::masked(&values[..], &validity);
            let valid = InputStrip::valid(&values[..]);
            let narrow: Vec<f32> = values.iter().map(|value| *value as f32).collect();
            let wide: Vec<f64> = values.iter().map(|value| *value as f64).collect();
            check_load(valid, &narrow);
            check_load(valid, &wide);
            let hidden = |index: usize| validity[index] == 0;
            let narrow: Vec<f32> =
                narrow.iter().enumerate().map(|(index, value)| if hidden(index) { f32::NAN } else { *value }).collect();
            let wide: Vec<f64> =
                wide.iter().enumerate().map(|(index, value)| if hidden(index) { f64::NAN } else { *value }).collect();
            check_load(masked, &narrow);
            check_load(masked, &wide);
        })*};
    }
    check! {
        u8: 127; i8: -1; u16: 32_768; i16: -2; u32: 16_777_217, 0x8000_0080, 0x8000_0081; i32: 16_777_217, -16_777_219;
        u64: 9_007_199_254_740_993, 0x8000_0000_0000_0401, 0x8000_0080_0000_0001, 0xffff_ff7f_ffff_ffff;
        i64: -9_007_199_254_740_993, 0x4000_0040_0000_0001;
        f32: f32::NAN, f32::INFINITY, -0.0; f64: f64::NAN, f64::NEG_INFINITY, 1e39, 1e-50, 16_777_217.0, 1.000_000_059_604_644_8;
    }
}

fn check_store<T: Working>() {
    let all = values::<T>(5);
    for kernels in [Kernels::portable(), Kernels::detect()] {
        for length in [0, 1, 3, 21, 22, all.len()] {
            let (mut values, mut validity) = (vec![T::ONE; length], vec![9; length]);
            let valid = store(kernels, &all[..length], &mut values, &mut validity);
            assert_eq!(valid, all[..length].iter().all(|value| value.is_valid()));
            for (index, value) in values.iter().enumerate() {
                let is_valid = all[index].is_valid();
                let wanted = if is_valid { all[index] } else { T::NAN };
                assert_eq!((validity[index], value.to_low_bits()), (u8::from(is_valid), wanted.to_low_bits()));
            }
        }
    }
}

#[test]
fn results_say_what_is_valid() {
    check_store::<f32>();
    check_store::<f64>();
}
