//! Databases in the operator's home: files that several processes share.
//!
//! Each is SQLite with a write-ahead log, so that reading waits for nobody and
//! what was committed outlives the process that wrote it. It says what it is
//! and in which format, and nothing else is taken for it. What lies in them is
//! for `cache` and `spending` to say.

mod queue;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

pub(crate) use queue::Queue;

use crate::exit::CommandError;

/// What a database is.
pub(crate) struct Layout {
    /// As in "the cache".
    pub(crate) name: &'static str,
    /// The mark by which it is told from other databases.
    pub(crate) mark: i32,
    /// The version of its tables.
    pub(crate) format: i32,
    /// Its tables.
    pub(crate) schema: &'static str,
    /// What to do where it cannot be used.
    pub(crate) hint: &'static str,
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The disk, or those who hold it.
    #[error("could not use {name} `{}`", path.display())]
    Disk {
        name: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// It is not what a database looks like.
    #[error("{name} `{}` is damaged", path.display())]
    Damaged {
        name: &'static str,
        path: PathBuf,
        hint: &'static str,
        source: rusqlite::Error,
    },
    /// Another version of this program made it, or another program did.
    #[error("{name} `{}` has the format {found}, and this program reads {known}", path.display())]
    Format {
        name: &'static str,
        path: PathBuf,
        hint: &'static str,
        found: String,
        known: i32,
    },
}

impl OpenError {
    /// Tells it to whoever gave a command.
    pub(crate) fn told(self) -> CommandError {
        let (what, hint) = (self.to_string(), self.hint());
        match self {
            Self::Disk { source, .. } => CommandError::world(what).because(source),
            Self::Damaged { source, .. } => CommandError::world(what).because(source),
            Self::Format { .. } => CommandError::person(what),
        }
        .hint(hint)
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Disk { .. } => "`FAPO_HOME` must be a directory that you own and that has room",
            Self::Damaged { hint, .. } | Self::Format { hint, .. } => hint,
        }
    }
}

/// Opens a database, and makes it where there is none.
pub(crate) fn open(path: &Path, layout: &Layout) -> Result<Connection, OpenError> {
    make(path).map_err(|source| OpenError::Disk {
        name: layout.name,
        path: path.into(),
        source,
    })?;
    let mut asked = 0;
    let (connection, found) = loop {
        match try_open(path, layout) {
            Ok(opened) => break opened,
            // Two that make the same database at once, where SQLite does not wait by itself.
            Err(error) if is_busy(&error) && wait(asked) => asked += 1,
            Err(error) => return Err(open_error(path, layout, error)),
        }
    };
    match found {
        Some(found) => Err(OpenError::Format {
            name: layout.name,
            path: path.into(),
            hint: layout.hint,
            found,
            known: layout.format,
        }),
        None => Ok(connection),
    }
}

/// Begins to write: whoever else wants to write waits.
pub(crate) fn writing(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Turns what a command met in a database into its error.
pub(crate) fn query_error(path: &Path, layout: &Layout, error: rusqlite::Error) -> CommandError {
    open_error(path, layout, error).told()
}

/// Makes the file, readable for its owner alone. SQLite gives the log beside it
/// the same mode.
///
/// A file that is there is not opened here: closing it would give up the locks
/// that this process holds on it.
fn make(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Returns the connection, and the format where it is another one.
fn try_open(path: &Path, layout: &Layout) -> rusqlite::Result<(Connection, Option<String>)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_handler(Some(wait))?;
    if is_new(&connection)? {
        // What an owner deletes can be given back without writing the rest anew.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        write_ahead(&connection)?;
        let making = writing(&mut connection)?;
        if is_new(&making)? {
            making.execute_batch(layout.schema)?;
            making.pragma_update(None, "application_id", layout.mark)?;
            making.pragma_update(None, "user_version", layout.format)?;
        }
        making.commit()?;
    }
    let (mark, format) = (
        number(&connection, "application_id")?,
        number(&connection, "user_version")?,
    );
    if mark != layout.mark {
        return Ok((connection, Some("of something else".into())));
    }
    if format != layout.format {
        return Ok((connection, Some(format.to_string())));
    }
    write_ahead(&connection)?;
    // What is asked for by its key has one plan, whatever the key. Otherwise
    // SQLite makes it anew for each key.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A commit is in the hands of the system: no end of this process undoes it.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok((connection, None))
}

fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
}

fn is_new(connection: &Connection) -> rusqlite::Result<bool> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0 && number(connection, "application_id")? == 0)
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

/// Waits for another process to end its transaction, which takes as long as a
/// few rows; gives up after about half a minute.
fn wait(asked: i32) -> bool {
    let (short, long) = (Duration::from_micros(200), Duration::from_millis(2));
    std::thread::sleep(if asked < 20 { short } else { long });
    asked < 15_000
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

fn open_error(path: &Path, layout: &Layout, error: rusqlite::Error) -> OpenError {
    let (name, path) = (layout.name, path.into());
    match error.sqlite_error_code() {
        // `Unknown` is what a table says that is not there.
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown) => {
            OpenError::Damaged {
                name,
                path,
                hint: layout.hint,
                source: error,
            }
        }
        _ => OpenError::Disk {
            name,
            path,
            source: io::Error::other(error.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;
    use std::os::unix::fs::PermissionsExt;

    const LAYOUT: Layout = Layout {
        name: "the trial",
        mark: 7,
        format: 2,
        schema: "CREATE TABLE things (id INTEGER PRIMARY KEY)",
        hint: "mend it",
    };

    fn told(path: &Path, layout: &Layout) -> String {
        let error = open(path, layout).unwrap_err().told();
        format!("{} {:?}", error.chain().join(" "), error.hint_text())
    }

    #[test]
    fn it_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("home/trial.sqlite");
        let connection = open(&path, &LAYOUT).unwrap();
        connection
            .execute("INSERT INTO things VALUES (1)", [])
            .unwrap();
        for name in ["trial.sqlite", "trial.sqlite-wal", "trial.sqlite-shm"] {
            let meta = path.with_file_name(name).metadata().unwrap();
            assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn many_that_make_it_at_once_all_have_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trial.sqlite");
        std::thread::scope(|scope| {
            for id in 0..16 {
                let path = &path;
                scope.spawn(move || {
                    let connection = open(path, &LAYOUT).unwrap();
                    connection
                        .execute("INSERT INTO things VALUES (?1)", [id])
                        .unwrap();
                });
            }
        });
        let connection = open(&path, &LAYOUT).unwrap();
        let n: i64 = connection
            .query_row("SELECT count(*) FROM things", [], |row| row.get(0))
            .unwrap();
        assert_eq!(n, 16);
    }

    #[test]
    fn what_is_asked_by_its_key_is_planned_once() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open(&dir.path().join("trial.sqlite"), &LAYOUT).unwrap();
        connection
            .execute_batch("CREATE TABLE keyed (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE)")
            .unwrap();
        let keyed = "SELECT id FROM keyed JOIN things USING (id) WHERE key = ?1";
        for key in [[1; 32], [2; 32], [3; 32]] {
            let mut query = connection.prepare_cached(keyed).unwrap();
            assert!(!query.exists([key]).unwrap());
            assert_eq!(query.get_status(StatementStatus::RePrepare), 0);
        }
    }

    #[test]
    fn what_is_not_it_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trial.sqlite");
        let text =
            "no database at all, and as long as a header of one would be: 100 bytes.".repeat(9);
        std::fs::write(&path, &text).unwrap();
        assert!(told(&path, &LAYOUT).contains("is damaged"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);

        let other = dir.path().join("other.sqlite");
        let connection = Connection::open(&other).unwrap();
        connection.execute_batch("CREATE TABLE theirs (x)").unwrap();
        let before = std::fs::read(&other).unwrap();
        assert!(told(&other, &LAYOUT).contains("format of something else"));
        assert_eq!(std::fs::read(&other).unwrap(), before);
    }

    #[test]
    fn another_format_is_named_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trial.sqlite");
        drop(open(&path, &LAYOUT).unwrap());
        let newer = Layout {
            format: 3,
            ..LAYOUT
        };
        let told = told(&path, &newer);
        assert!(
            told.contains("has the format 2, and this program reads 3"),
            "{told}"
        );
        assert!(told.contains("mend it"), "{told}");
    }

    #[test]
    fn a_place_where_no_file_can_be_is_an_error_of_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        assert!(told(dir.path(), &LAYOUT).contains("could not use the trial"));
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(told(&file.join("trial.sqlite"), &LAYOUT).contains("could not use the trial"));
    }
}
