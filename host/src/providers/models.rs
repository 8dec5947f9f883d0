//! What the host knows of models without being told: `models.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fapo_core::digest::{canonical_json, sha256_hex};
use fapo_core::model::{ModelTable, WrittenModel};

static SHIPPED: LazyLock<ModelTable> = LazyLock::new(|| {
    let written = toml::from_str(include_str!("models.toml"));
    with_bedrock(written.expect("the tests read the same text"))
});

/// Returns the table that ships with the host.
pub(crate) fn shipped() -> &'static ModelTable {
    &SHIPPED
}

/// Returns the operator's own table.
pub(crate) fn of_policy(models: &BTreeMap<String, WrittenModel>) -> ModelTable {
    ModelTable {
        version: table_version(models),
        models: models.clone(),
    }
}

/// Returns the version of all that is known of prices: that of the table that
/// ships with the host, and a mark of what the operator says beside it.
pub(crate) fn table_version(own: &BTreeMap<String, WrittenModel>) -> String {
    let shipped = &shipped().version;
    if own.is_empty() {
        return shipped.clone();
    }
    let own = serde_json::to_value(own).unwrap_or_default();
    let mark = sha256_hex(canonical_json(&own));
    format!("{shipped}+policy.{}", &mark[..8])
}

/// Vendors whose names stand before their models' in Bedrock.
const VENDORS: [&str; 3] = ["amazon.", "anthropic.", "meta."];

/// Prefixes of ids that Bedrock serves from several regions.
const REGIONS: [&str; 7] = ["apac.", "au.", "eu.", "global.", "jp.", "us-gov.", "us."];

/// Adds the names that Bedrock has for models: its vendor's, and its regions'.
fn with_bedrock(mut table: ModelTable) -> ModelTable {
    let mut added = Vec::new();
    for (name, model) in &table.models {
        let model = WrittenModel {
            price: None,
            ..model.clone()
        };
        // An id ends with a version that the vendor's own name does not have.
        let open = name.trim_end_matches('*').to_owned() + "*";
        // Beside an entry for a family one for a model has a price alone.
        if open != *name && table.models.contains_key(&open) {
            continue;
        }
        let id = match name.starts_with("claude-") {
            true => format!("anthropic.{open}"),
            false if VENDORS.iter().any(|vendor| name.starts_with(vendor)) => open,
            false => continue,
        };
        added.extend(REGIONS.map(|region| (format!("{region}{id}"), model.clone())));
        added.push((id, model));
    }
    for (name, model) in added {
        table.models.entry(name).or_insert(model);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use fapo_core::model::{Model, Parameter, Price};

    fn model(name: &str) -> Model {
        Model::find(name, &[shipped()])
    }

    #[test]
    fn the_table_is_sane() {
        let table = shipped();
        assert!(
            table.version.len() == "2026-01-01".len(),
            "{}",
            table.version
        );
        assert!(table.models.len() > 100, "{}", table.models.len());
        for (name, model) in &table.models {
            assert!(!name.starts_with("sim-") && !name.starts_with("mock-"));
            assert!(
                !name.trim_end_matches('*').is_empty(),
                "one entry is for all"
            );
            if let (Some(held), Some(written)) = (model.context_tokens, model.output_tokens_max) {
                assert!(
                    held >= 4_096 && written >= 1_024 && written <= held,
                    "{name}"
                );
            }
            let Some(price) = model.price else { continue };
            assert!(!name.ends_with('*'), "{name}: a relative has another price");
            assert!((0.01..=100.0).contains(&price.input), "{name}");
            assert!(price.output > price.input, "{name}");
            if let Some(cached) = price.cached_input {
                assert!(cached > 0.0 && cached < price.input, "{name}");
            }
        }
    }

    #[test]
    fn models_that_reason_are_told_from_those_that_do_not() {
        for name in [
            "o1",
            "o3-mini",
            "o4-mini-2025-04-16",
            "gpt-5",
            "gpt-5.4-mini",
        ] {
            let model = model(name);
            assert!(model.reasons, "{name}");
            assert!(!model.takes(Parameter::Temperature) && !model.takes(Parameter::Stop));
            assert!(model.takes(Parameter::ReasoningEffort), "{name}");
        }
        for name in [
            "gpt-4o",
            "gpt-4.1-nano",
            "gpt-5-chat-latest",
            "gemini-2.5-pro",
        ] {
            let model = model(name);
            assert!(
                !model.reasons && model.takes(Parameter::Temperature),
                "{name}"
            );
        }
    }

    #[test]
    fn a_price_is_that_of_one_model_alone() {
        let price = |name| model(name).price;
        let mini = Price {
            input: 0.15,
            cached_input: Some(0.075),
            output: 0.6,
        };
        assert_eq!(price("gpt-4o-mini"), Some(mini));
        for unknown in [
            "gpt-4o-audio-preview",
            "gpt-5.9",
            "llama-9",
            "sim-reader",
            "mock-1",
        ] {
            assert_eq!(price(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn bedrock_has_the_vendors_models_under_its_own_names_and_no_price() {
        for prefix in ["", "us.", "eu.", "global.", "apac."] {
            let model = model(&format!(
                "{prefix}anthropic.claude-sonnet-4-5-20250929-v1:0"
            ));
            assert_eq!(model.output_tokens_max, Some(64_000), "{prefix}");
            assert!(!model.takes(Parameter::ReasoningEffort) && model.price.is_none());
        }
        assert!(!model("us.anthropic.claude-opus-4-8").takes(Parameter::Temperature));
        assert_eq!(
            model("us.amazon.nova-pro-v1:0").context_tokens,
            Some(300_000)
        );
    }
}
