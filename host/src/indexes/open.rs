//! An index that is open: its files, mapped, and what they say of each other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt as DirMeta};
use fapo_core::bm25::{Document, Documents, Hit, Index, IndexError, Scratch};
use fapo_core::call::Passage;

use super::info::{INFO, Info};
use super::map::Map;
use crate::exit::{CommandError, CommandResult, file_error};

/// The terms and their documents.
pub(super) const INDEX: &str = "index.bm25";

/// What is shown of documents.
pub(super) const DOCUMENTS: &str = "documents";

/// The files of an index; a directory with another one is no index.
pub(super) const FILES: [&str; 3] = [INFO, INDEX, DOCUMENTS];

/// An index that threads share.
///
/// Opening reads `info.json` and the ends of the mapped files, so it takes
/// milliseconds whatever the size. A part of a file is checked when a search
/// first reads it.
pub(crate) struct OpenIndex {
    dir: PathBuf,
    info: Info,
    index: Index<Map>,
    documents: Documents<Map>,
}

/// Why a directory cannot be opened as an index.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("it is no index: it has no `{INFO}`")]
    Missing,
    #[error(
        "its format is {version}, and this program reads {}",
        super::info::FORMAT
    )]
    Version { version: u32 },
    #[error("`{file}` is damaged or cut off")]
    Damaged { file: &'static str },
    #[error("`{file}` cannot be used: {error}")]
    File {
        file: &'static str,
        error: IndexError,
    },
    #[error("its files do not belong together")]
    Mixed,
    #[error("could not read it")]
    Read(#[source] std::io::Error),
}

impl OpenError {
    pub(super) fn told(self, dir: &Path) -> CommandError {
        let what = format!("could not open the index `{}`", dir.display());
        let hint = match &self {
            Self::Missing => "`fapo-host index build DIR --corpus FILE` makes an index".to_owned(),
            Self::Version { .. }
            | Self::File {
                error: IndexError::Version { .. },
                ..
            } => {
                "build it again with this program, or open it with the one that built it".to_owned()
            }
            Self::Damaged { .. } | Self::File { .. } | Self::Mixed => {
                "build it again from its corpus with `fapo-host index build`".to_owned()
            }
            Self::Read(_) => return CommandError::world(what).because(self),
        };
        CommandError::person(what).because(self).hint(hint)
    }
}

thread_local! {
    /// What searches of this thread need, whatever the index.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Indexes by the file of their terms: device and inode.
type ByFile = HashMap<(u64, u64), Weak<OpenIndex>>;

/// Those that are open in this process.
static OPEN: LazyLock<Mutex<ByFile>> = LazyLock::new(Mutex::default);

impl OpenIndex {
    /// Opens the index in a directory.
    pub(crate) fn open(dir: &Path) -> CommandResult<Arc<Self>> {
        Self::try_open(dir).map_err(|error| error.told(dir))
    }

    /// Opens an index, or returns the one that this process has open already.
    pub(super) fn try_open(path: &Path) -> Result<Arc<Self>, OpenError> {
        let mut n_tried = 0;
        loop {
            let dir = match Dir::open_ambient_dir(path, ambient_authority()) {
                Ok(dir) => dir,
                Err(error) if is_not_there(&error) => return Err(OpenError::Missing),
                Err(error) => return Err(OpenError::Read(error)),
            };
            let opened = Self::open_in(&dir, path);
            // Another index may have taken the place of this one, whose files
            // then go away. That happens once, or somebody plays with us.
            let is_gone = opened.is_err() && !is_still_at(&dir, path);
            if !is_gone || n_tried == REPLACED_MAX {
                return opened;
            }
            n_tried += 1;
        }
    }

    /// Opens all files relative to the directory, so that they are of one index.
    fn open_in(dir: &Dir, path: &Path) -> Result<Arc<Self>, OpenError> {
        let info = Info::read(dir)?;
        let index = file(dir, INDEX)?;
        let meta = index.metadata().map_err(OpenError::Read)?;
        let key = (meta.dev(), meta.ino());
        // Held while it is opened, so that nobody opens it twice meanwhile.
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.get(&key).and_then(Weak::upgrade)
            && known.info == info
        {
            return Ok(known);
        }
        let documents = file(dir, DOCUMENTS)?;
        let opened = Arc::new(Self::map(path, info, &index, &documents)?);
        open.retain(|_, known| known.strong_count() > 0);
        open.insert(key, Arc::downgrade(&opened));
        Ok(opened)
    }

    fn map(dir: &Path, info: Info, index: &File, documents: &File) -> Result<Self, OpenError> {
        let of = |file| move |error| OpenError::File { file, error };
        let index = Map::of(index).map_err(OpenError::Read)?;
        let index = Index::open(index).map_err(of(INDEX))?;
        let documents = Map::of(documents).map_err(OpenError::Read)?;
        let documents = Documents::open(documents).map_err(of(DOCUMENTS))?;
        let stats = index.stats();
        let together = info.describes(&stats)
            && stats.documents == documents.checksum()
            && stats.n_documents == documents.n_documents();
        if !together {
            return Err(OpenError::Mixed);
        }
        Ok(Self {
            dir: dir.into(),
            info,
            index,
            documents,
        })
    }

    /// Returns the best `k` passages for a query, the best one first.
    pub(crate) fn search(&self, query: &str, k: usize) -> Result<Vec<Passage>, IndexError> {
        let hits = self.hits(query, k)?;
        let passages = (1..).zip(hits).map(|(rank, hit)| {
            let document = self.document(hit)?;
            let metadata = match document.metadata {
                "" => "{}",
                metadata => metadata,
            };
            Ok(Passage {
                id: document.id.into(),
                title: document.title.into(),
                text: document.text.into(),
                score: f64::from(hit.score),
                rank,
                metadata: metadata.into(),
            })
        });
        passages.collect()
    }

    /// Returns the best `k` hits for a query, the best one first.
    pub(crate) fn hits(&self, query: &str, k: usize) -> Result<Vec<Hit>, IndexError> {
        SCRATCH.with_borrow_mut(|scratch| self.index.search(query, k, scratch))
    }

    /// Returns `k` hits for a query, or all documents if there are fewer: also
    /// those that have no word of it, at the end.
    pub(crate) fn hits_filled(&self, query: &str, k: usize) -> Result<Vec<Hit>, IndexError> {
        SCRATCH.with_borrow_mut(|scratch| self.index.search_filled(query, k, scratch))
    }

    /// Returns what is shown of a hit.
    pub(crate) fn document(&self, hit: Hit) -> Result<Document<'_>, IndexError> {
        self.documents.get(hit.document)
    }

    /// Returns where it is.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns what the index is.
    pub(crate) fn info(&self) -> &Info {
        &self.info
    }

    /// Checks every byte.
    pub(crate) fn verify(&self) -> CommandResult<()> {
        let check = |file, checked: Result<(), IndexError>| {
            checked.map_err(|error| OpenError::File { file, error }.told(&self.dir))
        };
        // `info.json` was read whole when the index was opened.
        check(INDEX, self.index.verify())?;
        check(DOCUMENTS, self.documents.verify())
    }
}

/// How often an index may be replaced while it is opened.
const REPLACED_MAX: u32 = 3;

/// Opens a file of an index.
pub(super) fn file(dir: &Dir, name: &'static str) -> Result<File, OpenError> {
    let file = match dir.open(name) {
        Ok(file) => file.into_std(),
        Err(error) if is_not_there(&error) && name == INFO => return Err(OpenError::Missing),
        Err(error) if is_not_there(&error) => return Err(OpenError::Damaged { file: name }),
        Err(error) => return Err(OpenError::Read(error)),
    };
    match file.metadata().map_err(OpenError::Read)?.is_file() {
        true => Ok(file),
        false => Err(OpenError::Damaged { file: name }),
    }
}

fn is_not_there(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Tells whether a path still leads to a directory that was opened by it.
fn is_still_at(dir: &Dir, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (dir.dir_metadata(), std::fs::metadata(path)) else {
        return false;
    };
    (DirMeta::dev(&ours), DirMeta::ino(&ours)) == (there.dev(), there.ino())
}

/// Tells whether there is an index in a directory, whole or damaged, and nothing
/// else: what may be replaced by another index.
pub(super) fn is_index(dir: &Path) -> CommandResult<bool> {
    let error = |error| file_error("read", dir, error);
    let mut is_index = false;
    for entry in std::fs::read_dir(dir).map_err(error)? {
        let name = entry.map_err(error)?.file_name();
        if !FILES.iter().any(|file| *file == name) {
            return Ok(false);
        }
        is_index = true;
    }
    Ok(is_index)
}
