//! What `fapo-host new` writes: the quickstarts and the Rust SDK, kept in the
//! program, so that a tenant can be made without this repository.

/// A file of a template: its path, and its text.
type Template = (&'static str, &'static str);

macro_rules! files {
    ($folder:literal: $($path:literal)+) => {
        &[$(($path, include_str!(concat!("../../", $folder, "/", $path)))),+]
    };
}

/// What a tenant holds in any language.
const TENANT: &[Template] = files! { "examples/quickstart":
    "tenant.toml"
    "configs/default.json" "configs/validation.json"
    "datasets/train.jsonl" "datasets/validation.jsonl" "datasets/test.jsonl"
    "docs/change-log.md" "docs/data-contract.md" "docs/eval-operations.md"
    "docs/iteration-memory.jsonl" "docs/iteration-playbook.md" "docs/prompt-contract.md"
    "prompts/answer.md" "prompts/answer/variant-001.md" "prompts/find.md"
    "script.jsonl"
    "source_artifacts/questions.jsonl"
    "storage/config.json"
    "variants/000.json" "variants/001.json"
};

const RUST: &[Template] = files! { "examples/quickstart":
    ".gitignore" "Cargo.toml" "src/chain.rs" "src/lib.rs" "src/scorer.rs"
};

const JS: &[Template] = files! { "examples/quickstart-js":
    ".gitignore" "build.sh" "chain.js" "docs/javascript.md" "package-lock.json" "package.json"
    "scorer.js" "template.js"
};

const PYTHON: &[Template] = files! { "examples/quickstart-py":
    ".gitignore" "app.py" "build.sh" "docs/python.md" "requirements.txt" "scorer.py" "template.py"
};

/// The SDK, which lies in a tenant's `sdk/`.
const SDK: &[Template] = files! { "sdk/rust":
    "Cargo.toml" "README.md"
    "src/bindings.rs" "src/bindings/chain_component.rs" "src/bindings/scorer_component.rs"
    "src/case.rs" "src/chain.rs" "src/declare.rs" "src/fake.rs" "src/glue.rs"
    "src/graph.rs" "src/graph/check.rs" "src/graph/describe.rs" "src/heap.rs"
    "src/host.rs" "src/lib.rs" "src/parse.rs"
    "src/retrieve.rs" "src/retrieve/fusion.rs" "src/retrieve/layout.rs"
    "src/retrieve/names.rs" "src/retrieve/rescue.rs" "src/run.rs"
    "src/score.rs" "src/score/choice.rs" "src/score/field.rs" "src/score/judge.rs"
    "src/score/number.rs" "src/score/pattern.rs" "src/score/text.rs"
    "src/scorer.rs"
    "src/step.rs" "src/step/agent.rs" "src/step/code.rs" "src/step/fan_out.rs"
    "src/step/llm.rs" "src/step/retrieve.rs"
    "src/template.rs" "src/types.rs"
};

/// Files of the repository's root: the licence goes along with the SDK's
/// sources, and the compiler is the one that they were tested with.
const LICENSE: &str = include_str!("../../LICENSE");
const TOOLCHAIN: &str = include_str!("../../rust-toolchain.toml");
const WORKSPACE: &str = include_str!("../../Cargo.toml");

/// The versions of what the SDK depends on, which are those of the repository.
const LOCK: &str = include_str!("templates/Cargo.lock");

/// A language that a tenant can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Lang {
    Rust,
    Js,
    Python,
}

/// Returns the files of a new tenant, by their paths below its directory.
pub(crate) fn tenant(id: &str, lang: Lang) -> Vec<(String, String)> {
    let own = match lang {
        Lang::Rust => RUST,
        Lang::Js => JS,
        Lang::Python => PYTHON,
    };
    let name = component_name(id);
    let built = format!("build/{name}.wasm");
    let (in_manifest, in_config) = (format!("id = \"{id}\""), format!("\"tenant_id\": \"{id}\""));
    let quoted = format!("\"{name}\"");
    // The longer names first: none of them may be looked for in what was put in.
    let named = [
        ("quickstart-js", name.as_str()),
        ("quickstart-py", &name),
        ("build/quickstart.wasm", &built),
        ("id = \"quickstart\"", &in_manifest),
        ("\"tenant_id\": \"quickstart\"", &in_config),
        // The chain's own name.
        ("\"quickstart\"", &quoted),
        ("../../wit", "wit"),
    ];
    let of_tenant = TENANT.iter().chain(own).map(|(path, text)| {
        let text = match *path {
            "Cargo.toml" => package(text, &name),
            _ => (*text).to_owned(),
        };
        ((*path).to_owned(), replaced(text, &named))
    });
    let mut files: Vec<_> = of_tenant.collect();
    if lang == Lang::Rust {
        files.push(("Cargo.lock".into(), lock(&name)));
        files.push(("rust-toolchain.toml".into(), TOOLCHAIN.into()));
        files.push(("sdk/LICENSE".into(), LICENSE.into()));
        for (path, text) in SDK {
            let text = match *path {
                "Cargo.toml" => alone(text),
                _ => (*text).to_owned(),
            };
            files.push((format!("sdk/{path}"), text));
        }
    }
    files
}

/// Returns what the component of a tenant is called, its chain, and its crate:
/// the id, as far as cargo and the contract take it as a name, and not that of
/// the crate that it depends on.
fn component_name(id: &str) -> String {
    const LETTERS_MAX: usize = 64;
    let name = id.replace('_', "-");
    if name.starts_with(|c: char| c.is_ascii_digit()) || name == "fapo-sdk" {
        let long = format!("tenant-{name}");
        return long[..long.len().min(LETTERS_MAX)].into();
    }
    name
}

fn replaced(text: String, by: &[(&str, &str)]) -> String {
    by.iter()
        .fold(text, |text, (from, to)| text.replace(from, to))
}

/// Returns the manifest of the quickstart's crate under another name, for a
/// place outside of this repository's workspace.
fn package(manifest: &str, name: &str) -> String {
    let named = [
        ("name = \"quickstart\"", format!("name = \"{name}\"")),
        // Under which licence a tenant stands is for its author to say.
        ("license.workspace = true\n", String::new()),
        ("../../sdk/rust", "sdk".into()),
        (
            "[lints]\nworkspace = true\n",
            "# A workspace of its own, whatever directory it lies in.\n[workspace]\n".into(),
        ),
    ];
    let named = named.each_ref().map(|(from, to)| (*from, to.as_str()));
    alone(&replaced(manifest.into(), &named))
}

/// Returns the manifest of a crate with what it inherits written out, and
/// without the lints, which are for those who change it here.
fn alone(manifest: &str) -> String {
    let inherited = |line: &str| {
        let key = line.strip_suffix(".workspace = true")?;
        let (_, package) = WORKSPACE.split_once("[workspace.package]")?;
        let is_of_key = |line: &&str| {
            let rest = line.strip_prefix(key);
            rest.is_some_and(|rest| rest.starts_with(" ="))
        };
        package.lines().find(is_of_key)
    };
    let manifest = manifest.replace("\n[lints]\nworkspace = true\n", "");
    let lines = manifest.lines();
    lines
        .map(|line| format!("{}\n", inherited(line).unwrap_or(line)))
        .collect()
}

/// Returns the lock of a tenant's crate: packages stand in the order of names.
fn lock(name: &str) -> String {
    let (head, packages) = LOCK
        .split_once("[[package]]\n")
        .expect("a lock has packages");
    let packages = packages.replace("\"quickstart\"", &format!("\"{name}\""));
    let mut packages: Vec<_> = packages.trim_end().split("\n\n[[package]]\n").collect();
    packages.sort_unstable();
    format!(
        "{head}[[package]]\n{}\n",
        packages.join("\n\n[[package]]\n")
    )
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use fapo_core::manifest::WrittenManifest;

    use super::*;

    fn text<'a>(files: &'a [(String, String)], path: &str) -> &'a str {
        let found = files.iter().find(|(name, _)| name == path);
        &found.unwrap_or_else(|| panic!("there is no `{path}`")).1
    }

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    /// Returns the files below a folder that git would keep.
    fn files_in(folder: &Path) -> Vec<PathBuf> {
        const MADE: [&str; 7] = [
            "build",
            "evals",
            "node_modules",
            "target",
            ".venv",
            "__pycache__",
            "studies",
        ];
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if MADE.iter().any(|made| path.ends_with(made)) => {}
                true => files.extend(files_in(&path)),
                false => files.push(path),
            }
        }
        files
    }

    /// Returns the files below a folder of the repository that no list has.
    fn left_out(base: &str, folder: &str, lists: &[&[Template]]) -> Vec<String> {
        let base = root().join(base);
        let is_listed = |path: &str| {
            lists
                .iter()
                .any(|list| list.iter().any(|(p, _)| *p == path))
        };
        let files = files_in(&base.join(folder)).into_iter();
        let mut left_out: Vec<String> = files
            .map(|file| file.strip_prefix(&base).unwrap().display().to_string())
            .filter(|path| !is_listed(path))
            .collect();
        left_out.sort();
        left_out
    }

    #[test]
    fn no_file_of_the_examples_or_the_sdk_is_left_out() {
        assert_eq!(left_out("sdk/rust", "src", &[SDK]), [""; 0]);
        let quickstart = left_out("examples/quickstart", "", &[TENANT, RUST]);
        assert_eq!(quickstart, ["README.md"]);
        // The manifest and the prompts of a new tenant are those of the quickstart.
        let same = [
            "README.md",
            "prompts/answer.md",
            "prompts/find.md",
            "tenant.toml",
        ];
        assert_eq!(left_out("examples/quickstart-js", "", &[JS]), same);
        assert_eq!(left_out("examples/quickstart-py", "", &[PYTHON]), same);
    }

    #[test]
    fn a_new_tenant_is_its_example_but_for_the_names() {
        let nameless = |text: &str| {
            let names = [
                "quickstart-js",
                "quickstart-py",
                "quickstart",
                "acme_1",
                "acme-1",
            ];
            let text = names
                .iter()
                .fold(text.to_owned(), |text, name| text.replace(name, "NAME"));
            text.replace("../../wit", "wit")
        };
        for (lang, own) in [(Lang::Rust, RUST), (Lang::Js, JS), (Lang::Python, PYTHON)] {
            let files = tenant("acme_1", lang);
            for (path, template) in TENANT.iter().chain(own) {
                if *path != "Cargo.toml" {
                    assert_eq!(nameless(text(&files, path)), nameless(template), "`{path}`");
                }
            }
            assert!(
                files.iter().all(|(path, text)| {
                    path.starts_with("sdk/") || !text.contains("quickstart")
                })
            );
        }
        let files = tenant("acme_1", Lang::Rust);
        for (path, template) in SDK {
            if *path != "Cargo.toml" {
                assert_eq!(text(&files, &format!("sdk/{path}")), *template);
            }
        }
    }

    #[test]
    fn manifests_stand_alone_and_name_what_is_there() {
        for (id, component) in [("acme", "acme"), ("a_b", "a-b"), ("1st", "tenant-1st")] {
            for lang in [Lang::Rust, Lang::Js, Lang::Python] {
                let files = tenant(id, lang);
                let manifest: WrittenManifest =
                    toml::from_str(text(&files, "tenant.toml")).unwrap();
                assert_eq!(manifest.check(), Ok(()));
                assert_eq!(manifest.id, id);
                let built = format!("build/{component}.wasm");
                assert_eq!(manifest.components.chain, Some(built));
            }
        }
        let files = tenant("acme", Lang::Rust);
        for path in ["Cargo.toml", "sdk/Cargo.toml"] {
            let manifest = text(&files, path);
            assert!(!manifest.contains("workspace = true"), "{manifest}");
            let manifest: toml::Table = toml::from_str(manifest).unwrap();
            assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
        }
    }

    #[test]
    fn a_tenant_is_locked_to_the_versions_of_this_repository() {
        let packages = |lock: &str| -> Vec<(String, String)> {
            let lock: toml::Table = toml::from_str(lock).unwrap();
            let text = |package: &toml::Value, key| package[key].as_str().unwrap().to_owned();
            let packages = lock["package"].as_array().unwrap().iter();
            packages
                .map(|package| (text(package, "name"), text(package, "version")))
                .collect()
        };
        let ours = packages(&std::fs::read_to_string(root().join("Cargo.lock")).unwrap());
        for package in packages(LOCK) {
            assert!(
                ours.contains(&package),
                "{package:?} has another version here: make a tenant, set that version with \
                 `cargo update`, and copy its Cargo.lock to `host/src/templates`"
            );
        }
    }
}
