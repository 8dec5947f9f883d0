//! `fapo-host new`

use std::path::{Path, PathBuf};

use fapo_core::manifest::WrittenManifest;
use serde::Serialize;

use crate::exit::{CommandError, CommandResult, Exit, file_error};
use crate::report;
use crate::templates::{self, Lang};

/// Make a tenant that builds and evaluates at once
///
/// It is the quickstart under the name that you give: a chain and a scorer in
/// the language of your choice, prompts, two variants, configs, cases of three
/// splits, a script that answers them without a model, and docs. A tenant in
/// Rust gets the sources of the SDK, too. Nothing is fetched.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tenant's id, and its directory's name
    name: String,
    /// The language of its chain and scorer
    #[arg(long, value_enum, default_value_t = Lang::Rust)]
    lang: Lang,
    /// Where to make the directory; by default here
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// What was made. Its fields are promised to scripts.
#[derive(Serialize)]
struct Made {
    path: PathBuf,
    lang: Lang,
    files: Vec<String>,
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    let manifest = WrittenManifest {
        id: args.name.clone(),
        ..WrittenManifest::default()
    };
    manifest.check().map_err(|error| {
        let hint = error.hint();
        CommandError::person("could not make the tenant")
            .because(error)
            .hint(hint)
    })?;
    let path = match &args.dir {
        Some(dir) => dir.join(&args.name),
        None => PathBuf::from(&args.name),
    };
    let files = templates::tenant(&args.name, args.lang);
    write(&path, &files)?;
    let mut files: Vec<_> = files.into_iter().map(|(path, _)| path).collect();
    files.sort();
    if args.json {
        let lang = args.lang;
        report::json(&Made { path, lang, files });
        return Ok(Exit::Done);
    }
    let n_files = report::counted(files.len() as u64, "file");
    report::note(&format!("made `{}`, {n_files}; next:", path.display()));
    for next in ["build", "eval"] {
        report::line(&format!("fapo-host {next} {}", path.display()));
    }
    report::line(&format!("fapo-host eval {} --variant 001", path.display()));
    Ok(Exit::Done)
}

/// Writes files into a directory that is not there yet, all of them or none.
fn write(path: &Path, files: &[(String, String)]) -> CommandResult<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| file_error("make", parent, error))?;
    }
    std::fs::create_dir(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            CommandError::person(format!("`{}` is there already", path.display()))
                .hint("give another name, or another place with `--dir`")
        }
        _ => file_error("make", path, error),
    })?;
    let written = files.iter().try_for_each(|(name, text)| {
        let file = path.join(name);
        let folder = file.parent().unwrap_or(path);
        std::fs::create_dir_all(folder).map_err(|error| file_error("make", folder, error))?;
        std::fs::write(&file, text).map_err(|error| file_error("write", &file, error))
    });
    if written.is_err() {
        // It was made above, so nothing in it is anybody's.
        std::fs::remove_dir_all(path).ok();
    }
    written
}
