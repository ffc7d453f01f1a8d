//! What is asked for: the head of a request of HTTP/1.1, as far as it matters here. Nothing is answered here.

/// The longest head.
pub const BYTES_MAX: usize = 8 << 10;

/// A request that is understood.
#[derive(Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The path, without what stands behind a `?`.
    pub path: &'a str,
    /// What stands there.
    pub query: &'a str,
    /// By which name this machine was asked.
    pub host: &'a str,
    /// The token of `Authorization: Bearer`, if there is one.
    pub bearer: Option<&'a str>,
}

/// What becomes of the bytes that came.
#[derive(Debug, PartialEq, Eq)]
pub enum Read<'a> {
    /// There has to come more.
    More,
    /// It is whole.
    Whole(Request<'a>),
    /// It is refused.
    Refused(Refusal),
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is none.
    NoRequest,
    /// It has more bytes than it may.
    TooLong,
    /// It is another one than GET.
    Method,
    /// It is of another version.
    Version,
}

/// Reads what came up to now.
pub fn read(bytes: &[u8]) -> Read<'_> {
    // No name of a method is longer, and what is no request need not be waited for.
    let is_request = bytes.iter().take(8).take_while(|byte| **byte != b' ').all(u8::is_ascii_uppercase);
    if !is_request {
        return Read::Refused(Refusal::NoRequest);
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else {
        return match bytes.len() >= BYTES_MAX {
            true => Read::Refused(Refusal::TooLong),
            false => Read::More,
        };
    };
    match bytes.get(..end).and_then(|head| std::str::from_utf8(head).ok()) {
        Some(head) => understand(head),
        None => Read::Refused(Refusal::NoRequest),
    }
}

fn understand(head: &str) -> Read<'_> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Read::Refused(Refusal::NoRequest);
    };
    if !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
        return Read::Refused(Refusal::Version);
    }
    if method != "GET" {
        return Read::Refused(Refusal::Method);
    }
    let (mut host, mut bearer) = (None, None);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { return Read::Refused(Refusal::NoRequest) };
        let value = value.trim();
        if name.eq_ignore_ascii_case("host") && host.replace(value).is_some() {
            return Read::Refused(Refusal::NoRequest);
        }
        if name.eq_ignore_ascii_case("authorization") {
            bearer =
                value.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer")).map(|(_, token)| token);
        }
    }
    let (Some(host), true) = (host, target.starts_with('/')) else { return Read::Refused(Refusal::NoRequest) };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Read::Whole(Request { path, query, host, bearer })
}

impl Request<'_> {
    /// The value of a name in the query.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(of, _)| *of == name))
            .map(|(_, value)| value)
    }

    /// The token that was said.
    pub fn token(&self) -> &str {
        self.bearer.or_else(|| self.value("token")).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_they_come() {
        let whole = b"GET /metrics?a=1&token=abc HTTP/1.1\r\nHost: localhost:1\r\nauthorization: bearer xyz\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), Read::More, "{end}");
        }
        let Read::Whole(request) = read(whole) else { panic!("whole") };
        assert_eq!((request.path, request.host, request.token()), ("/metrics", "localhost:1", "xyz"));
        assert_eq!((request.value("token"), request.value("b")), (Some("abc"), None));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let long = [b"GET / HTTP/1.1\r\nHost: a\r\nX: ".as_slice(), &vec![b'x'; BYTES_MAX]].concat();
        for (bytes, wanted) in [
            (b"\x16\x03\x01\x02\x00".as_slice(), Refusal::NoRequest),
            (b"hello\r\n\r\n", Refusal::NoRequest),
            (b"GET /\r\n\r\n", Refusal::NoRequest),
            (b"GET / HTTP/1.1\r\n\r\n", Refusal::NoRequest),
            (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Refusal::NoRequest),
            (b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", Refusal::NoRequest),
            (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::NoRequest),
            (b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", Refusal::NoRequest),
            (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", Refusal::Version),
            (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Method),
            (&long, Refusal::TooLong),
        ] {
            assert_eq!(read(bytes), Read::Refused(wanted), "{}", String::from_utf8_lossy(bytes));
        }
    }
}
