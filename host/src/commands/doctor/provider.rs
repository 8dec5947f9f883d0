//! `fapo-host doctor --provider NAME`: one cheap call, and what it says.

use std::sync::Arc;
use std::time::Instant;

use fapo_core::Untrusted;
use fapo_core::budget::Amount;
use fapo_core::call::{Completion, Delivery, GenerateRequest, ProviderError};
use fapo_core::config::{ProviderSettings, RetrySettings};
use fapo_core::manifest::Role;
use fapo_core::message::{ContentPart, Message, Speaker};

use super::{Check, Verdict, bad, flow, good, site};
use crate::budgets::{Bounds, Budgets};
use crate::commands::runtime;
use crate::exit::CommandResult;
use crate::home::Home;
use crate::providers::{Named, OfRun, Opened, Operator};

/// What is asked: any model can answer it, and briefly.
const QUESTION: &str = "Reply with the one word: ok";

/// Room for models that think first.
const TOKENS_MAX: u32 = 256;

/// Asks a provider once, and tells what was found on the way.
pub(super) fn look(
    home: &Home,
    name: &str,
    settings: &ProviderSettings,
) -> CommandResult<Vec<Check>> {
    let policy = home.policy()?;
    let operator = Operator { policy: &policy };
    // Somebody sits before the screen: the first answer is the one that counts.
    let settings = &ProviderSettings {
        retry: settings.retry.or(Some(RetrySettings {
            attempts_max: 1,
            ..RetrySettings::default()
        })),
        ..settings.clone()
    };
    let opened = match operator.open(name, &Named::ByPerson, settings) {
        Ok(opened) => opened,
        Err(error) => return Ok(vec![bad("provider", &error)]),
    };
    let record = &opened.record;
    let place = record.base_url.as_deref().unwrap_or("in this process");
    let mut checks = vec![
        good("provider", format!("{name}: {place}")),
        good("model", record.model.clone().unwrap_or_default()),
        price(&opened),
    ];
    let run = Arc::new(OfRun {
        budgets: Budgets::new(Bounds::default(), Amount::default(), None),
        flow: flow(),
        journal: None,
    });
    if let Err(error) = opened.connect() {
        checks.push(bad("key", &error));
        return Ok(checks);
    }
    let provider = opened.of_run(&run);
    let mut request = question();
    provider.complete(Role::Chain, &mut request);
    let began = Instant::now();
    let delivery = runtime()?.block_on(provider.generate(site(), Arc::new(request)));
    let took = format!("{:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    checks.extend(answered(delivery, &took));
    Ok(checks)
}

fn question() -> GenerateRequest {
    let mut request = GenerateRequest {
        messages: vec![Message {
            role: Speaker::User,
            content: vec![ContentPart::Text(QUESTION.into())],
            tool_calls: vec![],
            tool_call_id: None,
        }],
        ..GenerateRequest::default()
    };
    request.params.max_tokens = Some(TOKENS_MAX);
    request
}

fn price(opened: &Opened) -> Check {
    match (opened.is_free(), &opened.record.prices) {
        (true, _) => good("price", "free: no model stands behind it"),
        (false, Some(table)) => good("price", format!("as in the table `{table}`")),
        (false, None) => good("price", "unknown").but(
            Verdict::Slow,
            "costs will be unknown, and a budget of money refuses: say the price in `[models.NAME]` of `policy.toml`",
        ),
    }
}

fn answered(delivery: Delivery, took: &str) -> Vec<Check> {
    let Delivery { answer, receipt } = delivery;
    let completion = match answer {
        Ok(completion) => completion,
        Err(error) => {
            let found = format!("{}: {}", error.name(), error.why());
            let status = receipt.failed.last().and_then(|failed| failed.status);
            return vec![good("answer", found).but(Verdict::Bad, hint(&error, status))];
        }
    };
    let mut checks = vec![text_of(&completion, took)];
    let served = &receipt.served;
    let parts = [&served.fingerprint, &served.version];
    let told: Vec<_> = parts
        .into_iter()
        .flatten()
        .map(Untrusted::to_string)
        .collect();
    checks.push(good(
        "answered by",
        format!("{} {}", completion.model, told.join(" ")),
    ));
    let usage = completion.usage;
    checks.push(match (usage.input_tokens, usage.output_tokens) {
        (Some(input), Some(output)) => good("tokens", format!("{input} in, {output} out")),
        _ => good("tokens", "not counted").but(
            Verdict::Slow,
            "what calls cost will be unknown, and budgets count the most that they can",
        ),
    });
    if !receipt.left_out.is_empty() {
        let left_out: Vec<_> = receipt.left_out.iter().map(|p| p.name()).collect();
        checks.push(good("left out", left_out.join(", ")));
    }
    checks
}

fn text_of(completion: &Completion, took: &str) -> Check {
    let text = completion.choices.first().map(|choice| &choice.text);
    let text = text.map_or(String::new(), |text| text.cut(40));
    good("answer", format!("`{text}` after {took}"))
}

fn hint(error: &ProviderError, status: Option<u16>) -> &'static str {
    match error {
        // Some servers say of a model that they do not have that it is a bad request.
        ProviderError::Denied(why)
            if status == Some(404) || why.as_str().starts_with("no model") =>
        {
            "name a model that the server has with `--set provider_settings.model=NAME`, and check `base_url`"
        }
        ProviderError::Denied(_) => {
            "the server does not accept the key, or the account may not use the model"
        }
        ProviderError::InvalidRequest(_) => {
            "the server does not take requests of this format: check `kind`, `format` and `base_url`"
        }
        ProviderError::Unavailable(_) if status == Some(429) => {
            "the key works, and is asked too fast or has spent its quota"
        }
        ProviderError::Unavailable(_) => {
            "check `base_url`, the network, and whether the server is well"
        }
        _ => "the server answered in a way that no chain could use",
    }
}
