//! The program as people start it: what it prints, what it writes, and how it
//! ends.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A home of its own, and a place to work in.
pub(crate) struct Desk {
    dir: tempfile::TempDir,
    variables: Vec<(&'static str, PathBuf)>,
}

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// Sets a variable of the environment for what is run.
    pub(crate) fn with(mut self, name: &'static str, value: PathBuf) -> Self {
        self.variables.push((name, value));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file and returns its path as an argument.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().into()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fapo-host"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("FAPO_HOME", self.path("home"))
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().unwrap();
        Ran::of(output)
    }

    /// Runs a command that prints one line of JSON.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
        serde_json::from_str(&ran.out).unwrap()
    }

    pub(crate) fn rows(&self, run: &Value, name: &str) -> Vec<Value> {
        let path = Path::new(run["run_dir"].as_str().unwrap()).join(name);
        let text = std::fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts that the person was told what to mend, and how.
    #[track_caller]
    pub(crate) fn told(&self, code: i32, says: &str) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        assert!(self.err.contains(says), "expected `{says}`:\n{}", self.err);
        assert!(
            self.err.starts_with("error: ") || self.err.contains("\nerror: "),
            "{}",
            self.err
        );
        assert!(!self.err.contains('\u{1b}'), "{}", self.err);
        assert_eq!(self.out, "", "an error leaves no data");
    }
}

/// Says that a test could not run here. What tests print is captured; this is seen.
#[expect(clippy::explicit_write, reason = "`eprintln!` is captured, too")]
pub(crate) fn skipped(why: &str) {
    writeln!(std::io::stderr(), "skipped: {why}").unwrap();
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .into()
}

pub(crate) fn quickstart() -> String {
    fapo_test_artifacts::path("quickstart").into()
}

pub(crate) fn hostile() -> String {
    fapo_test_artifacts::path("hostile").into()
}

/// Returns a path inside the quickstart, as an argument.
pub(crate) fn example(name: &str) -> String {
    root()
        .join("examples/quickstart")
        .join(name)
        .to_str()
        .unwrap()
        .into()
}

pub(crate) fn script() -> String {
    format!("script:{}", example("script.jsonl"))
}

#[test]
fn the_quickstart_runs_over_its_cases() {
    let desk = Desk::new();
    let run = desk.json(&[
        "run",
        &quickstart(),
        "--cases",
        &example("datasets/train.jsonl"),
        "--provider",
        &script(),
        "--json",
    ]);
    assert_eq!(run["status"], "complete");
    assert_eq!(
        (run["n_cases"].as_u64(), run["score"]["mean"].as_f64()),
        (Some(5), Some(80.0))
    );
    assert_eq!(run["failures"]["guest"], 0);
    assert_eq!(run["calls"]["generate"], 10);

    let results = desk.rows(&run, "results.jsonl");
    let ids: Vec<_> = results
        .iter()
        .map(|row| row["case_id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        ["tower", "novel", "planet", "metal", "river"],
        "rows stand in the order of the dataset"
    );
    assert_eq!(results[0]["output_text"], "London");
    assert_eq!(
        results[0]["step_outputs"]["find"],
        "It crosses the River Thames in London."
    );
    assert_eq!(results[4]["composite_score"], 0.0);

    let calls = desk.rows(&run, "calls.jsonl");
    assert_eq!(calls.len(), 10);
    let first = &calls[0];
    assert_eq!(
        (
            first["step"].as_str(),
            first["visit"].as_u64(),
            first["seq"].as_u64()
        ),
        (Some("find"), Some(1), Some(0))
    );
    let asked = first["request"]["messages"][1]["content"][0]["text"]
        .as_str()
        .unwrap();
    assert!(
        asked.starts_with("Passage: Tower Bridge was opened"),
        "{asked}"
    );
    assert_eq!(
        first["answer"]["choices"][0]["text"],
        "It crosses the River Thames in London."
    );
    assert_eq!(desk.rows(&run, "timings.jsonl").len(), 5);
}

#[test]
fn the_same_answers_give_the_same_bytes() {
    let desk = Desk::new();
    let bytes = |workers: &str| {
        let (component, cases, script) = (quickstart(), example("datasets/train.jsonl"), script());
        let run = desk.json(&[
            "run",
            &component,
            "--cases",
            &cases,
            "--provider",
            &script,
            "--workers",
            workers,
            "--json",
        ]);
        let dir = PathBuf::from(run["run_dir"].as_str().unwrap());
        ["results.jsonl", "calls.jsonl"].map(|name| {
            let text = std::fs::read_to_string(dir.join(name)).unwrap();
            // A call says when it was made; nothing else may differ.
            let spans = regex::Regex::new(r#""span":\{[^}]*\}"#).unwrap();
            spans.replace_all(&text, "").into_owned()
        })
    };
    assert_eq!(bytes("1"), bytes("16"));
}

#[test]
fn one_case_can_be_given_on_the_command_line() {
    let desk = Desk::new();
    let case = r#"{"case_id": "x", "context": {"question": "Who wrote the novel Dracula?", "passage": "p"}}"#;
    let run = desk.json(&[
        "run",
        &quickstart(),
        "--input",
        case,
        "--provider",
        &script(),
        "--json",
    ]);
    assert_eq!(run["cases"][0]["output_text"], "Bram Stoker");
    assert_eq!(
        run["score"],
        Value::Null,
        "a case without an expected value is not scored"
    );
}

#[test]
fn prompts_and_parameters_can_be_put_in_the_place_of_defaults() {
    let desk = Desk::new();
    let prompt = desk.file(
        "find.md",
        "User: Copy nothing of ${passage} for ${question}",
    );
    let rules = desk.file(
        "rules.jsonl",
        r#"{"match": "Copy nothing", "reply": "a"}
{"match": "", "reply": "b"}"#,
    );
    let run = desk.json(&[
        "run",
        &quickstart(),
        "--cases",
        &example("datasets/train.jsonl"),
        "--provider",
        &format!("script:{rules}"),
        "--prompt",
        &format!("find={prompt}"),
        "--param",
        "max_tokens=7",
        "--json",
    ]);
    assert_eq!(run["cases"][0]["step_outputs"]["find"], "a");
    let calls = desk.rows(&run, "calls.jsonl");
    assert_eq!(calls[0]["request"]["params"]["max_tokens"], 7);
}

#[test]
fn what_is_wrong_before_the_first_case_ends_with_2_and_says_what_to_do() {
    let desk = Desk::new();
    let (component, cases, script) = (quickstart(), example("datasets/train.jsonl"), script());
    let run = |more: &[&str]| {
        let args = [
            &["run", &component, "--cases", &cases, "--provider", &script][..],
            more,
        ]
        .concat();
        desk.run(&args)
    };
    run(&["--prompt", "finds=x"]).told(2, "x");
    let prompt = desk.file("p.md", "User: ${passage}");
    run(&["--prompt", &format!("finds={prompt}")]).told(2, "its prompts are `find`, `answer`");
    run(&["--prompt", &format!("find={prompt}")])
        .told(2, "does not name the placeholder `${question}`");
    run(&["--param", "max_tokens=0"]).told(2, "a whole number from 1 to 4096");
    run(&["--limit", "cpu_ms=1"]).told(2, "there is no limit `cpu_ms`");
    run(&["--limit", "cpu_ms_max=999999999"]).told(2, "the operator allows at most 600000");
    desk.run(&["run", &component, "--cases", &cases, "--provider", "gpt"])
        .told(2, "there is no provider `gpt`");
    desk.run(&["run", &component]).told(2, "--cases FILE");
    for more in [&["--cases", &cases][..], &[]] {
        desk.run(&[&["run", "none.wasm"], more].concat())
            .told(2, "could not open `none.wasm`");
    }
    desk.run(&["run", &component, "--cases", "none.jsonl"])
        .told(2, "could not open `none.jsonl`");
}

#[test]
fn a_row_that_is_no_case_is_named_by_its_line() {
    let desk = Desk::new();
    let run = |text: &str| {
        let cases = desk.file("cases.jsonl", text);
        desk.run(&["run", &quickstart(), "--cases", &cases])
    };
    let good = r#"{"case_id": "a", "context": {}}"#;
    run(&format!("{good}\n\n{{\"case_id\": \"b\"}}\n")).told(2, "line 3");
    run(&format!("{good}\n{good}\n")).told(2, "it repeats the case_id `a`");
    run(&format!("{good}\nnot json\u{1b}[2J\n")).told(2, "line 2");
    run("\n").told(2, "holds no case");
}

#[test]
fn what_happens_inside_a_case_is_data() {
    let desk = Desk::new();
    let attacks = [
        "crash-panic-escapes",
        "cpu-loop",
        "leak-statics",
        "crash-exit-0",
        "log-escapes",
    ];
    let rows: Vec<String> = attacks
        .iter()
        .map(|attack| {
            serde_json::json!({"case_id": attack, "context": {"attack": attack}}).to_string()
        })
        .collect();
    let cases = desk.file("cases.jsonl", rows.join("\n"));
    let args = [
        "run",
        &hostile(),
        "--cases",
        &cases,
        "--limit",
        "cpu_ms_max=100",
    ];
    let run = desk.json(&[&args[..], &["--json"]].concat());
    assert_eq!(run["n_cases"], 5);
    assert_eq!(
        run["failures"]["kinds"],
        serde_json::json!({"cpu": 1, "exit": 1, "unreachable": 1})
    );
    let failure = &run["cases"][1]["failure"];
    assert_eq!(
        (failure["kind"].as_str(), failure["limit"]["key"].as_str()),
        (Some("cpu"), Some("cpu_ms_max"))
    );

    let table = desk.run(&args);
    assert_eq!(table.code, Some(0));
    assert!(
        !table.out.contains('\u{1b}') && table.out.contains("unreachable"),
        "{}",
        table.out
    );
}

#[test]
fn a_backtrace_names_functions() {
    let desk = Desk::new();
    let case = r#"{"case_id": "x", "context": {"attack": "crash-panic"}}"#;
    let run = desk.json(&["run", &hostile(), "--input", case, "--json"]);
    let backtrace = run["cases"][0]["failure"]["backtrace"].as_array().unwrap();
    let names: Vec<_> = backtrace
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert!(
        names
            .iter()
            .any(|name| name.contains("guest_hostile::crash")),
        "{names:?}"
    );
}

#[test]
fn the_world_failing_is_not_a_wrong_answer() {
    let desk = Desk::new();
    let rules = desk.file(
        "rules.jsonl",
        "{\"match\": \"Dracula\", \"status\": 503}\n{\"match\": \"\", \"reply\": \"two\"}",
    );
    let (cases, provider) = (example("datasets/train.jsonl"), format!("script:{rules}"));
    let run = desk.json(&[
        "run",
        &quickstart(),
        "--cases",
        &cases,
        "--provider",
        &provider,
        "--json",
    ]);
    assert_eq!(
        (run["status"].as_str(), run["failures"]["world"].as_u64()),
        (Some("degraded"), Some(1))
    );
    assert_eq!(run["cases"][1]["composite_score"], Value::Null);
    let mean = run["score"]["mean"].as_f64().unwrap();
    assert!(
        (mean - 25.0).abs() < 1e-9,
        "one of the four that were scored is right: {mean}"
    );
}

#[test]
fn the_world_failing_under_a_judge_is_not_a_wrong_answer_either() {
    let desk = Desk::new();
    let rules = desk.file("rules.jsonl", r#"{"match": "", "status": 503}"#);
    let manifest = desk.file(
        "tenant.toml",
        "id = \"a\"\n[capabilities]\nscorer = [\"provider\"]\n",
    );
    let case = r#"{"case_id": "x", "context": {"attack": "leak-statics"}, "expected": "x", "metadata": {"attack": "scorer-judge"}}"#;
    let provider = format!("script:{rules}");
    let run = desk.json(&[
        "run",
        &hostile(),
        "--input",
        case,
        "--provider",
        &provider,
        "--manifest",
        &manifest,
        "--json",
    ]);
    assert_eq!(
        (run["status"].as_str(), run["failures"]["world"].as_u64()),
        (Some("degraded"), Some(1))
    );
    assert_eq!(run["cases"][0]["composite_score"], Value::Null);
}

#[test]
fn a_case_that_failed_is_scored_as_nothing() {
    let desk = Desk::new();
    let case = r#"{"case_id": "x", "context": {"attack": "crash-panic"}, "expected": "x"}"#;
    let run = desk.json(&["run", &hostile(), "--input", case, "--json"]);
    assert_eq!(run["cases"][0]["composite_score"], 0.0);
}

#[test]
fn a_manifest_decides_what_a_component_may_do() {
    let desk = Desk::new();
    let manifest = desk.file("tenant.toml", "id = \"a\"\n[capabilities]\nchain = []\n");
    let case = r#"{"case_id": "x", "context": {"question": "Who wrote the novel Dracula?", "passage": "p"}}"#;
    let args = [
        "run",
        &quickstart(),
        "--input",
        case,
        "--provider",
        &script(),
        "--json",
        "--manifest",
        &manifest,
    ];
    let run = desk.json(&args);
    let message = run["cases"][0]["failure"]["message"].as_str().unwrap();
    assert!(
        message.contains("denied: `provider` is not granted to the chain"),
        "{message}"
    );

    desk.file("tenant.toml", "id = \"a\"\n[limits]\ncpu_max = 1\n");
    desk.run(&args).told(2, "unknown field `cpu_max`");
    desk.file(
        "tenant.toml",
        "id = \"a\"\n[capabilities]\nscorer = [\"tools\"]\n",
    );
    desk.run(&args)
        .told(2, "a scorer cannot be granted `tools`");
    desk.file(
        "tenant.toml",
        "id = \"a\"\n[limits]\nprovider_calls_max = 1\n",
    );
    let run = desk.json(&args);
    assert_eq!(
        run["cases"][0]["failure"]["limit"]["key"],
        "provider_calls_max"
    );

    desk.file("home/policy.toml", "[limits]\nprovider_calls_max = 0\n");
    desk.run(&args).told(2, "the operator allows at most 0");
}

#[test]
fn what_others_wrote_does_not_act_on_the_screen() {
    let desk = Desk::new();
    let manifest = desk.file(
        "tenant.toml",
        "id = \"\u{9b}2J\u{1b}]0;owned\u{7}\nlimits = 3",
    );
    let case = r#"{"case_id": "\u009b2J\u202e", "context": {"attack": "output-escapes"}}"#;
    desk.run(&["run", &hostile(), "--input", case, "--manifest", &manifest])
        .told(2, "tenant.toml");
    for more in [&[][..], &["--json"]] {
        let ran = desk.run(&[&["run", &hostile(), "--input", case], more].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(
            !ran.out.contains(acts) && !ran.err.contains(acts),
            "{:?}",
            ran.out
        );
    }
}

#[test]
fn artifacts_are_kept_by_case_below_the_run() {
    let desk = Desk::new();
    desk.file("inputs/given.txt", "given");
    let rows: Vec<String> = ["1", "2", "../3"]
        .iter()
        .map(|id| {
            serde_json::json!({"case_id": id, "context": {"attack": "artifacts-other-case"}})
                .to_string()
        })
        .collect();
    let cases = desk.file("cases.jsonl", rows.join("\n"));
    let run = desk.json(&[
        "run",
        &hostile(),
        "--cases",
        &cases,
        "--inputs",
        "inputs",
        "--json",
    ]);
    for row in run["cases"].as_array().unwrap() {
        assert_eq!(
            row["output_text"],
            "before=not-found listed=0 wrote=ok own=true"
        );
    }
    let kept =
        std::fs::read_dir(Path::new(run["run_dir"].as_str().unwrap()).join("artifacts")).unwrap();
    assert_eq!(kept.count(), 3);
}

#[test]
fn a_signal_lets_running_cases_end_and_writes_the_run() {
    let desk = Desk::new();
    let rules = desk.file(
        "rules.jsonl",
        r#"{"match": "", "reply": "x", "latency_ms": 30}"#,
    );
    let rows: Vec<String> = (0..1000)
        .map(|n| format!(r#"{{"case_id": "{n}", "context": {{"question": "q", "passage": "p"}}}}"#))
        .collect();
    let cases = desk.file("cases.jsonl", rows.join("\n"));
    let provider = format!("script:{rules}");
    let args = [
        "run",
        &quickstart(),
        "--cases",
        &cases,
        "--provider",
        &provider,
        "--workers",
        "2",
        "--out",
        "out",
        "--json",
    ];
    let child = desk
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let has_rows =
        || std::fs::metadata(desk.path("out/results.jsonl")).is_ok_and(|file| file.len() > 0);
    while !has_rows() {
        std::thread::yield_now();
    }
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.err);
    let run: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(run["status"], "interrupted");
    let n_cases = run["n_cases"].as_u64().unwrap();
    assert!(n_cases < 1000, "{n_cases}");
    assert_eq!(desk.rows(&run, "results.jsonl").len() as u64, n_cases);
}

#[test]
fn a_directory_that_holds_a_run_is_not_written_again() {
    let desk = Desk::new();
    let case = r#"{"case_id": "x", "context": {}}"#;
    let args = ["run", &quickstart(), "--input", case, "--out", "out"];
    assert_eq!(desk.run(&args).code, Some(0));
    desk.run(&args).told(2, "already holds a run");
}

#[test]
fn uploads_that_are_no_tenant_are_refused_in_one_sentence() {
    let desk = Desk::new();
    for (name, bytes, says) in [
        (
            "elf",
            b"\x7fELF\x02\x01\x01".to_vec(),
            "only the host compiles native code",
        ),
        (
            "text",
            b"(component)\x1b[2J".to_vec(),
            "not a binary component",
        ),
        ("empty", Vec::new(), "the file is empty"),
        (
            "module",
            b"\0asm\x01\0\0\0".to_vec(),
            "a core module, not a component",
        ),
        (
            "cut",
            std::fs::read(quickstart()).unwrap()[..5000].to_vec(),
            "malformed",
        ),
    ] {
        let path = desk.file(name, bytes);
        for command in ["run", "inspect"] {
            let args: &[&str] = if command == "run" {
                &["--input", r#"{"case_id":"a","context":{}}"#]
            } else {
                &[]
            };
            desk.run(&[&[command, &path][..], args].concat())
                .told(2, says);
        }
    }
}

#[test]
fn compiled_code_is_kept_and_touched_code_is_made_anew() {
    let desk = Desk::new();
    let inspect = || desk.json(&["inspect", &quickstart(), "--json"]);
    assert_eq!(inspect()["compiled"]["kept"], false);
    assert_eq!(inspect()["compiled"]["kept"], true);
    let entry = std::fs::read_dir(desk.path("home/compiled"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut code = std::fs::read(&entry).unwrap();
    let middle = code.len() / 2;
    code[middle] ^= 0xff;
    std::fs::write(&entry, code).unwrap();
    assert_eq!(inspect()["compiled"]["kept"], false);
}

#[test]
fn an_inspection_tells_the_search_space() {
    let desk = Desk::new();
    let told = desk.json(&["inspect", &quickstart(), "--json"]);
    assert_eq!(told["roles"], serde_json::json!(["chain", "scorer"]));
    assert_eq!(told["chain"]["steps"][1]["name"], "answer");
    assert_eq!(
        told["chain"]["prompts"][1]["placeholders"][0]["name"],
        "steps.find.output"
    );
    assert_eq!(
        told["chain"]["parameters"][0]["kind"],
        serde_json::json!({"number": {"min": 0.0, "max": 2.0}})
    );
    assert!(told["digest"].as_str().unwrap().starts_with("sha256:"));
}

#[test]
fn the_scorer_that_ships_with_the_host_is_inspected_by_its_word() {
    let desk = Desk::new();
    let told = desk.json(&["inspect", "standard", "--json"]);
    assert_eq!(told["roles"], serde_json::json!(["scorer"]));
    let imports = told["imports"].as_array().unwrap().iter();
    let ours: Vec<_> = imports
        .filter_map(|import| import.as_str().unwrap().strip_prefix("fapo:tenant/"))
        .collect();
    assert_eq!(ours, ["types@0.1.0", "provider@0.1.0"]);
}

#[test]
fn the_contract_is_written_out_whole() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["wit", "wit"]).code, Some(0));
    let mut written: Vec<_> = std::fs::read_dir(desk.path("wit"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    let mut ours: Vec<_> = std::fs::read_dir(root().join("wit"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    written.sort();
    ours.sort();
    assert_eq!(written, ours);
}

#[test]
fn the_limits_are_listed() {
    let desk = Desk::new();
    let keys = desk.json(&["limits", "--json"]);
    assert!(
        keys.as_array()
            .unwrap()
            .iter()
            .any(|key| key["name"] == "cpu_ms_max" && key["default"] == 5000)
    );
    assert!(desk.run(&["limits"]).out.contains("cpu_ms_max"));
}

#[test]
fn the_doctor_says_how_this_machine_is() {
    let desk = Desk::new();
    let told = desk.json(&["doctor", "--json"]);
    let names: Vec<_> = told["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    for name in [
        "target",
        "address space",
        "open files",
        "kernel",
        "compiled code",
        "clock",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
}

#[test]
fn a_full_disk_is_an_error_with_a_hint() {
    // A file system of 64 KiB in memory, in a namespace of its own.
    let desk = Desk::new();
    let full = desk.path("full");
    std::fs::create_dir(&full).unwrap();
    let rows: Vec<String> = (0..2000)
        .map(|n| format!(r#"{{"case_id": "{n}", "context": {{"attack": "leak-statics"}}}}"#))
        .collect();
    let cases = desk.file("cases.jsonl", rows.join("\n"));
    let program = env!("CARGO_BIN_EXE_fapo-host");
    let script = format!(
        "mount -t tmpfs -o size=64k none {full} && exec {program} run {guest} --cases {cases} --out {full}/run",
        full = full.display(),
        guest = hostile(),
    );
    let unshare = ["--user", "--map-root-user", "--mount", "sh", "-c", &script];
    let output = Command::new("unshare")
        .args(unshare)
        .env("FAPO_HOME", desk.path("home"))
        .output();
    match output.map(Ran::of) {
        Ok(ran) if ran.code == Some(3) => {
            assert!(
                ran.err.contains("could not write to") && ran.err.contains("hint: free some space"),
                "{}",
                ran.err
            );
        }
        Ok(ran) if ran.err.contains("unshare") || ran.err.contains("mount") => {
            skipped(&format!(
                "this machine gives no file system of one's own: {}",
                ran.err.trim()
            ));
        }
        Ok(ran) => panic!("{:?}: {}{}", ran.code, ran.out, ran.err),
        Err(error) => skipped(&format!("this machine has no `unshare`: {error}")),
    }
}
