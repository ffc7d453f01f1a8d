//! Options in words: `KEY=VALUE`, with the names that GDAL's users know.

use super::super::{Compression, Interleave, Predictor};
use super::options::{BigTiff, WriteOptions, refused};
use swath_core::Result;

/// The keys that are known.
const KEYS: [&str; 13] = [
    "COMPRESS",
    "LEVEL",
    "ZLEVEL",
    "ZSTD_LEVEL",
    "PREDICTOR",
    "BLOCKSIZE",
    "INTERLEAVE",
    "BIGTIFF",
    "SPARSE_OK",
    "MAX_Z_ERROR",
    "OVERVIEWS",
    "OVERVIEW_RESAMPLING",
    "RESAMPLING",
];

impl WriteOptions {
    /// Reads options from pairs `KEY=VALUE`; case does not matter, and what is not said has its default.
    ///
    /// # Errors
    /// [`swath_core::Error::Usage`] for an unknown key, a key twice, a value that is none of its key, and options that
    /// do not go together.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = &'a str>) -> Result<WriteOptions> {
        let mut options = WriteOptions::default();
        let mut seen: Vec<String> = Vec::new();
        let mut levels = Vec::new();
        for pair in pairs {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(refused(format!("{pair:?} is no option of the output"), "wanted KEY=VALUE"));
            };
            let (key, value) = (key.trim().to_ascii_uppercase(), value.trim());
            if seen.contains(&key) {
                return Err(refused(format!("{key} is given twice"), "give each option once"));
            }
            if key.ends_with("LEVEL") {
                levels.push((key.clone(), value.to_string()));
            }
            options.set(&key, value)?;
            seen.push(key);
        }
        check_levels(&options, &levels)?;
        options.check()?;
        Ok(options)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "COMPRESS" => {
                self.compression = value
                    .parse::<Compression>()
                    .map_err(|_| wrong(key, value, "NONE, PACKBITS, LZW, DEFLATE, ZSTD or LERC"))?;
            }
            "LEVEL" | "ZLEVEL" | "ZSTD_LEVEL" => {
                self.level = Some(value.parse().map_err(|_| wrong(key, value, "a whole number from 1"))?);
            }
            "PREDICTOR" => {
                self.predictor = match value.to_ascii_uppercase().as_str() {
                    "AUTO" | "YES" => None,
                    "NO" | "NONE" | "1" => Some(Predictor::None),
                    "STANDARD" | "HORIZONTAL" | "2" => Some(Predictor::Horizontal),
                    "FLOATING_POINT" | "3" => Some(Predictor::FloatingPoint),
                    _ => return Err(wrong(key, value, "AUTO, NO, STANDARD (2) or FLOATING_POINT (3)")),
                };
            }
            "BLOCKSIZE" => {
                self.block_size = Some(value.parse().map_err(|_| wrong(key, value, "a multiple of 16, such as 512"))?);
            }
            "INTERLEAVE" => {
                self.interleave = match value.to_ascii_uppercase().as_str() {
                    "PIXEL" => Some(Interleave::Pixel),
                    "BAND" => Some(Interleave::Band),
                    _ => return Err(wrong(key, value, "PIXEL or BAND")),
                };
            }
            "BIGTIFF" => {
                self.bigtiff = match value.to_ascii_uppercase().as_str() {
                    // GDAL guesses where it says IF_NEEDED and IF_SAFER; here the size is known.
                    "AUTO" | "IF_NEEDED" | "IF_SAFER" => BigTiff::Auto,
                    "YES" => BigTiff::Yes,
                    "NO" => BigTiff::No,
                    _ => return Err(wrong(key, value, "AUTO, YES or NO")),
                };
            }
            "SPARSE_OK" => {
                self.sparse = match value.to_ascii_uppercase().as_str() {
                    "YES" | "TRUE" | "ON" | "1" => true,
                    "NO" | "FALSE" | "OFF" | "0" => false,
                    _ => return Err(wrong(key, value, "YES or NO")),
                };
            }
            "MAX_Z_ERROR" => {
                self.max_z_error = value.parse().map_err(|_| wrong(key, value, "a number from 0"))?;
            }
            "OVERVIEWS" => self.overviews = Some(value.into()),
            "OVERVIEW_RESAMPLING" | "RESAMPLING" => self.overview_resampling = Some(value.to_ascii_lowercase()),
            _ => {
                return Err(refused(
                    format!("{key} is no option of the output"),
                    format!("known are {}", KEYS.join(", ")),
                ));
            }
        }
        Ok(())
    }
}

/// The names of levels say for which codec they are, and there is one level.
fn check_levels(options: &WriteOptions, levels: &[(String, String)]) -> Result<()> {
    if let [(one, _), (two, _), ..] = levels {
        return Err(refused(format!("{one} and {two} are both given"), "give LEVEL once"));
    }
    let codec = options.compression;
    match levels.first().map(|(key, _)| key.as_str()) {
        Some("ZLEVEL") if codec != Compression::Deflate => {
            Err(refused(format!("ZLEVEL is given with COMPRESS={codec}"), "ZLEVEL is of DEFLATE; say LEVEL"))
        }
        Some("ZSTD_LEVEL") if codec != Compression::Zstd => {
            Err(refused(format!("ZSTD_LEVEL is given with COMPRESS={codec}"), "ZSTD_LEVEL is of ZSTD; say LEVEL"))
        }
        _ => Ok(()),
    }
}

fn wrong(key: &str, value: &str, wanted: &str) -> swath_core::Error {
    refused(format!("{key}={value} cannot be understood"), format!("wanted {wanted}"))
}
