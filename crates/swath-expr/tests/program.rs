//! What programs come to: instructions, registers, memory, and what they refuse.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use swath_expr::{Bindings, Expression, InputStrip, OutputStrip, Problem, Program, STRIP, Scratch, Source};

/// Counts what each thread asks of the system's allocator, for tests run side by side.
struct Counting;

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.set(BYTES.get() + layout.size());
        // SAFETY: the caller keeps the promises that `alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, which asked the same allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SOURCES: [Source<'_>; 4] = [
    Source { name: "a", bands: 1 },
    Source { name: "b", bands: 1 },
    Source { name: "c", bands: 1 },
    Source { name: "cube", bands: 1000 },
];

fn compiled(text: &str) -> Program<f32> {
    let expressions = Expression::parse_list(text).unwrap();
    let bindings = Bindings::resolve(&expressions, &SOURCES).unwrap();
    Program::compile(&expressions, &bindings).unwrap()
}

#[test]
fn instructions_and_registers() {
    let check = |text: &str, instructions: usize, registers: usize| {
        let program = compiled(text);
        assert_eq!((program.instructions(), program.registers()), (instructions, registers), "{text}");
    };
    check("a", 2, 1);
    check("1 + 2 * 3", 1, 0);
    check("a + (1 + 2)", 3, 2);
    check("(a - b) / (a + b)", 6, 4);
    check("(a + b) * (b + a)", 5, 3);
    check("a; a; a + 0 * 7", 5, 2);
    check("where(1 > 2, a, b)", 2, 1);
    check("a ** 2 + sqrt(a) + a ** 0.5", 6, 3);
    check("a + b + c + a * b * c", 9, 5);
    check("a + (b + (c + (a * (b * (c * 2)))))", 10, 5);
    check("sum(cube[*])", 2000, 3);
    check("max(cube[*]) - min(cube[*])", 4000, 4);
    check("std(cube[*])", 6002, 4);
}

#[test]
fn many_bands_are_read_twice_rather_than_kept() {
    let expressions = [Expression::parse("std(cube[*])").unwrap()];
    let bindings = Bindings::resolve(&expressions, &SOURCES).unwrap();
    let program = Program::<f64>::compile(&expressions, &bindings).unwrap();
    let bands: Vec<Vec<u16>> =
        (0..1000).map(|band| (0..STRIP + 3).map(|index| (band * 31 + index * 7) as u16 % 1009).collect()).collect();
    let inputs: Vec<InputStrip<'_>> =
        bindings.slots().iter().map(|slot| InputStrip::valid(&bands[slot.band as usize - 1][..])).collect();
    let (mut values, mut validity) = (vec![0.0; STRIP + 3], vec![0; STRIP + 3]);
    let mut outputs = [OutputStrip::new(&mut values, &mut validity)];
    assert_eq!(program.run(&mut Scratch::new(&program), &inputs, &mut outputs), Ok(true));
    for (index, value) in values.iter().enumerate() {
        let mean = bands.iter().map(|band| f64::from(band[index])).sum::<f64>() / 1000.0;
        let squares = bands.iter().map(|band| (f64::from(band[index]) - mean) * (f64::from(band[index]) - mean));
        assert_eq!(*value, (squares.sum::<f64>() / 1000.0).sqrt(), "{index}");
    }
}

#[test]
fn unused_values_take_no_place() {
    let expressions = Expression::parse_list("a + b; 0 ? a : c").unwrap();
    let bindings = Bindings::resolve(&expressions, &SOURCES).unwrap();
    let program = Program::<f64>::compile(&expressions, &bindings).unwrap();
    assert_eq!((program.inputs(), program.outputs(), program.instructions()), (3, 2, 6));
}

#[test]
fn large_programs_are_refused() {
    let text = vec!["min(cube[*])"; 200].join("+");
    let expressions = Expression::parse_list(&text).unwrap();
    let bindings = Bindings::resolve(&expressions, &SOURCES).unwrap();
    let error = Program::<f32>::compile(&expressions, &bindings).err();
    assert_eq!(error.map(|error| error.problem), Some(Problem::TooLarge));
    let endless = [Source { name: "cube", bands: u32::MAX }];
    let error = Bindings::resolve(&expressions, &endless).err();
    assert_eq!(error.map(|error| error.problem), Some(Problem::TooLarge));
}

#[test]
fn bindings_of_other_expressions_are_refused() {
    let bindings = Bindings::resolve(&[Expression::parse("a").unwrap()], &SOURCES).unwrap();
    let error = Program::<f32>::compile(&[Expression::parse("1 + b").unwrap()], &bindings).err().unwrap();
    assert!(matches!(error.problem, Problem::UnknownInput { .. }) && error.position == 4, "{error}");
}

#[test]
fn strips_must_suit() {
    let program = compiled("a + b");
    let other = compiled("a + (b + c) * (a - c)");
    let (long, short, mask) = ([1_u8; 10], [1_u8; 9], [1_u8; 9]);
    let check = |inputs: &[InputStrip<'_>], validity: usize, scratch: &Program<f32>, expect: Option<&str>| {
        let (mut values, mut validity) = ([0.0; 10], vec![0; validity]);
        let mut outputs = [OutputStrip::new(&mut values, &mut validity)];
        let error = program.run(&mut Scratch::new(scratch), inputs, &mut outputs).err();
        assert_eq!(error.map(|error| error.to_string()).as_deref(), expect);
    };
    let (long, short, masked) =
        (InputStrip::valid(&long[..]), InputStrip::valid(&short[..]), InputStrip::masked(&long[..], &mask));
    check(&[long, long], 10, &other, None);
    check(&[long], 10, &program, Some("inputs of the program: wanted 2, got 1"));
    check(&[long, short], 10, &program, Some("values of an input: wanted 10, got 9"));
    check(&[long, masked], 10, &program, Some("validity of an input: wanted 10, got 9"));
    check(&[long, long], 11, &program, Some("validity of an output: wanted 10, got 11"));
    check(&[long, long], 10, &compiled("1"), Some("registers of the scratch: wanted 3, got 0"));
}

#[test]
fn scratch_is_all_the_memory_there_is() {
    let program = compiled("(a - b) / (a + b + c)");
    let before = BYTES.get();
    let mut scratch = Scratch::new(&program);
    let taken = BYTES.get() - before;
    let predicted = Scratch::bytes_for(&program) as usize;
    assert!(taken <= predicted && predicted < taken + taken / 10, "took {taken}, predicted {predicted}");
    let length = 3 * STRIP + 5;
    let input = vec![3_i16; length];
    let inputs = [InputStrip::valid(&input[..]); 3];
    let (mut values, mut validity) = (vec![0.0; length], vec![0; length]);
    let mut outputs = [OutputStrip::new(&mut values, &mut validity)];
    let before = BYTES.get();
    let all_valid = program.run(&mut scratch, &inputs, &mut outputs);
    assert_eq!((all_valid, BYTES.get() - before), (Ok(true), 0));
    assert!(values.iter().all(|value| *value == 0.0) && validity.iter().all(|valid| *valid == 1));
}
