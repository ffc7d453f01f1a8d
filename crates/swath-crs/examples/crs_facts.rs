//! Answers questions about reference systems, one JSON line per input line, for the oracle scripts.
//!
//! Input lines are JSON arrays: `["facts", text]`, `["points", from, to, [[x, y], …]]`, `["version"]`.

use std::io::{BufRead, Write};

use serde_json::{Value, json};
use swath_crs::{Crs, CrsError, Transform};

fn facts(text: &str) -> Result<Value, CrsError> {
    let crs = Crs::parse(text)?;
    let bounds = crs.coordinate_bounds();
    Ok(json!({
        "epsg": crs.epsg(), "name": crs.name(), "geographic": crs.is_geographic(), "deprecated": crs.is_deprecated(),
        "crs84": crs.is_crs84_equivalent(), "bounds": [bounds.min_x, bounds.min_y, bounds.max_x, bounds.max_y],
        "projjson": crs.to_projjson().ok(),
    }))
}

fn points(from: &str, to: &str, points: &[Value]) -> Result<Value, CrsError> {
    let transform = Transform::new(&Crs::parse(from)?, &Crs::parse(to)?)?;
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let answers = points.iter().map(|point| match transform.try_point(number(&point[0]), number(&point[1])) {
        Ok((x, y)) => json!([x, y]),
        Err(problem) => json!(problem.words()),
    });
    Ok(json!({"points": answers.collect::<Vec<Value>>(), "accuracy_m": transform.accuracy_m()}))
}

fn answer(line: &str) -> Value {
    let question: Value = serde_json::from_str(line).unwrap_or(Value::Null);
    let text = |index: usize| question[index].as_str().unwrap_or("");
    let answer = match text(0) {
        "facts" => facts(text(1)),
        "points" => points(text(1), text(2), question[3].as_array().map_or(&[], Vec::as_slice)),
        "version" => Ok(json!(swath_crs::database_version())),
        _ => Ok(json!({"error": "unknown question"})),
    };
    answer.unwrap_or_else(|error| json!({"error": error.to_string(), "hint": error.hint()}))
}

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        writeln!(output, "{}", answer(&line?))?;
    }
    Ok(())
}
