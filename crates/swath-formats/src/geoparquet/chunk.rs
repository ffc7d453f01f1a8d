//! One column chunk while it is written: page headers, compressed pages, statistics, column index and offset index.
//!
//! What is in a page, and in which encoding, is decided by the callers.

use std::io::Write;

use parquet::basic::{BoundaryOrder, Compression, Encoding, EncodingMask, PageType};
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::writer::TrackedWrite;
use parquet::schema::types::ColumnDescPtr;
use swath_core::{Error, Result};

use super::compress::Compressor;
use super::error::encoding;
use super::hybrid::put_varint;
use super::statistics::{self, Range};

/// What is needed to write any column chunk.
pub(super) struct ChunkContext<'a, W: Write> {
    /// Where the file goes; knows its own position.
    pub(super) out: &'a mut TrackedWrite<W>,
    /// The compressor of this worker.
    pub(super) compressor: &'a mut Compressor,
    /// Room for one compressed page.
    pub(super) packed: &'a mut Vec<u8>,
    /// The codec as the footer names it.
    pub(super) codec: Compression,
}

/// A column chunk that is being written.
pub(super) struct ChunkWriter<'a, W: Write> {
    context: ChunkContext<'a, W>,
    descriptor: ColumnDescPtr,
    start: u64,
    dictionary_offset: Option<u64>,
    data_offset: Option<u64>,
    uncompressed: u64,
    pages: Vec<PageEncodingStats>,
    column_index: ColumnIndexBuilder,
    offset_index: OffsetIndexBuilder,
    keeps_statistics: bool,
    range: Option<Range>,
    last_range: Option<Range>,
    ascending: bool,
    descending: bool,
    rows: u64,
    nulls: u64,
}

/// A page of values and levels, not compressed yet.
pub(super) struct DataPage<'a> {
    /// Levels and values.
    pub(super) bytes: &'a [u8],
    /// How the values are encoded.
    pub(super) encoding: Encoding,
    /// Rows, null or not.
    pub(super) rows: usize,
    /// Rows that are null.
    pub(super) nulls: usize,
    /// The range of the values, where it is kept and there are any that compare.
    pub(super) range: Option<Range>,
}

/// A column chunk that is written.
pub(super) struct Chunk {
    /// For the footer.
    pub(super) metadata: ColumnChunkMetaData,
    /// Page statistics.
    pub(super) column_index: ColumnIndexMetaData,
    /// Page positions.
    pub(super) offset_index: OffsetIndexMetaData,
}

impl<'a, W: Write> ChunkWriter<'a, W> {
    /// A chunk that begins where the file ends now.
    pub(super) fn new(context: ChunkContext<'a, W>, descriptor: ColumnDescPtr, keeps_statistics: bool) -> Self {
        let mut column_index = ColumnIndexBuilder::new(descriptor.physical_type());
        if !keeps_statistics {
            column_index.to_invalid();
        }
        ChunkWriter {
            start: context.out.bytes_written() as u64,
            context,
            descriptor,
            dictionary_offset: None,
            data_offset: None,
            uncompressed: 0,
            pages: Vec::new(),
            column_index,
            offset_index: OffsetIndexBuilder::new(),
            keeps_statistics,
            range: None,
            last_range: None,
            ascending: true,
            descending: true,
            rows: 0,
            nulls: 0,
        }
    }

    /// Whether the column can hold nulls, so that its pages begin with levels.
    pub(super) fn optional(&self) -> bool {
        self.descriptor.max_def_level() > 0
    }

    /// Writes the dictionary; must come before all data pages.
    pub(super) fn put_dictionary(&mut self, bytes: &[u8], values: usize) -> Result<()> {
        self.dictionary_offset = Some(self.position());
        self.count(PageType::DICTIONARY_PAGE, Encoding::PLAIN);
        self.put_page(bytes, PageKind::Dictionary { values })?;
        Ok(())
    }

    /// Writes a data page.
    pub(super) fn put_data(&mut self, page: DataPage) -> Result<()> {
        let offset = self.position();
        self.data_offset.get_or_insert(offset);
        self.count(PageType::DATA_PAGE, page.encoding);
        let size = self.put_page(page.bytes, PageKind::Data { rows: page.rows, encoding: page.encoding })?;
        self.offset_index.append_row_count(page.rows as i64);
        self.offset_index.append_offset_and_size(offset as i64, size as i32);
        self.rows += page.rows as u64;
        self.nulls += page.nulls as u64;
        if self.keeps_statistics {
            self.index(page.range, page.rows, page.nulls);
        }
        Ok(())
    }

    fn index(&mut self, range: Option<Range>, rows: usize, nulls: usize) {
        let Some(range) = range else {
            if nulls == rows {
                self.column_index.append(true, Vec::new(), Vec::new(), nulls as i64);
            } else {
                // Values that do not compare (NaN only): the format asks for no index at all then.
                self.column_index.to_invalid();
            }
            return;
        };
        match range.page_bytes() {
            Some((min, max)) => self.column_index.append(false, min, max, nulls as i64),
            None => self.column_index.to_invalid(),
        }
        if let Some(last) = &self.last_range {
            self.ascending &= last.min <= range.min && last.max <= range.max;
            self.descending &= last.min >= range.min && last.max >= range.max;
        }
        match &mut self.range {
            Some(all) => all.include(&range),
            None => self.range = Some(range.clone()),
        }
        self.last_range = Some(range);
    }

    /// Ends the chunk.
    pub(super) fn close(mut self) -> Result<Chunk> {
        let physical = self.descriptor.physical_type();
        let encodings: Vec<Encoding> =
            self.pages.iter().map(|pages| pages.encoding).chain(self.optional().then_some(Encoding::RLE)).collect();
        let mut metadata = ColumnChunkMetaData::builder(self.descriptor.clone())
            .set_compression(self.context.codec)
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
            .set_page_encoding_stats(std::mem::take(&mut self.pages))
            .set_total_compressed_size((self.position() - self.start) as i64)
            .set_total_uncompressed_size(self.uncompressed as i64)
            .set_num_values(self.rows as i64)
            .set_data_page_offset(self.data_offset.unwrap_or(self.start) as i64)
            .set_dictionary_page_offset(self.dictionary_offset.map(|offset| offset as i64));
        if self.keeps_statistics {
            metadata = metadata.set_statistics(statistics::of_chunk(physical, self.range.as_ref(), self.nulls));
        }
        self.column_index.set_boundary_order(match (self.ascending, self.descending) {
            (true, _) => BoundaryOrder::ASCENDING,
            (false, true) => BoundaryOrder::DESCENDING,
            (false, false) => BoundaryOrder::UNORDERED,
        });
        Ok(Chunk {
            metadata: encoding(metadata.build())?,
            column_index: match self.column_index.valid() {
                true => encoding(self.column_index.build())?,
                false => ColumnIndexMetaData::NONE,
            },
            offset_index: self.offset_index.build(),
        })
    }

    fn position(&self) -> u64 {
        self.context.out.bytes_written() as u64
    }

    fn count(&mut self, page_type: PageType, encoding: Encoding) {
        match self.pages.last_mut() {
            Some(last) if last.page_type == page_type && last.encoding == encoding => last.count += 1,
            _ => self.pages.push(PageEncodingStats { page_type, encoding, count: 1 }),
        }
    }

    /// Writes header and compressed bytes; answers the size of both.
    fn put_page(&mut self, bytes: &[u8], kind: PageKind) -> Result<usize> {
        let ChunkContext { out, compressor, packed, .. } = &mut self.context;
        let packed = compressor.compress(bytes, packed)?;
        if bytes.len() > i32::MAX as usize || packed.len() > i32::MAX as usize {
            return Err(Error::unexpected(format!("a page of {} bytes: Parquet allows 2 GiB", bytes.len())));
        }
        let header = kind.header(bytes.len(), packed.len());
        let written = out.write_all(&header).and_then(|()| out.write_all(packed));
        written.map_err(|error| Error::writing(std::path::Path::new(""), &error))?;
        self.uncompressed += (header.len() + bytes.len()) as u64;
        Ok(header.len() + packed.len())
    }
}

enum PageKind {
    Dictionary { values: usize },
    Data { rows: usize, encoding: Encoding },
}

impl PageKind {
    /// `PageHeader` in Thrift's compact protocol: a byte of field delta and type before each field, integers zigzagged.
    fn header(&self, uncompressed: usize, compressed: usize) -> Vec<u8> {
        const INTEGER: u8 = 0x15;
        let mut out = Vec::with_capacity(48);
        let put = |out: &mut Vec<u8>, value: usize| {
            out.push(INTEGER);
            put_varint((value as u64) << 1, out);
        };
        let page_type = match self {
            PageKind::Dictionary { .. } => PageType::DICTIONARY_PAGE,
            PageKind::Data { .. } => PageType::DATA_PAGE,
        };
        put(&mut out, page_type as usize);
        put(&mut out, uncompressed);
        put(&mut out, compressed);
        match *self {
            PageKind::Data { rows, encoding } => {
                out.push(0x2c);
                put(&mut out, rows);
                put(&mut out, encoding as usize);
                put(&mut out, Encoding::RLE as usize);
                put(&mut out, Encoding::RLE as usize);
            }
            PageKind::Dictionary { values } => {
                out.push(0x4c);
                put(&mut out, values);
                put(&mut out, Encoding::PLAIN as usize);
            }
        }
        out.extend_from_slice(&[0, 0]);
        out
    }
}
