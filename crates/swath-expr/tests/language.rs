//! What can be written, what it means, and what is said of what cannot be written.
#![allow(clippy::unwrap_used)]

use swath_expr::{
    BandChoice, Bindings, DEPTH_MAX, Expression, ExpressionError, OutputStrip, Problem, Program, Scratch, Source,
    TEXT_BYTES_MAX, function_names,
};

/// The values of expressions without inputs; `None` where they are invalid.
fn constants(text: &str) -> Vec<Option<f64>> {
    let expressions = Expression::parse_list(text).unwrap_or_else(|error| panic!("{error}"));
    let bindings = Bindings::resolve(&expressions, &[]).unwrap();
    let program = Program::<f64>::compile(&expressions, &bindings).unwrap();
    let mut buffers = vec![([0.0], [0]); expressions.len()];
    let outputs = buffers.iter_mut().map(|(values, validity)| OutputStrip::new(values, validity));
    program.run(&mut Scratch::new(&program), &[], &mut outputs.collect::<Vec<_>>()).unwrap();
    buffers.into_iter().map(|([value], [valid])| (valid == 1).then_some(value)).collect()
}

#[test]
fn values_of_constants() {
    let check = |text: &str, expect: f64| assert_eq!(constants(text), [Some(expect)], "{text}");
    for (text, expect) in [
        ("1", 1.0),
        ("1.5", 1.5),
        ("1e-3", 1e-3),
        (".5", 0.5),
        ("2.", 2.0),
        ("1E+2", 100.0),
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 4 - 3", 3.0),
        ("24 / 4 / 2", 3.0),
        ("7 % 4", 3.0),
        ("-7 % 4", -3.0),
        ("2 ** 3 ** 2", 512.0),
        ("2 ^ 3", 8.0),
        ("-2 ** 2", -4.0),
        ("(-2) ** 2", 4.0),
        ("2 ** -1", 0.5),
        ("- - 2", 2.0),
        ("+2", 2.0),
        ("3 - -2", 5.0),
        ("!0", 1.0),
        ("!5 == 0", 1.0),
        ("not 5 == 5", 0.0),
        ("not not 3", 1.0),
        ("not 0 and 0", 0.0),
        ("1 < 2", 1.0),
        ("2 <= 1", 0.0),
        ("1 + 1 == 2 && 3 > 2", 1.0),
        ("1 || 0 && 0", 1.0),
        ("(1 or 0) and 0", 0.0),
        ("0 ? 1 : 2", 2.0),
        ("1 ? 0 ? 1 : 2 : 3", 2.0),
        ("0 ? 1 : 0 ? 2 : 3", 3.0),
        ("1 > 2 ? 1 : 2 + 3", 5.0),
        ("where(2 > 1, 10, 20)", 10.0),
        ("where(1, 1, nodata)", 1.0),
        ("clip(5, 1, 3)", 3.0),
        ("clip(-5, 1, 3)", 1.0),
        ("min(3, 1, 2)", 1.0),
        ("max(3)", 3.0),
        ("mean(1, 2, 6)", 3.0),
        ("sum(1, 2, 3)", 6.0),
        ("std(2, 4, 4, 4, 5, 5, 7, 9)", 2.0),
        ("nanmin(nodata, 2, 1)", 1.0),
        ("nanmax(nodata, 2, 1)", 2.0),
        ("nanmean(nodata, 2, 1)", 1.5),
        ("abs(-2)", 2.0),
        ("sqrt(9)", 3.0),
        ("exp(0) + log(1) + log10(1000) + log2(8)", 7.0),
        ("pow(2, 10)", 1024.0),
        ("sin(0) + cos(0) + tan(0) + asin(0) + acos(1) + atan(0) + atan2(0, 1)", 1.0),
        ("floor(-1.5)", -2.0),
        ("ceil(-1.5)", -1.0),
        ("round(2.5)", 3.0),
        ("round(-2.5)", -3.0),
        ("sign(-3) + sign(0)", -1.0),
        ("hypot(3, 4)", 5.0),
        ("is_nodata(nodata)", 1.0),
        ("is_nodata(1 / (1 / 0))", 1.0),
        ("is_nodata(0)", 0.0),
    ] {
        check(text, expect);
    }
}

#[test]
fn what_is_invalid() {
    for text in [
        "nodata",
        "0 / 0",
        "1 / 0",
        "1 / (1 / 0)",
        "1 / 0 > 5",
        "log(-1)",
        "log(0)",
        "sqrt(-1)",
        "exp(1000)",
        "exp(-1 / 0)",
        "1 % 0",
        "asin(2)",
        "nodata ** 0",
        "1 ** nodata",
        "0 && nodata",
        "1 || nodata",
        "!nodata",
        "nodata == nodata",
        "min(1, nodata)",
        "mean(1, nodata)",
        "clip(1, nodata, 2)",
        "where(nodata, 1, 2)",
        "where(0, 1, nodata)",
        "nodata ? 1 : 1",
        "nanmin(nodata, nodata)",
        "nanmean(nodata)",
        "1e308 * 10",
        "atan(1 / 0)",
        "hypot(1, 1 / 0)",
    ] {
        assert_eq!(constants(text), [None], "{text}");
    }
}

#[test]
fn lists() {
    assert_eq!(constants("1; 2, max(3, 4);nodata"), [Some(1.0), Some(2.0), Some(4.0), None]);
    let expressions = Expression::parse_list(" a + b ;  c[2]*a ").unwrap();
    assert_eq!(expressions.iter().map(Expression::text).collect::<Vec<_>>(), ["a + b", "c[2]*a"]);
    let inputs: Vec<String> = expressions[1].inputs().iter().map(ToString::to_string).collect();
    assert_eq!(inputs, ["c[2]", "a"]);
}

#[test]
fn inputs_in_order_of_first_use() {
    let expression = Expression::parse("red + max(a[*], nir, a[12]) - red * _x9").unwrap();
    let inputs: Vec<(&str, BandChoice)> =
        expression.inputs().iter().map(|input| (input.name.as_str(), input.band)).collect();
    let wanted = [
        ("red", BandChoice::Only),
        ("a", BandChoice::All),
        ("nir", BandChoice::Only),
        ("a", BandChoice::Number(12)),
        ("_x9", BandChoice::Only),
    ];
    assert_eq!(inputs, wanted);
}

fn error_of(text: &str) -> ExpressionError {
    let sources = [Source { name: "nir", bands: 1 }, Source { name: "a", bands: 3 }];
    let bound = Expression::parse_list(text).and_then(|expressions| Bindings::resolve(&expressions, &sources));
    bound.err().unwrap_or_else(|| panic!("{text} is accepted"))
}

#[test]
fn errors_say_where_and_what() {
    let check = |text: &str, position: usize, message: &str, hint: &str| {
        let error = error_of(text);
        assert_eq!(
            (error.position, error.problem.to_string().as_str(), error.hint.as_deref().unwrap_or("")),
            (position, message, hint),
            "{text}"
        );
    };
    let value = "a number, a name or \"(\"";
    check("", 0, &format!("wanted {value}, got the end"), "");
    check("1 +", 3, &format!("wanted {value}, got the end"), "");
    check("nir + * 2", 6, &format!("wanted {value}, got \"*\""), "");
    check("1; ;2", 3, &format!("wanted {value}, got \";\""), "");
    check("1;", 2, &format!("wanted {value}, got the end"), "");
    check("(1 + 2", 6, "wanted an operator or \")\", got the end", "");
    check("1 2", 2, "wanted an operator, \",\", \";\" or the end, got \"2\"", "");
    check("1 ? 2", 5, "wanted \":\", got the end", "a choice is written condition ? a : b");
    check("1 + not 2", 4, &format!("wanted {value}, got \"not\""), "write (not …), or ! which binds tighter");
    check("1 < 2 < 3", 6, "wanted one comparison at a time, got \"<\"", "a range is written a < b && b < c");
    check("nir = 2", 4, "wanted a number, a name or an operator, got \"=\"", "equality is written ==");
    check("1 & 2", 2, "wanted a number, a name or an operator, got \"&\"", "\"and\" is written && or and");
    check("nir $ 2", 4, "wanted a number, a name or an operator, got \"$\"", "");
    check("1.2.3", 0, "wanted a number, got \"1.2.3\"", "");
    check("1e", 0, "wanted a number, got \"1e\"", "");
    check(".", 0, "wanted a number, got \".\"", "");
    check("2x", 0, "wanted a number, got \"2x\"", "a product is written with *, and a name begins with a letter");
    check("1e999", 0, "wanted a number below 1.8e308, got \"1e999\"", "");
    check("sqr(2)", 0, "there is no function \"sqr\"", "sqrt may be meant");
    check("1 + SQRT(2)", 4, "there is no function \"SQRT\"", "sqrt may be meant");
    check(
        "nir (2)",
        0,
        "there is no function \"nir\"",
        "an input is not followed by \"(\"; a product is written with *",
    );
    check("pow(2)", 0, "pow takes 2 arguments, got 1", "");
    check("abs(1, 2)", 0, "abs takes 1 argument, got 2", "");
    check("min()", 0, "min takes 1 argument or more, got 0", "");
    check("abs(1 2)", 6, "wanted an operator, \",\" or \")\", got \"2\"", "");
    check("a[0]", 2, "wanted the number of a band, got \"0\"", "bands are counted from 1");
    check("a[1.5]", 2, "wanted the number of a band, got \"1.5\"", "bands are counted from 1");
    check("a[nir]", 2, "wanted the number of a band, got \"nir\"", "bands are counted from 1");
    check("a[1", 3, "wanted \"]\", got the end", "");
    check("a + 1", 0, "\"a\" names no single band: there are 3 bands", "one of them is written a[1] to a[3]");
    check("1 + a[4]", 4, "\"a[4]\" names no band: there are 3 bands", "");
    check("nir[2]", 0, "\"nir[2]\" names no band: there is 1 band", "");
    check("1 + nri", 4, "there is no input \"nri\": wanted nir, a", "nir may be meant");
    check("NIR", 0, "there is no input \"NIR\": wanted nir, a", "nir may be meant");
    check("true", 0, "there is no input \"true\": wanted nir, a", "true is 1 and false is 0");
    for text in ["a[*]", "a[*] + 1", "sqrt(a[*])", "max(a[*] + 1)", "clip(a[*], 0, 1)"] {
        let error = error_of(text);
        assert!(error.hint.is_some_and(|hint| hint.starts_with("all bands can only be")), "{text}");
    }
}

#[test]
fn errors_point_at_the_place() {
    let text = "(nir - 2) /\n\té + (3 * * 4)";
    let error = Expression::parse(text).err().map(|error| error.to_string()).unwrap_or_default();
    let wanted = "wanted a number, a name or \"(\", got \"*\", at byte 23\n   é + (3 * * 4)\n            ^";
    assert_eq!(error, wanted);
}

#[test]
fn names_of_functions_may_name_inputs() {
    let expression = Expression::parse("mean + min[1]").unwrap();
    assert_eq!(expression.inputs().len(), 2);
    assert_eq!(function_names().count(), 31);
}

#[test]
fn depth_is_limited() {
    let check = |text: String, expect: bool| {
        let result = Expression::parse(&text);
        let deep = matches!(&result, Err(error) if error.problem == Problem::TooDeep);
        assert_eq!((result.is_ok(), deep), (expect, !expect), "{text}");
    };
    for (open, close) in
        [("(", ")"), ("-", ""), ("!", ""), ("not ", ""), ("2 ** ", ""), ("abs(", ")"), ("1 ? 2 : ", "")]
    {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        check(nested(DEPTH_MAX - 1), true);
        check(nested(DEPTH_MAX), false);
        check(nested(TEXT_BYTES_MAX / 16), false);
    }
}

#[test]
fn length_is_limited_and_long_chains_are_not_deep() {
    let mut text = "1+".repeat(TEXT_BYTES_MAX / 2 - 1);
    text.push('1');
    assert_eq!(constants(&text), [Some((TEXT_BYTES_MAX / 2) as f64)]);
    let error = Expression::parse(&"é".repeat(TEXT_BYTES_MAX / 2 + 1)).err();
    let bytes = TEXT_BYTES_MAX + 2;
    assert_eq!(error.map(|error| error.problem), Some(Problem::TooLong { bytes }));
}
