//! `fapo-host sim`

use std::path::PathBuf;

use clap::Subcommand;
use fapo_core::simulator::Rates;
use tokio::net::TcpListener;

use crate::exit::{CommandError, CommandResult, Exit, file_error};
use crate::report;
use crate::sim_server::{self, AwsKey, Faults, Latency, Quota, RetryAfter, Settings};
use crate::stop::Stop;

/// Simulate models, for tests and loads without an account
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<Serve>),
}

/// Serve the simulator over HTTP in the vendors' formats
///
/// Speaks OpenAI's Chat Completions (Azure's and Baseten's, too) and Responses,
/// Anthropic's Messages, Bedrock's Converse, and what SageMaker's and Baseten's
/// containers take. It refuses what these refuse. It reads the prompts and
/// answers by fixed rules: there is no model, and nothing is sent anywhere.
///
/// While it runs: POST /__faults plans faults for the next requests, as in
/// [{"fault": "429", "retry_after": "1.5", "times": 2}]; POST /__config changes
/// settings, as in {"faults": "500:0.1"}; GET /__stats and GET /__log?n=100 tell
/// what was asked; POST /__reset forgets it.
///
/// Faults are a status (400 to 599), quota-spent, reset, reset-amid, stall-before,
/// stall-amid, cut-json, huge (a body of 100 MB), content-type and empty.
#[derive(Debug, clap::Args)]
struct Serve {
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    listen: String,
    /// Write the port there once it is open
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// What decides all that looks random
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How often the simulator fails, as verbose=0.6; the others are abstains,
    /// distracted, lost, careless, malformed and ignores
    #[arg(long = "rate", value_name = "NAME=SHARE", value_parser = super::pair)]
    rates: Vec<(String, String)>,
    /// How long an answer takes: none, fixed:MS or lognormal:MEDIAN_MS,SIGMA
    #[arg(long, default_value = "none")]
    latency: Latency,
    /// Faults that come by chance, each with its share of the requests
    #[arg(long, value_name = "KIND:SHARE,…", default_value = "")]
    faults: Faults,
    /// Fail a same request by chance so often at most
    #[arg(long, value_name = "N")]
    fault_attempts: Option<u32>,
    /// When to come back: seconds as 1 or 1.5, date, date:SECONDS, or ms:MILLISECONDS
    #[arg(long, value_name = "WHEN")]
    retry_after: Option<RetryAfter>,
    /// Requests in a minute, and how many may come at once; tokens in a minute
    #[arg(long, value_name = "RPM[:BURST][,tokens=TPM]")]
    quota: Option<Quota>,
    /// Tell in each reply what is left of the quota
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    quota_headers: bool,
    /// Refuse more requests at once with 429
    #[arg(long, value_name = "N")]
    max_in_flight: Option<u32>,
    /// Know these models alone; a * at the end stands for anything
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    models: Vec<String>,
    /// Ask for this key, in each vendor's way
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,
    /// Ask for signatures made with this key on Bedrock's and SageMaker's paths
    #[arg(long, value_name = "ID:SECRET", value_parser = aws_key)]
    aws_key: Option<AwsKey>,
}

fn aws_key(text: &str) -> Result<AwsKey, String> {
    match text.split_once(':') {
        Some((id, secret)) if !id.is_empty() && !secret.is_empty() => Ok(AwsKey {
            id: id.into(),
            secret: secret.into(),
        }),
        _ => Err("write it as ID:SECRET".into()),
    }
}

pub(crate) fn run(args: Args) -> CommandResult<Exit> {
    match args.command {
        Command::Serve(args) => super::runtime()?.block_on(serve(*args)),
    }
}

async fn serve(args: Serve) -> CommandResult<Exit> {
    let rates = rates(&args.rates)?;
    let mut stop = Stop::listen();
    let could_not = || format!("could not listen on `{}`", args.listen);
    let listener = TcpListener::bind(&args.listen)
        .await
        .map_err(|error| CommandError::person(could_not()).because(error))?;
    let address = listener
        .local_addr()
        .map_err(|error| CommandError::world(could_not()).because(error))?;
    if let Some(path) = &args.port_file {
        std::fs::write(path, address.port().to_string())
            .map_err(|error| file_error("write", path, error))?;
    }
    report::note(&format!(
        "a simulator of models listens on http://{address}: no model stands behind its answers"
    ));
    let settings = Settings {
        seed: args.seed,
        rates,
        latency: args.latency,
        faults: args.faults,
        fault_attempts: args.fault_attempts,
        retry_after: args.retry_after,
        quota: args.quota,
        quota_headers: args.quota_headers,
        in_flight_max: args.max_in_flight,
        models: args.models,
        api_key: args.api_key,
        aws_key: args.aws_key,
    };
    sim_server::serve(listener, settings, &mut stop).await;
    Ok(Exit::Done)
}

/// Changes the rates that are named.
fn rates(named: &[(String, String)]) -> CommandResult<Rates> {
    let mut rates = serde_json::to_value(Rates::default()).expect("rates are plain numbers");
    for (name, share) in named {
        let known = rates.get_mut(name);
        match (known, share.parse::<f64>()) {
            (Some(rate), Ok(share)) if (0.0..=1.0).contains(&share) => *rate = share.into(),
            (None, _) => return Err(CommandError::person(format!("there is no rate `{name}`"))),
            _ => {
                return Err(CommandError::person(format!(
                    "the rate `{share}` is not a number from 0 to 1"
                )));
            }
        }
    }
    Ok(serde_json::from_value(rates).expect("they were written from rates"))
}
