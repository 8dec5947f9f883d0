//! Searches of a run: in a corpus of the tenant's or of a person's, and by a
//! server of the operator's.

mod corpora;
mod servers;

use serde_json::{Value, json};

use crate::program::Desk;
use crate::tenants::Tenant;

/// What the chain of six steps calls its index.
const INDEX: &str = "corpus";

const DOCUMENTS: &str = r#"{"id": "d1", "title": "Bell Rock", "text": "A lighthouse on a reef, built by Robert Stevenson."}
{"id": "d2", "title": "Robert Stevenson", "text": "An engineer, and the grandfather of a writer."}
{"id": "d3", "title": "Tower Bridge", "text": "A bridge in London.", "metadata": {"year": 1894}}
{"id": "d4", "title": "Potato", "text": "A root that is eaten."}
"#;

/// Rules that ask for the second hop, and answer whatever else is asked.
const RULES: &str = r#"{"match": "produce the field `query`", "reply": "Robert Stevenson engineer"}
{"match": "", "reply": "an answer"}
"#;

fn rows() -> String {
    let row = |id: &str, question: &str| {
        json!({"case_id": id, "context": {"question": question}, "expected": "x"}).to_string()
    };
    [
        row("one", "Who built the lighthouse on Bell Rock?"),
        row("two", "Which bridge is in London?"),
    ]
    .join("\n")
}

/// Returns a tenant of six steps, with this said of its index.
fn tenant(index: &str) -> Tenant {
    let tenant = Tenant::new();
    let component = std::fs::read(fapo_test_artifacts::path("six-step")).unwrap();
    tenant.file("build/chain.wasm", component);
    tenant.file("script.jsonl", RULES);
    tenant.file("corpora/docs.jsonl", DOCUMENTS);
    tenant.file("datasets/train.jsonl", rows());
    let manifest = format!(
        "id = \"acme\"\n[components]\nchain = \"build/chain.wasm\"\n\
         [datasets]\ntrain = \"datasets/train.jsonl\"\n[indexes.{INDEX}]\n{index}\n"
    );
    tenant.file("tenant.toml", manifest);
    tenant
}

fn own() -> Tenant {
    tenant("corpus = \"corpora/docs.jsonl\"")
}

/// Returns the searches of a run.
fn searches(desk: &Desk, run: &Value) -> Vec<Value> {
    let calls = desk.rows(run, "calls.jsonl").into_iter();
    calls.filter(|call| call["kind"] == "search").collect()
}

fn config(run: &Value) -> Value {
    let path = format!("{}/run_config.json", run["run_dir"].as_str().unwrap());
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn eval(tenant: &Tenant, more: &[&str]) -> Value {
    let args = [&["eval", "acme", "--json", "--workers", "1"], more].concat();
    tenant.desk.json(&args)
}
