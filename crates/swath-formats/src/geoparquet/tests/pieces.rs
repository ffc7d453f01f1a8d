//! The small parts: rounding of boxes, shortened statistics, refused layouts, context sizes.

use super::*;
use crate::geoparquet::compress::{Compressor, context_bytes_max};
use crate::geoparquet::geometry::{float_above, float_below};
use crate::geoparquet::hybrid::{index_width, indices_bytes_max, put_indices};
use crate::geoparquet::statistics::{Edge, Range};
use swath_core::Error;

#[test]
fn boxes_round_outward() {
    let tiny = f64::from(f32::MIN_POSITIVE) / 1e12;
    for value in [0.0, -0.0, 0.1, -0.1, 52.5200066, -180.0, 1.0, tiny, -tiny, 1e300, -1e300, 500_000.123] {
        let (below, above) = (f64::from(float_below(value)), f64::from(float_above(value)));
        assert!(below <= value && value <= above, "{below} {value} {above}");
        let exact = f64::from(value as f32) == value;
        assert_eq!(exact, below == above, "{value}");
        assert!(exact || float_below(value).next_up() == float_above(value), "{value}: more than one step");
    }
}

#[test]
fn long_text_is_shortened_between_characters() {
    let check = |text: &str, min: &str, max: &str| {
        let range = Range::of_text(text, text);
        assert_eq!(range.page_bytes(), Some((min.into(), max.into())), "{text}");
        assert_eq!(range.min, Edge::Text(min.into(), min == text));
        assert!(min <= text && text <= max);
    };
    let a64 = "a".repeat(64);
    let a63 = "a".repeat(63);
    check("short", "short", "short");
    check(&a64, &a64, &a64);
    check(&format!("{a64}b"), &a64, &format!("{a63}b"));
    check(&format!("{a63}é"), &a63, &format!("{}b", "a".repeat(62)));
    let last = "\u{10ffff}".repeat(16);
    check(&format!("{a63}{last}"), &a63, &format!("{}b", "a".repeat(62)));
    assert_eq!(Range::of_text("a", &format!("{last}{last}")).max, Edge::Unbounded);
    let before_surrogates = format!("{}\u{d7ff}", "a".repeat(61));
    check(&format!("{before_surrogates}zz"), &before_surrogates, &format!("{}\u{e000}", "a".repeat(61)));
}

#[test]
fn indices_stay_within_their_bound() {
    let mut numbers = Numbers(9);
    for width in 1..=20 {
        for run in [1, 3, 7, 8, 9, 16, 17, 500] {
            let values: Vec<u32> = (0..5_000)
                .scan(0, |value, row| {
                    if row % run == 0 {
                        *value = numbers.next() as u32 & ((1 << width) - 1)
                    }
                    Some(*value)
                })
                .collect();
            let mut out = Vec::new();
            put_indices(&values, width, &mut out);
            assert!(out.len() <= indices_bytes_max(values.len(), width), "width {width}, runs of {run}: {}", out.len());
        }
    }
    for (count, width) in [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (16_384, 14), (16_385, 15)] {
        assert_eq!(index_width(count), width, "{count}");
    }
}

#[test]
fn contexts_stay_within_their_bound() {
    let mut numbers = Numbers(3);
    let noise: Vec<u8> = (0..1 << 20).map(|_| numbers.next() as u8 & 0x3f).collect();
    let kinds = [1, 2, 3, 4, 6, 9, 12, 15, 19, 22].map(|level| LakeCompression::Zstd { level });
    for kind in kinds {
        let mut compressor = Compressor::new(kind).unwrap();
        let mut packed = Vec::new();
        for page in [&noise[..100], &noise[..500_000], &noise[..]] {
            compressor.compress(page, &mut packed).unwrap();
        }
        let (got, most) = (compressor.context_bytes(), context_bytes_max(kind));
        assert!(got <= most, "{kind:?}: {got} of {most}");
    }
}

#[test]
fn layouts_that_no_lake_can_have() {
    let float = |name: &str| Field::new(name, DataType::Float64, true);
    let check = |changed: LakeColumns, wanted: &str| match LakeLayout::new(changed) {
        Err(Error::Usage { message, .. }) => assert!(message.contains(wanted), "{message}"),
        other => panic!("{wanted}: {other:?}"),
    };
    let usual = columns(vec![float("lon"), float("lat")], points(0, 1));
    check(columns(vec![Field::new("c", DataType::UInt8, true)], None), "which a lake does not hold");
    check(columns(vec![float("a"), float("a")], None), "two columns");
    check(columns(vec![float("lon")], points(0, 1)), "wanted Float64");
    check(columns(vec![float("lon"), float("geometry")], points(0, 1)), "name of the geometry");
    check(columns(vec![float("bbox"), float("geometry_bbox")], points(0, 1)), "no name is left");
    check(LakeColumns { time: Some(0), ..usual.clone() }, "no timestamp");
    check(LakeColumns { compression: LakeCompression::Zstd { level: 40 }, ..usual.clone() }, "level 40");
    let sorting = vec![SortColumn { column: 2, descending: false, nulls_first: false }];
    check(LakeColumns { sorting, ..usual.clone() }, "names column 2 of 2");
    let layout = LakeLayout::new(columns(vec![float("bbox"), float("lat")], points(0, 1))).unwrap();
    assert_eq!(layout.leaf_name(3), "geometry_bbox.xmin");
    assert_eq!(LakeLayout::new(usual).unwrap().leaf_count(), 7);
}
