//! What the user asks for with `--memory`, and what that comes to on this machine.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::Limits;
use crate::Bytes;

/// The part of the tightest limit that `auto` takes; the rest is for what no program can foresee.
const AUTO_PERCENT: u64 = 82;

/// The value of `--memory`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryRequest {
    /// An amount.
    Exact(Bytes),
    /// Hundredths of the tightest limit.
    Percent(f64),
    /// 82 % of the tightest limit.
    Auto,
}

impl MemoryRequest {
    /// The ceiling in bytes.
    pub fn resolve(&self, limits: &Limits) -> Bytes {
        let available = limits.tightest().available;
        match *self {
            MemoryRequest::Exact(bytes) => bytes,
            MemoryRequest::Percent(percent) => Bytes((available.0 as f64 * percent / 100.0) as u64),
            MemoryRequest::Auto => available.percent(AUTO_PERCENT),
        }
    }
}

impl fmt::Display for MemoryRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MemoryRequest::Exact(bytes) => bytes.fmt(f),
            MemoryRequest::Percent(percent) => write!(f, "{percent}%"),
            MemoryRequest::Auto => f.write_str("auto"),
        }
    }
}

impl FromStr for MemoryRequest {
    type Err = String;

    fn from_str(text: &str) -> Result<MemoryRequest, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("auto") {
            return Ok(MemoryRequest::Auto);
        }
        if let Some(number) = text.strip_suffix('%') {
            return match number.trim().parse::<f64>() {
                Ok(percent) if percent > 0.0 && percent <= 100.0 => Ok(MemoryRequest::Percent(percent)),
                _ => Err(format!("{text:?} is not a share of the memory: wanted more than 0% and at most 100%")),
            };
        }
        match text.parse::<Bytes>()? {
            Bytes::ZERO => Err("no memory at all is too little: wanted an amount like 256MB".into()),
            bytes => Ok(MemoryRequest::Exact(bytes)),
        }
    }
}
