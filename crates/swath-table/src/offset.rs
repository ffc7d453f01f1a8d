//! Offsets from UTC as text, as schemas and times write them. Names of zones are the business of others.

/// Seconds east of UTC that a text like `+02:00`, `-0700`, `+02`, `Z` or ` UTC` says.
#[inline]
pub fn seconds(text: &[u8]) -> Option<i32> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let (sign, digits) = match text {
        b"Z" | b"z" | b"UTC" | b"GMT" => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match *digits {
        [h, i] => ([h, i], [b'0'; 2]),
        [h, i, m, n] | [h, i, b':', m, n] => ([h, i], [m, n]),
        _ => return None,
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

#[inline]
fn two_digits([tens, ones]: [u8; 2]) -> Option<i32> {
    let are_digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    are_digits.then(|| i32::from(tens - b'0') * 10 + i32::from(ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read() {
        for (text, expected) in [
            ("+02:00", Some(7200)),
            ("-07:00", Some(-25_200)),
            ("+0530", Some(19_800)),
            ("-03", Some(-10_800)),
            ("Z", Some(0)),
            (" UTC", Some(0)),
            ("", None),
            ("02:00", None),
            ("+2:00", None),
            ("+24:00", None),
            ("+02:60", None),
            ("+0a:00", None),
            ("+02:00:00", None),
            ("Europe/Rome", None),
        ] {
            assert_eq!(seconds(text.as_bytes()), expected, "{text:?}");
        }
    }
}
