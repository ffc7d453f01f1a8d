//! Numbers of tags, types and values, as TIFF 6.0, BigTIFF, GeoTIFF 1.1 (OGC 19-008r4) and GDAL define them.
#![allow(dead_code)]

pub const NEW_SUBFILE_TYPE: u16 = 254;
pub const IMAGE_WIDTH: u16 = 256;
pub const IMAGE_LENGTH: u16 = 257;
pub const BITS_PER_SAMPLE: u16 = 258;
pub const COMPRESSION: u16 = 259;
pub const PHOTOMETRIC: u16 = 262;
pub const FILL_ORDER: u16 = 266;
pub const IMAGE_DESCRIPTION: u16 = 270;
pub const STRIP_OFFSETS: u16 = 273;
pub const ORIENTATION: u16 = 274;
pub const SAMPLES_PER_PIXEL: u16 = 277;
pub const ROWS_PER_STRIP: u16 = 278;
pub const STRIP_BYTE_COUNTS: u16 = 279;
pub const PLANAR_CONFIGURATION: u16 = 284;
pub const SOFTWARE: u16 = 305;
pub const DATE_TIME: u16 = 306;
pub const PREDICTOR: u16 = 317;
pub const COLOR_MAP: u16 = 320;
pub const TILE_WIDTH: u16 = 322;
pub const TILE_LENGTH: u16 = 323;
pub const TILE_OFFSETS: u16 = 324;
pub const TILE_BYTE_COUNTS: u16 = 325;
pub const SUB_IFDS: u16 = 330;
pub const EXTRA_SAMPLES: u16 = 338;
pub const SAMPLE_FORMAT: u16 = 339;
pub const JPEG_TABLES: u16 = 347;
pub const MODEL_PIXEL_SCALE: u16 = 33_550;
pub const MODEL_TIEPOINT: u16 = 33_922;
pub const MODEL_TRANSFORMATION: u16 = 34_264;
pub const GEO_KEY_DIRECTORY: u16 = 34_735;
pub const GEO_DOUBLE_PARAMS: u16 = 34_736;
pub const GEO_ASCII_PARAMS: u16 = 34_737;
pub const GDAL_METADATA: u16 = 42_112;
pub const GDAL_NODATA: u16 = 42_113;
pub const LERC_PARAMETERS: u16 = 50_674;
