//! Numbers against the standard library, bit for bit.

use super::super::kernel::{Kernel, Portable};
use super::super::number::Number;
use super::*;

/// The value as the engine has it: the short way where it works, else the long way.
fn engine<N: Number, K: Kernel>(kernel: K, text: &str) -> Option<N> {
    let mut padded = vec![b'7'; 16];
    padded.extend_from_slice(text.as_bytes());
    let tail = padded.last_chunk::<16>().expect("sixteen bytes");
    let short = (1..=16).contains(&text.len()).then(|| kernel.decimal(tail, text.len(), b'.')).flatten();
    short.and_then(N::from_decimal).or_else(|| N::from_text(text.as_bytes(), b'.'))
}

fn check(text: &str) {
    let finite32 = text.parse::<f32>().ok().filter(|value| value.is_finite()).map(f32::to_bits);
    let finite64 = text.parse::<f64>().ok().filter(|value| value.is_finite()).map(f64::to_bits);
    assert_eq!(engine::<f32, _>(Portable, text).map(f32::to_bits), finite32, "{text}");
    assert_eq!(engine::<f64, _>(Portable, text).map(f64::to_bits), finite64, "{text}");
    assert_eq!(engine::<i64, _>(Portable, text), text.parse().ok(), "{text}");
    assert_eq!(engine::<i32, _>(Portable, text), text.parse().ok(), "{text}");
    if let Level::Avx2(avx2) = Level::detect() {
        assert_eq!(engine::<f32, _>(avx2, text).map(f32::to_bits), finite32, "{text}");
        assert_eq!(engine::<f64, _>(avx2, text).map(f64::to_bits), finite64, "{text}");
        assert_eq!(engine::<i32, _>(avx2, text), text.parse().ok(), "{text}");
    }
}

#[test]
fn numbers_equal_those_of_the_standard_library_on_2_000_000_decimals() {
    for text in [
        "0",
        "-0",
        "-0.0",
        "16777217",
        "16777219",
        "33554433.0",
        "8388608.5",
        "9007199254740993",
        "0.1",
        "1e-45",
        "1e-46",
        "3.4028236e38",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "2.2250738585072011e-308",
        "5e-324",
        "00000000000000000000001",
        "1.00000005960464477539062500",
        "+",
        "-",
        ".",
        "e5",
        "1e5.",
        "1_0",
        "",
    ] {
        check(text);
    }
    let mut random = Random(11);
    let mut text = String::new();
    for case in 0..2_000_000u32 {
        text.clear();
        if random.below(4) == 0 {
            text.push(*random.pick(&['-', '+', '-']));
        }
        let digits = 1 + random.below(if case % 4 == 0 { 22 } else { 9 });
        let point = random.below(digits + 2);
        for i in 0..digits {
            if i == point {
                text.push('.');
            }
            text.push(char::from(b'0' + random.below(10) as u8));
        }
        if random.below(8) == 0 {
            text.push(*random.pick(&['e', 'E']));
            text.push_str(random.pick::<&str>(&["", "-", "+"]));
            text.push_str(&random.below(if case % 2 == 0 { 20 } else { 330 }).to_string());
        }
        check(&text);
    }
}

#[test]
fn points_half_way_between_two_floats_are_rounded_once() {
    let mut random = Random(12);
    for _ in 0..200_000 {
        let float = f32::from_bits(0x3f00_0000 + random.below(0x0c00_0000) as u32);
        let half = (f64::from(float) + f64::from(float.next_up())) / 2.0;
        let text = half.to_string();
        check(&text);
        let cut = text.len().min(9 + random.below(8));
        check(&text[..cut]);
    }
}
