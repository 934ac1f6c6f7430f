//! Both sides on disk, parted by the fingerprint of their ids, so that one part at a time fits into memory.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

use super::rows::{OurRow, Ours, Theirs};
use crate::domain::settlement::Category;

/// Parts. Each is a pair of files that are open at once.
const PARTS: usize = 64;
const BUFFER: usize = 32 * 1024;

/// Files that go away with this value: they have no names.
#[derive(Debug)]
pub(super) struct Spool {
    theirs: Vec<BufWriter<File>>,
    ours: Vec<BufWriter<File>>,
}

fn part(key: u128) -> usize {
    usize::try_from(key >> 120).unwrap_or_default() % PARTS
}

impl Spool {
    pub(super) fn new() -> io::Result<Self> {
        let files = || (0..PARTS).map(|_| Ok(BufWriter::with_capacity(BUFFER, tempfile::tempfile()?))).collect::<io::Result<_>>();
        Ok(Self { theirs: files()?, ours: files()? })
    }

    pub(super) fn theirs(&mut self, row: &Theirs, id: &str) -> io::Result<()> {
        self.theirs.get_mut(part(row.key)).map_or(Ok(()), |file| row.write(id, file))
    }

    pub(super) fn ours(&mut self, row: &OurRow<'_>) -> io::Result<()> {
        self.ours.get_mut(part(row.key)).map_or(Ok(()), |file| row.write(file))
    }

    /// Turns from writing to reading.
    pub(super) fn parts(self) -> io::Result<Parts> {
        let rewound = |files: Vec<BufWriter<File>>| -> io::Result<Vec<File>> {
            files
                .into_iter()
                .map(|mut file| {
                    file.flush()?;
                    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                    file.rewind()?;
                    Ok(file)
                })
                .collect()
        };
        Ok(Parts { files: rewound(self.theirs)?.into_iter().zip(rewound(self.ours)?).collect::<Vec<_>>().into_iter() })
    }
}

/// The parts, one after the other.
pub(super) struct Parts {
    files: std::vec::IntoIter<(File, File)>,
}

/// One part: theirs in memory, ours as they are read.
pub(super) struct Part {
    pub(super) theirs: Vec<(Theirs, String)>,
    pub(super) ours: Rows,
}

impl Parts {
    pub(super) fn next_part(&mut self) -> io::Result<Option<Part>> {
        let Some((theirs, ours)) = self.files.next() else { return Ok(None) };
        let mut input = BufReader::with_capacity(BUFFER, theirs);
        let mut rows = Vec::new();
        while let Some(row) = Theirs::read(&mut input)? {
            rows.push(row);
        }
        Ok(Some(Part { theirs: rows, ours: Rows(BufReader::with_capacity(BUFFER, ours)) }))
    }
}

/// Ours, one by one.
pub(super) struct Rows(BufReader<File>);

impl Iterator for Rows {
    type Item = io::Result<Ours>;
    fn next(&mut self) -> Option<Self::Item> {
        Ours::read(&mut self.0).transpose()
    }
}

/// What is remembered of a movement that was paired.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    /// Our id.
    pub(super) own: u64,
    /// The id that refunds name, of a charge; else 0.
    pub(super) charge: u64,
}

impl Note {
    pub(super) fn of(row: &Theirs) -> Self {
        Self { own: row.ours, charge: if row.category == Category::Charge { row.alt } else { 0 } }
    }
}

/// Notes on disk.
pub(super) struct Notes(BufWriter<File>);

impl Notes {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(BufWriter::with_capacity(BUFFER, tempfile::tempfile()?)))
    }

    pub(super) fn add(&mut self, row: &Theirs) -> io::Result<()> {
        let Note { own, charge } = Note::of(row);
        self.0.write_all(&own.to_le_bytes())?;
        self.0.write_all(&charge.to_le_bytes())
    }

    pub(super) fn rows(mut self) -> io::Result<impl Iterator<Item = io::Result<Note>>> {
        self.0.flush()?;
        let mut file = self.0.into_inner().map_err(io::IntoInnerError::into_error)?;
        let notes = file.metadata()?.len() / 16;
        file.rewind()?;
        let mut input = BufReader::with_capacity(BUFFER, file);
        Ok((0..notes).map(move |_| {
            let mut half = || -> io::Result<u64> {
                let mut bytes = [0; 8];
                input.read_exact(&mut bytes)?;
                Ok(u64::from_le_bytes(bytes))
            };
            Ok(Note { own: half()?, charge: half()? })
        }))
    }
}
