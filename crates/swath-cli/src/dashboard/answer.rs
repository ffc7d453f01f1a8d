//! What is answered, with the head that goes before it. What browsers must not do with it is said in each.

use std::sync::Arc;

use super::request::Refusal;

/// Plain text, and JSON.
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
/// What a page may load, and who may show it: itself only.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// An answer.
pub struct Answer {
    status: &'static str,
    kind: &'static str,
    /// What follows the head.
    pub body: Arc<Vec<u8>>,
    /// Whether more follows, which is not there yet.
    pub goes_on: bool,
}

impl Answer {
    /// Something that is there.
    pub fn good(kind: &'static str, body: Arc<Vec<u8>>) -> Answer {
        Answer { status: "200 OK", kind, body, goes_on: false }
    }

    /// Events, which come as they happen.
    pub fn events() -> Answer {
        let begin = Arc::new(b"retry: 2000\n\n".to_vec());
        Answer { goes_on: true, ..Answer::good("text/event-stream", begin) }
    }

    /// A JSON object with that status.
    pub fn json(status: &'static str, text: String) -> Answer {
        Answer { status, ..Answer::good(JSON, Arc::new(text.into_bytes())) }
    }

    /// A status, and why.
    pub fn words(status: &'static str, words: &str) -> Answer {
        Answer { status, ..Answer::good(TEXT, Arc::new(format!("{words}\n").into_bytes())) }
    }

    /// To what is no request that is answered.
    pub fn refusal(refusal: Refusal) -> Answer {
        match refusal {
            Refusal::NoRequest => Answer::words("400 Bad Request", "this is no request"),
            Refusal::Method => Answer::words("405 Method Not Allowed", "only GET is answered"),
            Refusal::TooLong => Answer::words("431 Request Header Fields Too Large", "a request has 8 kB at most"),
            Refusal::Version => Answer::words("505 HTTP Version Not Supported", "only HTTP/1.1 is spoken"),
        }
    }

    /// The head.
    pub fn head(&self) -> Vec<u8> {
        let length = match self.goes_on {
            true => String::new(),
            false => format!("Content-Length: {}\r\n", self.body.len()),
        };
        let allowed = if self.status.starts_with("405") { "Allow: GET\r\n" } else { "" };
        format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\n{length}{allowed}Connection: close\r\nCache-Control: no-store\r\n\
             Content-Security-Policy: {POLICY}\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\n\r\n",
            self.status, self.kind
        )
        .into_bytes()
    }
}
