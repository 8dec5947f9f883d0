//! The quickstart as a tenant: its files are what its documents say of them.

use fapo_core::case::Case;
use fapo_core::config::EvalConfig;
use fapo_core::lint::{Check, Lint};
use fapo_core::manifest::{WrittenDerive, WrittenManifest};
use serde_json::{Value, json};

use crate::languages::copy_dir;
use crate::program::{Desk, example, root};

const SPLITS: [&str; 3] = ["train", "validation", "test"];

fn read(name: &str) -> String {
    std::fs::read_to_string(example(name)).unwrap()
}

fn rows(name: &str) -> Vec<Value> {
    let text = read(name);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns a copy of the tenant, built.
fn copy(desk: &Desk) -> String {
    let copy = desk.path("quickstart");
    copy_dir(&root().join("examples/quickstart"), &copy);
    std::fs::create_dir(copy.join("build")).unwrap();
    let component = fapo_test_artifacts::bytes("quickstart");
    std::fs::write(copy.join("build/quickstart.wasm"), component).unwrap();
    copy.to_str().unwrap().into()
}

#[test]
fn the_baseline_and_the_variant_score_what_the_documents_say() {
    let desk = Desk::new();
    let tenant = copy(&desk);
    let score = |args: &[&str]| {
        let run = desk.json(&[args, &["--json"]].concat());
        assert_eq!(run["status"], "complete");
        run["score"]["mean"].as_f64().unwrap()
    };
    let change_log = read("docs/change-log.md");
    for (variant, train, validation, test) in
        [("000", 80.0, 62.5, 62.5), ("001", 100.0, 87.5, 87.5)]
    {
        let of = |split| score(&["eval", &tenant, "--variant", variant, "--split", split]);
        assert_eq!((of("train"), of("validation")), (train, validation));
        let read = score(&[
            "test",
            &tenant,
            "--variant",
            variant,
            "--override",
            "a test",
        ]);
        assert_eq!(read, test);
        let scores = format!("| {train:.1} | {validation:.1} |");
        let row = change_log
            .lines()
            .find(|line| line.starts_with(&format!("| `{variant}`")));
        assert!(row.unwrap().contains(&scores), "{row:?} {scores}");
    }
    assert_eq!(
        score(&["eval", &tenant, "--config", "configs/validation.json"]),
        87.5
    );
}

#[test]
fn the_datasets_are_what_the_raw_file_gives() {
    let raw = rows("source_artifacts/questions.jsonl");
    for split in SPLITS {
        let made: Vec<Value> = raw
            .iter()
            .filter(|row| row["split"] == split)
            .map(|row| {
                json!({
                    "case_id": row["id"],
                    "task_type": "qa",
                    "context": {"question": row["question"], "passage": row["passage"]},
                    "expected": row["answer"],
                    "metadata": {"source": "made for this example"},
                })
            })
            .collect();
        assert_eq!(made, rows(&format!("datasets/{split}.jsonl")), "{split}");
    }
}

#[test]
fn no_case_is_twice_or_nearly_so() {
    let mut lint = Lint::new();
    for split in SPLITS {
        let text = read(&format!("datasets/{split}.jsonl"));
        for (at, line) in text.lines().enumerate() {
            lint.case(split, at as u64 + 1, &Case::from_json(line).unwrap());
        }
    }
    let findings = lint.finish();
    // The task is to find the answer in the passage.
    let others: Vec<_> = findings
        .iter()
        .filter(|finding| finding.check != Check::ExpectedInContext)
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn the_manifest_explains_every_key_and_its_comments_are_keys() {
    let text = read("tenant.toml");
    let as_it_stands: WrittenManifest = toml::from_str(&text).unwrap();
    assert_eq!(as_it_stands.check(), Ok(()));

    let uncommented: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.is_empty() && !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let mut all: WrittenManifest = toml::from_str(&uncommented).unwrap();
    // A key that was not there would be null.
    let mut places = vec![(
        "tenant.toml".to_owned(),
        serde_json::to_value(&all).unwrap(),
    )];
    while let Some((place, value)) = places.pop() {
        assert!(!value.is_null(), "`{place}` is not explained");
        if let Value::Object(object) = value {
            assert!(!object.is_empty(), "`{place}` is not explained");
            let inside = object.into_iter();
            places.extend(inside.map(|(key, value)| (format!("{place}: {key}"), value)));
        }
    }
    let derive = WrittenDerive {
        group: None,
        ..all.datasets.derive.clone().unwrap()
    };
    assert_eq!(derive, WrittenDerive::default(), "the defaults are right");
    // `dev` takes the place of these two.
    (all.datasets.train, all.datasets.validation) = (None, None);
    assert_eq!(all.check(), Ok(()));
}

#[test]
fn the_example_config_sets_what_a_config_may_set() {
    let config = EvalConfig::read(&read("configs/validation.json"), &[]).unwrap();
    let written = serde_json::to_value(config).unwrap();
    let unset: Vec<_> = written
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| value.is_null())
        .map(|(key, _)| key.as_str())
        .collect();
    // The short form of `dataset.path`, and a name that only one run can have.
    assert_eq!(unset, ["dataset_path", "run_id"]);
    let settings = written["provider_settings"].as_object().unwrap();
    let n_set = settings.values().filter(|value| !value.is_null()).count();
    assert_eq!(n_set, 8, "all but `base_url`");
}

#[test]
fn the_examples_in_other_languages_have_the_same_prompts() {
    for name in ["prompts/find.md", "prompts/answer.md"] {
        for other in ["quickstart-js", "quickstart-py"] {
            let path = root().join("examples").join(other).join(name);
            let text = std::fs::read_to_string(path).unwrap();
            assert_eq!(text, read(name), "{other}");
        }
    }
}
