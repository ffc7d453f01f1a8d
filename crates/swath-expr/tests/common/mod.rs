//! The oracle: random trees of an expression, printed as text and evaluated value by value.
//!
//! It shares nothing with the crate but the functions of `libm`: it has its own table of how tightly operators bind,
//! and follows validity with an `Option` at every step.

/// A generator of numbers without a pattern, the same for a seed everywhere (Marsaglia 2003).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, count: usize) -> usize {
        ((self.next() >> 16) % count as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// An expression as the oracle sees it.
pub enum Tree {
    Number(&'static str),
    Nodata,
    /// How it is written, and which slots it stands for: several for `a[*]`.
    Input(&'static str, &'static [usize]),
    Apply(&'static str, Vec<Tree>),
}

/// Inputs by how they are written, and their numbers among the inputs of the tests.
pub const INPUTS: [(&str, &[usize]); 6] =
    [("nir", &[0]), ("red_2", &[1]), ("a[1]", &[2]), ("a[2]", &[3]), ("a[3]", &[4]), ("é", &[5])];
pub const ALL_BANDS: (&str, &[usize]) = ("a[*]", &[2, 3, 4]);

const NUMBERS: [&str; 16] = [
    "0", "1", "2", "3", "0.5", ".5", "1e-3", "7.25", "1e30", "16777217", "0.1", "100.", "2E+2", "1e300", "1e-320", "4",
];
const BINARY: [&str; 16] = ["+", "-", "*", "/", "%", "**", "^", "<", "<=", ">", ">=", "==", "!=", "&&", "or", "and"];
const ONE: [&str; 17] = [
    "abs",
    "sqrt",
    "exp",
    "log",
    "log10",
    "log2",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "floor",
    "ceil",
    "round",
    "sign",
    "is_nodata",
];
const MANY: [&str; 8] = ["min", "max", "mean", "sum", "std", "nanmin", "nanmax", "nanmean"];

impl Tree {
    /// A tree of at most some depth.
    pub fn random(random: &mut Random, depth: usize) -> Tree {
        if depth == 0 || random.below(8) == 0 {
            return match random.below(10) {
                0 => Tree::Nodata,
                1..=3 => Tree::Number(random.pick(&NUMBERS)),
                _ => {
                    let (name, slots) = random.pick(&INPUTS);
                    Tree::Input(name, slots)
                }
            };
        }
        let (operation, count) = match random.below(16) {
            0 => (random.pick(&["neg", "!", "not", "pos"]), 1),
            1..=2 => (random.pick(&ONE), 1),
            3 => (random.pick(&["atan2", "hypot", "pow"]), 2),
            4 => (random.pick(&["where", "?"]), 3),
            5 => ("clip", 3),
            6..=7 => (random.pick(&MANY), 1 + random.below(4)),
            8..=10 => (random.pick(&["+", "-", "*", "/"]), 2),
            _ => (random.pick(&BINARY), 2),
        };
        let many = MANY.contains(&operation);
        let operand = |random: &mut Random| match many && random.below(5) == 0 {
            true => Tree::Input(ALL_BANDS.0, ALL_BANDS.1),
            false => Tree::random(random, depth - 1),
        };
        Tree::Apply(operation, (0..count).map(|_| operand(random)).collect())
    }

    /// The text, with no more parentheses than it needs, but now and then.
    pub fn text(&self, random: &mut Random) -> String {
        self.text_in(random, 0)
    }

    fn text_in(&self, random: &mut Random, tightness_min: u8) -> String {
        let (text, tightness) = match self {
            Tree::Number(text) => ((*text).to_owned(), 10),
            Tree::Nodata => ("nodata".to_owned(), 10),
            Tree::Input(text, _) => ((*text).to_owned(), 10),
            Tree::Apply(operation, operands) => Self::apply_text(operation, operands, random),
        };
        match tightness < tightness_min || (tightness < 10 && random.below(12) == 0) {
            true => format!("({text})"),
            false => text,
        }
    }

    fn apply_text(operation: &str, operands: &[Tree], random: &mut Random) -> (String, u8) {
        let space = random.pick(&["", " ", "  ", "\n", "\t"]);
        let tightness = match operation {
            "?" => 0,
            "or" | "||" => 1,
            "and" | "&&" => 2,
            "not" => 3,
            "<" | "<=" | ">" | ">=" | "==" | "!=" => 4,
            "+" | "-" => 5,
            "*" | "/" | "%" => 6,
            "neg" | "pos" | "!" => 7,
            "**" | "^" => 8,
            _ => 10,
        };
        let mut operand = |index: usize, tightness: u8| operands[index].text_in(random, tightness);
        let text = match operation {
            "?" => format!("{} ?{space}{}: {}", operand(0, 1), operand(1, 0), operand(2, 0)),
            "not" => format!("not {}", operand(0, 3)),
            "neg" => format!("-{space}{}", operand(0, 7)),
            "pos" => format!("+{}", operand(0, 7)),
            "!" => format!("!{space}{}", operand(0, 7)),
            "**" | "^" => format!("{}{space}{operation}{}", operand(0, 9), operand(1, 7)),
            "or" | "and" => format!("{} {operation} {}", operand(0, tightness), operand(1, tightness + 1)),
            // A comparison never stands beside another.
            _ if tightness == 4 => format!("{}{space}{operation} {}", operand(0, 5), operand(1, 5)),
            _ if tightness < 10 => {
                format!("{} {operation}{space}{}", operand(0, tightness), operand(1, tightness + 1))
            }
            _ => {
                let arguments: Vec<String> = (0..operands.len()).map(|index| operand(index, 0)).collect();
                format!("{operation}{space}({})", arguments.join(&format!(",{space}")))
            }
        };
        (text, tightness)
    }
}

/// Evaluation in one working type.
#[allow(unused_macros)]
macro_rules! evaluator {
    ($name:ident, $type:ty) => {
        pub mod $name {
            use super::Tree;

            type Value = Option<$type>;

            pub fn evaluate(tree: &Tree, inputs: &[Value]) -> Value {
                match tree {
                    Tree::Number(text) => {
                        text.parse::<f64>().ok().map(|number| number as $type).filter(|x| x.is_finite())
                    }
                    Tree::Nodata => None,
                    Tree::Input(_, slots) => inputs[slots[0]],
                    Tree::Apply(operation, operands) => {
                        let values = operands.iter().flat_map(|operand| match operand {
                            Tree::Input(_, slots) => slots.iter().map(|slot| inputs[*slot]).collect::<Vec<_>>(),
                            operand => vec![evaluate(operand, inputs)],
                        });
                        apply(operation, &values.collect::<Vec<_>>()).filter(|value| value.is_finite())
                    }
                }
            }

            fn apply(operation: &str, values: &[Value]) -> Value {
                match (operation, values) {
                    ("is_nodata", [value]) => return Some(truth(value.is_none())),
                    ("where" | "?", [condition, yes, no]) => return if (*condition)? != 0.0 { *yes } else { *no },
                    ("nanmin", _) => return values.iter().copied().flatten().reduce(|a, b| if b < a { b } else { a }),
                    ("nanmax", _) => return values.iter().copied().flatten().reduce(|a, b| if b > a { b } else { a }),
                    ("nanmean", _) => {
                        let count = values.iter().flatten().count() as $type;
                        let sum = values.iter().map(|value| value.unwrap_or(0.0)).reduce(|a, b| a + b)?;
                        return Some(sum / count);
                    }
                    _ => {}
                }
                let known: Vec<$type> = values.iter().copied().collect::<Option<_>>()?;
                Some(match known[..] {
                    [a] if !super::MANY.contains(&operation) => one(operation, a),
                    [a, b] if !super::MANY.contains(&operation) => two(operation, a, b),
                    _ => many(operation, &known),
                })
            }

            fn truth(truth: bool) -> $type {
                if truth { 1.0 } else { 0.0 }
            }

            fn one(operation: &str, a: $type) -> $type {
                let wide = f64::from(a);
                match operation {
                    "neg" => -a,
                    "pos" => a,
                    "!" | "not" => truth(a == 0.0),
                    "abs" => a.abs(),
                    "sqrt" => a.sqrt(),
                    "floor" => a.floor(),
                    "ceil" => a.ceil(),
                    "round" => a.round(),
                    "sign" => truth(a > 0.0) - truth(a < 0.0),
                    "exp" => libm::exp(wide) as $type,
                    "log" => libm::log(wide) as $type,
                    "log10" => libm::log10(wide) as $type,
                    "log2" => libm::log2(wide) as $type,
                    "sin" => libm::sin(wide) as $type,
                    "cos" => libm::cos(wide) as $type,
                    "tan" => libm::tan(wide) as $type,
                    "asin" => libm::asin(wide) as $type,
                    "acos" => libm::acos(wide) as $type,
                    "atan" => libm::atan(wide) as $type,
                    _ => panic!("the oracle knows no {operation} of one"),
                }
            }

            fn two(operation: &str, a: $type, b: $type) -> $type {
                match operation {
                    "+" => a + b,
                    "-" => a - b,
                    "*" => a * b,
                    "/" => a / b,
                    "%" => a % b,
                    "**" | "^" | "pow" if b == 1.0 => a,
                    "**" | "^" | "pow" if b == 2.0 => a * a,
                    "**" | "^" | "pow" if b == 3.0 => a * a * a,
                    "**" | "^" | "pow" if b == 0.5 => a.sqrt(),
                    "**" | "^" | "pow" if b == -1.0 => 1.0 / a,
                    "**" | "^" | "pow" => libm::pow(f64::from(a), f64::from(b)) as $type,
                    "<" => truth(a < b),
                    "<=" => truth(a <= b),
                    ">" => truth(a > b),
                    ">=" => truth(a >= b),
                    "==" => truth(a == b),
                    "!=" => truth(a != b),
                    "&&" | "and" => truth(a != 0.0 && b != 0.0),
                    "or" => truth(a != 0.0 || b != 0.0),
                    "atan2" => libm::atan2(f64::from(a), f64::from(b)) as $type,
                    "hypot" => libm::hypot(f64::from(a), f64::from(b)) as $type,
                    _ => panic!("the oracle knows no {operation} of two"),
                }
            }

            fn many(operation: &str, values: &[$type]) -> $type {
                let least = |a: $type, b: $type| if b < a { b } else { a };
                let most = |a: $type, b: $type| if b > a { b } else { a };
                let sum = |values: &[$type]| values.iter().copied().reduce(|a, b| a + b).unwrap_or(0.0);
                let mean = |values: &[$type]| sum(values) / values.len() as $type;
                match operation {
                    "min" => values.iter().copied().reduce(least).unwrap_or(0.0),
                    "max" => values.iter().copied().reduce(most).unwrap_or(0.0),
                    "clip" => least(most(values[0], values[1]), values[2]),
                    "sum" => sum(values),
                    "mean" => mean(values),
                    "std" => {
                        let middle = mean(values);
                        let squares: Vec<$type> =
                            values.iter().map(|value| (*value - middle) * (*value - middle)).collect();
                        mean(&squares).sqrt()
                    }
                    _ => panic!("the oracle knows no {operation} of many"),
                }
            }
        }
    };
}

evaluator!(narrow, f32);
evaluator!(wide, f64);
