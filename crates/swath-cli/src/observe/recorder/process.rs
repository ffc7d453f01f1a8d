//! What the system tells of the process and of waiting, read a small file at a time.

use std::fs::File;
use std::io::Read;

/// Sums since the process, or the machine, was started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// Bytes read by calls of the process.
    pub read: u64,
    /// Bytes written by calls of the process.
    pub written: u64,
    /// Milliseconds that some task of the machine has waited for a disk.
    pub waited_ms: u64,
    /// The same for memory.
    pub pressed_ms: u64,
}

impl Counted {
    /// As of now; zeros where the system does not tell.
    pub fn now() -> Counted {
        let mut text = [0; 512];
        let io = read("/proc/self/io", &mut text);
        let (bytes_read, written) = (number(io, "rchar: "), number(io, "wchar: "));
        let mut some = |path| number(read(path, &mut text), "total=") / 1000;
        let (waited_ms, pressed_ms) = (some("/proc/pressure/io"), some("/proc/pressure/memory"));
        Counted { read: bytes_read, written, waited_ms, pressed_ms }
    }

    /// What was added since `before`.
    pub fn since(self, before: Counted) -> Counted {
        Counted {
            read: self.read.saturating_sub(before.read),
            written: self.written.saturating_sub(before.written),
            waited_ms: self.waited_ms.saturating_sub(before.waited_ms),
            pressed_ms: self.pressed_ms.saturating_sub(before.pressed_ms),
        }
    }
}

fn read<'a>(path: &str, into: &'a mut [u8]) -> &'a str {
    let length = File::open(path).and_then(|mut file| file.read(into)).unwrap_or(0);
    std::str::from_utf8(&into[..length]).unwrap_or_default()
}

/// The number behind the first `name` of a text.
fn number(text: &str, name: &str) -> u64 {
    let rest = text.split_once(name).map_or("", |(_, rest)| rest);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_in_texts() {
        let pressure = "some avg10=0.00 avg60=0.18 avg300=1.16 total=1226178305\nfull avg10=0.00 total=415934627\n";
        for (text, name, wanted) in [
            ("rchar: 6976\nwchar: 12\n", "wchar: ", 12),
            (pressure, "total=", 1_226_178_305),
            (pressure, "other=", 0),
            ("", "total=", 0),
        ] {
            assert_eq!(number(text, name), wanted, "{name}");
        }
    }
}
