//! `fapo-host split`

use std::fs::{self, Permissions};
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fapo_core::digest::hex;
use fapo_core::split::{Division, Sizes, Split, by_sizes};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::dataset::{self, Lines, Place};
use crate::exit::{CommandError, CommandResult, Exit, file_error};
use crate::report::{self, Table, plural};
use crate::workspace;

/// Divide a dataset into train, validation and test
///
/// Which split a case comes into is decided by the seed and its id, or its
/// group, and not by its place in the file. Cases of one group, and copies of
/// one case, come into the same split. The rows are copied as they are into
/// train.jsonl, validation.jsonl and test.jsonl, and splits.json says how they
/// came about. Nothing that is there already is overwritten.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The dataset, one case a line
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Cases to train on
    #[arg(long, value_name = "N", default_value_t = 0)]
    train: u64,
    /// Cases to compare variants on
    #[arg(long, value_name = "N", default_value_t = 0)]
    validation: u64,
    /// Cases to hold out
    #[arg(long, value_name = "N", default_value_t = 0)]
    test: u64,
    /// Another seed gives another split
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Keep cases together that have the same value here: a field of the row,
    /// such as metadata.source or context.title
    #[arg(long, value_name = "KEY")]
    group: Option<String>,
    /// Where to write the files; by default where FILE is
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// The file that says how the others came about.
const RECORD: &str = "splits.json";

/// The version of that file's format.
const FORMAT: u32 = 1;

/// What `splits.json` holds.
#[derive(Serialize)]
struct Record<'a> {
    format: u32,
    source: String,
    source_sha256: String,
    seed: u64,
    group: Option<&'a str>,
    n_groups: u64,
    asked: Sizes,
    got: Sizes,
    n_unused: u64,
    files: Vec<FileRecord>,
}

/// One file that was written.
#[derive(Serialize)]
struct FileRecord {
    split: Split,
    file: String,
    sha256: String,
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    let sizes = Sizes {
        train: args.train,
        validation: args.validation,
        test: args.test,
    };
    let dir = out_dir(args);
    workspace::check_not_raw(&dir)?;
    refuse_existing(&dir, sizes)?;
    let place = Place::Path(args.file.clone());
    let (groups, source) = dataset::groups(&place, args.group.as_deref())?;
    let division = by_sizes(sizes, args.seed, &groups).map_err(|error| {
        let hint = error.hint();
        CommandError::person(format!("could not divide `{}`", args.file.display()))
            .because(error)
            .hint(hint)
    })?;
    fs::create_dir_all(&dir).map_err(|error| file_error("make", &dir, error))?;
    let record = Record {
        format: FORMAT,
        source: file_name(&args.file),
        source_sha256: source.clone(),
        seed: args.seed,
        group: args.group.as_deref(),
        n_groups: division.report.n_groups,
        asked: division.report.asked,
        got: division.report.got,
        n_unused: division.report.n_unused,
        files: write_splits(&place, &dir, &division, &source)?,
    };
    write_record(&dir, &record)?;
    if args.json {
        report::json(&record);
    } else {
        show(&dir, &record);
    }
    Ok(Exit::Done)
}

fn show(dir: &Path, record: &Record) {
    let mut table = Table::new(["split", "asked", "got", "file"]);
    for file in &record.files {
        table.row([
            file.split.name().into(),
            record.asked.get(file.split).to_string(),
            record.got.get(file.split).to_string(),
            dir.join(&file.file).display().to_string(),
        ]);
    }
    table.print();
    report::line("");
    report::line(&format!(
        "{} {} · {} {} left over · seed {}",
        record.n_groups,
        plural(record.n_groups, "group"),
        record.n_unused,
        plural(record.n_unused, "case"),
        record.seed
    ));
}

fn out_dir(args: &Args) -> PathBuf {
    match args.out.as_deref().or_else(|| args.file.parent()) {
        Some(dir) if !dir.as_os_str().is_empty() => dir.into(),
        // The parent of a bare name.
        _ => ".".into(),
    }
}

/// Refuses before anything is read what would be refused at the end.
fn refuse_existing(dir: &Path, sizes: Sizes) -> CommandResult<()> {
    let splits = asked_splits(sizes).map(split_file);
    for name in splits.chain([RECORD.to_owned()]) {
        let path = dir.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(already_there(&path));
        }
    }
    Ok(())
}

fn already_there(path: &Path) -> CommandError {
    CommandError::person(format!("`{}` is there already", path.display()))
        .hint("name another directory with `--out`, or move the old splits away")
}

fn asked_splits(sizes: Sizes) -> impl Iterator<Item = Split> {
    Split::ALL
        .into_iter()
        .filter(move |split| sizes.get(*split) > 0)
}

fn split_file(split: Split) -> String {
    format!("{}.jsonl", split.name())
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// A file of a split while it is written, under a name that is gone when
/// something fails.
struct Output {
    split: Split,
    file: BufWriter<NamedTempFile>,
    digest: Sha256,
}

/// Copies the rows to their splits.
fn write_splits(
    place: &Place,
    dir: &Path,
    division: &Division,
    source: &str,
) -> CommandResult<Vec<FileRecord>> {
    let mut outputs = asked_splits(division.report.asked)
        .map(|split| {
            Ok(Output {
                split,
                file: BufWriter::new(temporary(dir)?),
                digest: Sha256::new(),
            })
        })
        .collect::<CommandResult<Vec<_>>>()?;
    let mut lines = Lines::open(place)?;
    let mut rows = division.rows.iter();
    let mut bytes = Vec::new();
    while lines.read(&mut bytes)? {
        if lines.text(&bytes)?.is_none() {
            continue;
        }
        let split = rows.next().copied().flatten();
        let Some(output) = outputs
            .iter_mut()
            .find(|output| split == Some(output.split))
        else {
            continue;
        };
        if !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        output.digest.update(&bytes);
        output
            .file
            .write_all(&bytes)
            .map_err(|error| file_error("write to", dir, error))?;
    }
    if lines.digest() != source {
        return Err(
            CommandError::world(format!("`{}` changed while it was read", place.shown()))
                .hint("run it again when nothing writes to the file"),
        );
    }
    outputs
        .into_iter()
        .map(|output| {
            let name = split_file(output.split);
            let file = output.file.into_inner();
            let file = file.map_err(|error| file_error("write to", dir, error.into_error()))?;
            keep(file, &dir.join(&name))?;
            Ok(FileRecord {
                split: output.split,
                file: name,
                sha256: hex(&output.digest.finalize().into()),
            })
        })
        .collect()
}

/// Writes what the others are; it comes last, so splits with it are whole.
fn write_record(dir: &Path, record: &Record) -> CommandResult<()> {
    let mut text =
        serde_json::to_string_pretty(record).expect("records of plain data can be written");
    text.push('\n');
    let mut file = temporary(dir)?;
    file.write_all(text.as_bytes())
        .map_err(|error| file_error("write to", dir, error))?;
    keep(file, &dir.join(RECORD))
}

fn temporary(dir: &Path) -> CommandResult<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".split-")
        // As any other file: a temporary one is its owner's alone by default.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(dir)
        .map_err(|error| file_error("write to", dir, error))
}

/// Gives a file its name, unless that is taken.
fn keep(file: NamedTempFile, path: &Path) -> CommandResult<()> {
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Err(already_there(path)),
        Err(failed) => Err(file_error("write", path, failed.error)),
    }
}
