//! Where a dashboard is: the words for it, and what keeps strangers out.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use swath_core::{Error, Result};

/// The port where nobody names one.
pub const PORT: u16 = 7928;
/// The same, as an address.
pub const DEFAULT: &str = "127.0.0.1:7928";
/// Random bytes of a token.
const TOKEN_BYTES: usize = 16;
/// Characters that a token has at least when somebody else chooses it.
pub const TOKEN_LEAST: usize = 16;

/// Where it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address(pub SocketAddr);

impl FromStr for Address {
    type Err = String;

    /// Reads `127.0.0.1:9000`, `[::1]:9000`, `:9000`, `localhost:9000`, or one of these without a port.
    fn from_str(text: &str) -> std::result::Result<Address, String> {
        let wanted =
            || format!("{text:?} is no address: wanted one like 127.0.0.1:{PORT}, 0.0.0.0:9000, [::1]:9000 or :0");
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Address(address));
        }
        let host = |host: &str| match host {
            "" | "localhost" => Some(local),
            host => host.trim_start_matches('[').trim_end_matches(']').parse().ok(),
        };
        let is_bare_six = text.matches(':').count() > 1 && !text.starts_with('[');
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !is_bare_six && !text.ends_with(']') => (name, port.parse().map_err(|_| wanted())?),
            _ => (text, PORT),
        };
        match host(name) {
            Some(host) if !text.is_empty() => Ok(Address(SocketAddr::new(host, port))),
            _ => Err(wanted()),
        }
    }
}

/// What has to be in the address of whoever asks from another machine.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Sixteen bytes of the system's random source.
    ///
    /// # Errors
    /// Where there is none.
    pub fn random() -> Result<Token> {
        let mut bytes = [0; TOKEN_BYTES];
        let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
        read.map_err(|error| Error::unexpected(format!("the system has no random source: {error}")))?;
        Ok(Token(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// One that somebody has chosen.
    ///
    /// # Errors
    /// [`Error::Usage`] for one that is short, or would not stand in an address as it is.
    pub fn chosen(text: &str) -> Result<Token> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
        match text.len() >= TOKEN_LEAST && text.chars().all(plain) {
            true => Ok(Token(text.into())),
            false => Err(Error::Usage {
                message: format!(
                    "SWATH_DASHBOARD_TOKEN is no token: wanted {TOKEN_LEAST} letters, digits, - or _ or more"
                ),
                hint: "leave it unset, and a random one is told".into(),
            }),
        }
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether `said` is it; how long that takes tells nothing of how much of it is right.
    pub fn is(&self, said: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let differ = own.iter().zip(said).fold(0, |differ, (a, b)| differ | (a ^ b));
        std::hint::black_box(differ) == 0 && own.len() == said.len()
    }
}

/// Whether a `Host` is this machine, as a browser calls it that has been told a loopback address: a page of somebody else
/// whose name leads here would call it by that name.
pub fn is_local_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || name.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, wanted) in [
            (DEFAULT, Some(DEFAULT)),
            (":0", Some("127.0.0.1:0")),
            (":9000", Some("127.0.0.1:9000")),
            ("localhost:9000", Some("127.0.0.1:9000")),
            ("localhost", Some(DEFAULT)),
            ("0.0.0.0:9000", Some("0.0.0.0:9000")),
            ("0.0.0.0", Some("0.0.0.0:7928")),
            ("[::1]:9000", Some("[::1]:9000")),
            ("[::1]", Some("[::1]:7928")),
            ("::1", Some("[::1]:7928")),
            ("", None),
            (":", None),
            (":99999", None),
            ("9000", None),
            ("in.csv", None),
            ("example.org:80", None),
            ("127.0.0.1:http", None),
        ] {
            assert_eq!(text.parse::<Address>().ok().map(|it| it.0.to_string()).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn tokens_are_long_and_told_apart() {
        let [one, two] = [Token::random().expect("random"), Token::random().expect("random")];
        assert!(one.text().len() == 32 && one.text() != two.text());
        assert!(one.is(one.text().as_bytes()) && !one.is(two.text().as_bytes()));
        for wrong in ["", &one.text()[1..], &format!("{}0", one.text())] {
            assert!(!one.is(wrong.as_bytes()), "{wrong}");
        }
        assert!(Token::chosen("short").is_err() && Token::chosen("with a blank in it").is_err());
        assert!(Token::chosen("0123456789abcdef").is_ok_and(|token| token.is(b"0123456789abcdef")));
    }

    #[test]
    fn only_this_machine_is_this_machine() {
        for (host, wanted) in [
            ("127.0.0.1:7928", true),
            ("127.0.0.1", true),
            ("LocalHost:80", true),
            ("[::1]:7928", true),
            ("evil.example:7928", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("10.0.0.1", false),
            ("[::2]", false),
            ("", false),
            ("[", false),
        ] {
            assert_eq!(is_local_host(host), wanted, "{host}");
        }
    }
}
