//! Runs that are cut off: whatever was answered is not asked again, and the end
//! is the same bytes.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::program::{Ran, skipped};
use crate::tenants::Tenant;

/// How many cases a run has that is cut off.
const N_CASES: usize = 120;

/// A tenant whose model takes a while, and says something else to each question.
fn slow(latency_ms: u64) -> Tenant {
    let tenant = Tenant::new();
    let rows: Vec<String> = (0..N_CASES)
        .map(|n| {
            json!({
                "case_id": format!("c{n}"),
                "context": {"question": format!("what is {n}?"), "passage": "word ".repeat(n % 40 + 3)},
                "expected": "x",
            })
            .to_string()
        })
        .collect();
    tenant.file("datasets/train.jsonl", rows.join("\n"));
    let rules = format!(
        "{{\"match\": \"copy out the one sentence\", \"latency_ms\": {latency_ms}, \"reply\": \"${{pick:3}} ${{hash}}\"}}\n\
         {{\"match\": \"\", \"latency_ms\": {latency_ms}, \"reply\": \"${{words:3}}\"}}\n"
    );
    tenant.file("script.jsonl", rules);
    tenant
}

/// What a run leaves that may not differ.
fn bytes(dir: &Path) -> [String; 2] {
    ["results.jsonl", "calls.jsonl"].map(|name| std::fs::read_to_string(dir.join(name)).unwrap())
}

fn start(tenant: &Tenant, args: &[&str]) -> Child {
    let args = [&["eval", "acme", "--json"], args].concat();
    tenant
        .desk
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until a run's journal has so many bytes, or the run has ended.
fn wait_for_journal(child: &mut Child, dir: &Path, bytes: u64) {
    let journal = dir.join("journal.jsonl");
    while std::fs::metadata(&journal).map_or(0, |meta| meta.len()) < bytes {
        if child.try_wait().unwrap().is_some() {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_run_that_is_killed_anywhere_ends_in_the_same_bytes() {
    let tenant = slow(1);
    let whole = tenant.json("eval", &["--out", "whole"]);
    assert_eq!(
        (&whole["status"], &whole["n_rows"]),
        (&json!("complete"), &json!(N_CASES))
    );
    let expected = bytes(&tenant.desk.path("whole"));
    for (at, journal_bytes) in [1, 2_000, 9_000, 20_000, 31_000, 44_000, 58_000]
        .into_iter()
        .enumerate()
    {
        let out = format!("out-{at}");
        let dir = tenant.desk.path(&out);
        let mut child = start(&tenant, &["--out", &out]);
        wait_for_journal(&mut child, &dir, journal_bytes);
        child.kill().unwrap();
        child.wait().unwrap();
        // Once more on the way, a little further.
        let mut child = start(&tenant, &["--resume", &out]);
        wait_for_journal(&mut child, &dir, journal_bytes + 5_000);
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        if !ended.success() {
            let summary = tenant.json("eval", &["--resume", &out]);
            assert_eq!(
                (&summary["status"], &summary["n_rows"]),
                (&json!("complete"), &json!(N_CASES))
            );
            assert_eq!(summary["calls"]["total"], whole["calls"]["total"]);
            assert_eq!(summary["score"], whole["score"]);
        }
        assert_eq!(bytes(&dir), expected, "killed at {journal_bytes} bytes");
        assert!(!dir.join("journal.jsonl").exists());
    }
}

#[test]
fn what_was_answered_is_not_asked_again_and_what_was_not_may_have_been_paid_for() {
    // The second answer of each case takes for ever: the first ones are all there is.
    let tenant = slow(0);
    let first = r#"{"match": "copy out the one sentence", "reply": "once ${hash}"}"#;
    tenant.file(
        "script.jsonl",
        format!("{first}\n{{\"match\": \"\", \"latency_ms\": 3600000, \"reply\": \"x\"}}\n"),
    );
    let dir = tenant.desk.path("out");
    let mut child = start(&tenant, &["--out", "out", "--workers", "8", "--limit", "8"]);
    let journal = || std::fs::read_to_string(dir.join("journal.jsonl")).unwrap_or_default();
    // Eight answers, and eight questions that wait.
    while journal().lines().filter(|line| !line.is_empty()).count() < 16 {
        assert_eq!(child.try_wait().unwrap(), None);
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // The rules are what they were, so the run is resumed by one whose answers come at once:
    // it is the same provider to the run's record.
    let config = dir.join("run_config.json");
    let answered = format!("{first}\n{{\"match\": \"\", \"reply\": \"x\"}}\n");
    let digest = |text: &str| fapo_core::digest::sha256_hex(text);
    let before = std::fs::read_to_string(tenant.path("script.jsonl")).unwrap();
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace(&digest(&before), &digest(&answered))).unwrap();
    tenant.file("script.jsonl", &answered);
    let summary = tenant.json("eval", &["--resume", "out"]);
    assert_eq!(summary["calls"]["maybe_paid"], 8);
    assert_eq!(summary["calls"]["generate"], 16);
    let report = std::fs::read_to_string(dir.join("summary.md")).unwrap();
    assert!(report.contains("8 requests without an answer"), "{report}");
}

#[test]
fn a_run_that_was_made_of_other_things_is_not_resumed() {
    let tenant = slow(1);
    let mut child = start(&tenant, &["--out", "out"]);
    wait_for_journal(&mut child, &tenant.desk.path("out"), 5_000);
    child.kill().unwrap();
    child.wait().unwrap();
    let resume = |more: &[&str]| tenant.run("eval", &[&["--resume", "out"], more].concat());
    resume(&["--set", "chain.config.max_tokens=3"]).told(2, "cannot be set for a run that goes on");
    let rules = std::fs::read_to_string(tenant.path("script.jsonl")).unwrap();
    tenant.file("script.jsonl", format!("{rules}\n# changed\n"));
    resume(&[]).told(2, "`provider` changed since it began");
    tenant
        .run("eval", &["--out", "out"])
        .told(2, "already holds a run");
    tenant
        .run("eval", &["--resume", "nothing"])
        .told(2, "is not a run");
}

#[test]
fn a_signal_lets_the_running_cases_end_and_the_run_goes_on_later() {
    let tenant = slow(5);
    let whole = tenant.json("eval", &["--out", "whole"]);
    let dir = tenant.desk.path("out");
    let mut child = start(&tenant, &["--out", "out", "--workers", "4"]);
    wait_for_journal(&mut child, &dir, 4_000);
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}{}", ran.out, ran.err);
    let summary: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    assert_eq!(summary["status"], "interrupted");
    let n_rows = summary["n_rows"].as_u64().unwrap() as usize;
    assert!(n_rows < N_CASES);
    assert_eq!(
        bytes(&dir)[0].lines().count(),
        n_rows,
        "cases that ran were written"
    );
    let resumed = tenant.json("eval", &["--resume", "out"]);
    assert_eq!(resumed["status"], "complete");
    assert_eq!(resumed["calls"]["maybe_paid"], 0, "they were waited for");
    assert_eq!(
        bytes(&dir),
        bytes(Path::new(whole["run_dir"].as_str().unwrap()))
    );
}

#[test]
fn a_run_on_a_full_disk_goes_on_when_there_is_room() {
    let tenant = slow(0);
    let whole = tenant.json("eval", &["--out", "whole"]);
    let full = tenant.desk.path("full");
    std::fs::create_dir(&full).unwrap();
    let program = env!("CARGO_BIN_EXE_fapo-host");
    // A file system of 64 KiB in memory, in a namespace of its own, that grows later.
    let script = format!(
        "mount -t tmpfs -o size=64k none {full} || exit 77
         {program} eval acme --out {full}/run; [ $? = 3 ] || exit 78
         mount -o remount,size=64m {full} || exit 77
         {program} eval acme --resume {full}/run --json || exit 79
         cp {full}/run/results.jsonl {full}/run/calls.jsonl .",
        full = full.display(),
    );
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .current_dir(tenant.desk.path(""))
        .env("FAPO_HOME", tenant.desk.path("home"))
        .output();
    match output.map(Ran::of) {
        Ok(ran) if ran.code == Some(0) => {
            assert!(ran.err.contains("hint: free some space"), "{}", ran.err);
            let expected = bytes(Path::new(whole["run_dir"].as_str().unwrap()));
            assert_eq!(bytes(&tenant.desk.path("")), expected);
        }
        Ok(ran) if ran.code == Some(77) || ran.err.contains("unshare") => {
            skipped(&format!(
                "this machine gives no file system of one's own: {}",
                ran.err.trim()
            ));
        }
        Ok(ran) => panic!("{:?}: {}{}", ran.code, ran.out, ran.err),
        Err(error) => skipped(&format!("this machine has no `unshare`: {error}")),
    }
}

#[test]
fn a_run_with_settings_of_its_own_is_resumed_by_its_name_alone() {
    let tenant = slow(1);
    let script = tenant.desk.file(
        "elsewhere.jsonl",
        std::fs::read(tenant.path("script.jsonl")).unwrap(),
    );
    let cases = tenant.desk.file(
        "cases.jsonl",
        std::fs::read(tenant.path("datasets/train.jsonl")).unwrap(),
    );
    let args = |out| -> Vec<String> {
        [
            "--out",
            out,
            "--cases",
            &cases,
            "--provider",
            &format!("script:{script}"),
            "--limit",
            "90",
            "--repeats",
            "2",
            "--set",
            "chain.config.max_tokens=17",
            "--set",
            "provider_settings.top_p=0.5",
        ]
        .map(str::to_owned)
        .into()
    };
    let whole = args("whole");
    tenant.json(
        "eval",
        &whole.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let cut = args("acme/evals/cut");
    let mut child = start(&tenant, &cut.iter().map(String::as_str).collect::<Vec<_>>());
    wait_for_journal(&mut child, &tenant.path("evals/cut"), 20_000);
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = tenant.json("eval", &["--resume", "cut"]);
    assert_eq!(
        (&resumed["n_cases"], &resumed["n_rows"]),
        (&json!(90), &json!(180))
    );
    assert_eq!(
        bytes(&tenant.path("evals/cut")),
        bytes(&tenant.desk.path("whole"))
    );
}
