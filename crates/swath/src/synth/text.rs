//! Readings as lines of text, digit by digit: formatting is most of the work of a generator.
//!
//! It knows the columns; what goes into them comes from elsewhere.

use super::reading::Reading;

/// The longest line is a reading with two more fields.
const LINE_BYTES: usize = 192;

/// Two digits at a time.
const PAIRS: &[u8; 200] = b"00010203040506070809101112131415161718192021222324252627282930313233343536373839\
4041424344454647484950515253545556575859606162636465666768697071727374757677787980818283848586878889\
90919293949596979899";

/// One line, made anew for every row.
#[derive(Debug)]
pub(super) struct Line {
    bytes: [u8; LINE_BYTES],
    // Inlining keeps it in a register; through memory it would be the longest chain of every row.
    length: usize,
    /// The day whose date is written in `date`.
    day: i64,
    date: [u8; 10],
}

impl Line {
    pub(super) fn new() -> Line {
        Line { bytes: [0; LINE_BYTES], length: 0, day: 0, date: *b"1970-01-01" }
    }

    /// The line with its newline.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// A reading.
    pub(super) fn reading(&mut self, reading: &Reading) {
        self.length = 0;
        self.sensor(reading.sensor);
        self.byte(b',');
        self.moment(reading.second);
        self.values(reading, false);
        self.byte(b'\n');
    }

    /// A row that is no reading.
    pub(super) fn malformed(&mut self, reading: &Reading, kind: u64) {
        self.length = 0;
        if kind != 4 {
            self.sensor(reading.sensor);
        }
        self.byte(b',');
        match kind {
            2 => self.text(b"2025-13-45T99:00:00Z"),
            _ => self.moment(reading.second),
        }
        if kind == 0 {
            self.place(reading);
            self.byte(b',');
            self.optional::<2>(reading.pm25);
        } else {
            self.values(reading, kind == 1);
        }
        if kind == 3 {
            self.text(b",3.1,overflow");
        }
        self.byte(b'\n');
    }

    #[inline(always)]
    fn place(&mut self, reading: &Reading) {
        self.byte(b',');
        self.fixed::<6>(reading.lat);
        self.byte(b',');
        self.fixed::<6>(reading.lon);
    }

    fn values(&mut self, reading: &Reading, is_broken: bool) {
        self.place(reading);
        self.byte(b',');
        if is_broken {
            self.text(b"ERR#7")
        } else {
            self.optional::<2>(reading.pm25)
        }
        self.byte(b',');
        self.optional::<2>(reading.pm10);
        self.byte(b',');
        self.fixed::<2>(reading.temp);
        self.byte(b',');
        self.optional::<1>(reading.humidity);
        self.byte(b',');
        self.optional::<3>(reading.soil);
        self.byte(b',');
        self.fixed::<2>(reading.battery);
    }

    #[inline(always)]
    fn byte(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    #[inline(always)]
    fn text(&mut self, text: &[u8]) {
        self.bytes[self.length..self.length + text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    #[inline(always)]
    fn pair(&mut self, number: u32) {
        let at = number as usize * 2;
        self.text(&[PAIRS[at], PAIRS[at + 1]]);
    }

    /// `ENV-` and at least six digits.
    fn sensor(&mut self, sensor: u32) {
        self.text(b"ENV-");
        if sensor >= 1_000_000 {
            self.digits(sensor / 1_000_000);
        }
        self.pair(sensor / 10_000 % 100);
        self.pair(sensor / 100 % 100);
        self.pair(sensor % 100);
    }

    #[inline(never)]
    fn digits(&mut self, mut number: u32) {
        let mut digits = [0; 10];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.text(&digits[at..]);
    }

    #[inline(always)]
    fn optional<const PLACES: u32>(&mut self, value: Option<i32>) {
        if let Some(value) = value {
            self.fixed::<PLACES>(value);
        }
    }

    /// A whole number with its last `PLACES` digits behind the point.
    #[inline(always)]
    fn fixed<const PLACES: u32>(&mut self, value: i32) {
        if value < 0 {
            self.byte(b'-');
        }
        let size = value.unsigned_abs();
        let scale = 10u32.pow(PLACES);
        let (front, back) = (size / scale, size % scale);
        if front < 10 {
            self.byte(b'0' + front as u8);
        } else if front < 100 {
            self.pair(front);
        } else {
            self.digits(front);
        }
        self.byte(b'.');
        match PLACES {
            1 => self.byte(b'0' + back as u8),
            2 => self.pair(back),
            3 => {
                self.byte(b'0' + (back / 100) as u8);
                self.pair(back % 100);
            }
            _ => {
                self.pair(back / 10_000);
                self.pair(back / 100 % 100);
                self.pair(back % 100);
            }
        }
    }

    fn moment(&mut self, second: i64) {
        let (day, rest) = (second.div_euclid(86_400), second.rem_euclid(86_400) as u32);
        if day != self.day {
            self.day = day;
            self.date = date(day);
        }
        let date = self.date;
        self.text(&date);
        self.byte(b'T');
        self.pair(rest / 3600);
        self.byte(b':');
        self.pair(rest / 60 % 60);
        self.byte(b':');
        self.pair(rest % 60);
        self.byte(b'Z');
    }
}

/// Year, month and day as ISO text, of a number of days since 1970-01-01 (Hinnant, "chrono-compatible low-level date
/// algorithms").
fn date(day: i64) -> [u8; 10] {
    let days = day + 719_468;
    let (era, in_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let day_of_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * from_march + 2) / 5 + 1) as usize;
    let month = (if from_march < 10 { from_march + 3 } else { from_march - 9 }) as usize;
    let year = (year_of_era + era * 400 + i64::from(month <= 2)) as usize;
    let mut text = *b"0000-00-00";
    for (at, number) in [(0, year / 100 % 100), (2, year % 100), (5, month), (8, day)] {
        text[at..at + 2].copy_from_slice(&PAIRS[number * 2..number * 2 + 2]);
    }
    text
}

/// A day as ISO text.
pub(super) fn day(day: i64) -> String {
    date(day).iter().copied().map(char::from).collect()
}

/// A moment as ISO text in UTC.
pub(super) fn moment(second: i64) -> String {
    let mut line = Line::new();
    line.moment(second);
    String::from_utf8_lossy(line.bytes()).into_owned()
}
