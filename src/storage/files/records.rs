//! Files of records in the order of their paths, and lists of NUL-terminated texts.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use crate::base::error::{Context, Error, Result};
use crate::model::files::{FileRecord, RECORD_FIELDS};

/// Longer than a path and a target can be.
const MAX_FIELD: u64 = 64 << 10;

/// Reads texts that each end with a NUL.
pub struct NulReader<R> {
    input: BufReader<R>,
}

impl<R: Read> NulReader<R> {
    /// Of this input.
    pub fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(256 << 10, input) }
    }

    /// The next text; `None` at the end.
    ///
    /// # Errors
    /// It cannot be read, is too long, or the input ends within it.
    pub fn text(&mut self) -> Result<Option<Vec<u8>>> {
        let mut field = Vec::new();
        (&mut self.input).take(MAX_FIELD).read_until(0, &mut field)?;
        match field.pop() {
            None => Ok(None),
            Some(0) => Ok(Some(field)),
            Some(_) => Err(Error::new("the list of files ends within a name, or has one that is too long")),
        }
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// As [`NulReader::text`], or it has another form.
    pub fn record(&mut self) -> Result<Option<FileRecord>> {
        let Some(first) = self.text()? else { return Ok(None) };
        let mut fields: [Vec<u8>; RECORD_FIELDS] = Default::default();
        fields[0] = first;
        for field in fields.iter_mut().skip(1) {
            *field = self.text()?.ok_or_else(|| Error::new("the list of files ends within an entry"))?;
        }
        FileRecord::from_fields(&fields).map(Some)
    }
}

/// A finished file of records in the order of their paths.
#[derive(Debug, Clone)]
pub struct RecordFile {
    path: PathBuf,
}

impl RecordFile {
    /// Reads it from its start.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn read(&self) -> Result<NulReader<File>> {
        let file = File::open(&self.path).doing(|| format!("read {}", self.path.display()))?;
        Ok(NulReader::new(file))
    }

    /// Calls `each` for every record.
    ///
    /// # Errors
    /// It cannot be read, or `each` fails.
    pub fn for_each(&self, mut each: impl FnMut(FileRecord) -> Result<()>) -> Result<()> {
        let mut reader = self.read()?;
        while let Some(record) = reader.record()? {
            each(record)?;
        }
        Ok(())
    }
}

/// Writes a file of records, in the order of their paths.
pub struct RecordWriter {
    path: PathBuf,
    output: BufWriter<File>,
    last: Option<Vec<u8>>,
    buffer: Vec<u8>,
}

impl RecordWriter {
    /// A new file.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).doing(|| format!("write {}", path.display()))?;
        let output = BufWriter::with_capacity(256 << 10, file);
        Ok(Self { path: path.to_owned(), output, last: None, buffer: Vec::new() })
    }

    /// Adds a record.
    ///
    /// # Errors
    /// The disk is full, or the path does not come after the one before.
    pub fn add(&mut self, record: &FileRecord) -> Result<()> {
        if self.last.as_ref().is_some_and(|last| *last >= record.path) {
            return Err(Error::new("the files are not listed in order"));
        }
        self.buffer.clear();
        record.write_fields(&mut self.buffer);
        self.output.write_all(&self.buffer).doing(|| format!("write {}", self.path.display()))?;
        self.last = Some(record.path.clone());
        Ok(())
    }

    /// The whole file.
    ///
    /// # Errors
    /// The disk is full.
    pub fn finish(mut self) -> Result<RecordFile> {
        self.output.flush().doing(|| format!("write {}", self.path.display()))?;
        Ok(RecordFile { path: self.path })
    }
}

/// Writes texts that each end with a NUL: a list of names for another program.
///
/// # Errors
/// The disk is full.
pub fn write_list<'a>(path: &Path, names: impl IntoIterator<Item = Result<std::borrow::Cow<'a, [u8]>>>) -> Result<()> {
    let doing = || format!("write {}", path.display());
    let mut output = BufWriter::with_capacity(256 << 10, File::create(path).doing(doing)?);
    for name in names {
        output.write_all(&name?).doing(doing)?;
        output.write_all(&[0]).doing(doing)?;
    }
    output.flush().doing(doing)
}
