//! `fapo-host doctor`

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use fapo_core::limits::Limits;
use fapo_core::manifest::Role;
use fapo_sandbox::CallSite;
use fapo_sandbox::engine::{Allocation, CASES_IN_FLIGHT_MAX};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;

use super::{pair, provider_settings};
use crate::exit::{CommandError, CommandResult, Exit};
use crate::guests;
use crate::home::Home;
use crate::providers::Flow;
use crate::report::{self, Table};

mod index;
mod provider;

/// Check what this machine offers, and say what to mend
///
/// Looks at the target for building guests, address space, open files, the
/// kernel, the store of compiled code, the policy and the clock. With
/// --provider it makes one cheap model call instead, with --index one search by
/// the operator's server, and says what is wrong with it. Ends with 1 when
/// something keeps guests from running or being built, or a provider from
/// answering.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Ask this provider once: sim, openai, a name in policy.toml
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Set how it is asked, as provider_settings.model=gpt-4o-mini
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = pair, requires = "provider")]
    set: Vec<(String, String)>,
    /// Search once by the server that policy.toml puts behind this index
    #[arg(long, value_name = "NAME", conflicts_with = "provider")]
    index: Option<String>,
    /// What is searched for
    #[arg(
        long,
        value_name = "TEXT",
        requires = "index",
        default_value = "history"
    )]
    query: String,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// What was found about one thing.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Good,
    /// It works, and could be better.
    Slow,
    Bad,
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    let home = Home::find()?;
    let checks = match (&args.provider, &args.index) {
        (Some(name), _) => provider::look(&home, name, &provider_settings(&args.set)?)?,
        (None, Some(name)) => index::look(&home, name, &args.query)?,
        (None, None) => machine(&home),
    };
    let bad = checks.iter().any(|check| check.verdict == Verdict::Bad);
    if args.json {
        report::json(&serde_json::json!({"home": home.dir(), "checks": checks}));
    } else {
        print(&checks);
    }
    Ok(if bad { Exit::NotMet } else { Exit::Done })
}

fn machine(home: &Home) -> Vec<Check> {
    let mut checks = vec![target(), open_files(), mappings()];
    checks.extend(sandbox(home));
    checks.extend([policy(home), clock()]);
    checks
}

fn print(checks: &[Check]) {
    let mut table = Table::new(["", "check", "found"]);
    for check in checks {
        let verdict = match check.verdict {
            Verdict::Good => "good",
            Verdict::Slow => "slow",
            Verdict::Bad => "bad",
        };
        table.row([verdict.into(), check.name.into(), check.found.clone()]);
    }
    table.print();
    for check in checks {
        if let Some(hint) = &check.hint {
            report::line(&format!("\n{}: {hint}", check.name));
        }
    }
}

fn good(name: &'static str, found: impl Into<String>) -> Check {
    Check {
        name,
        verdict: Verdict::Good,
        found: found.into(),
        hint: None,
    }
}

fn bad(name: &'static str, error: &CommandError) -> Check {
    good(name, error.chain().join(": ")).but(Verdict::Bad, error.hint_text().unwrap_or_default())
}

/// Returns where a call of the doctor comes from.
fn site() -> CallSite {
    CallSite {
        role: Role::Chain,
        case: "doctor".into(),
        repeat: 1,
        step: "doctor".into(),
        visit: 1,
        sample: 0,
        seq: 0,
    }
}

/// Returns for whom it waits its turn.
fn flow() -> Flow {
    Flow {
        tenant: "".into(),
        run: "doctor".into(),
    }
}

impl Check {
    fn but(self, verdict: Verdict, hint: impl Into<String>) -> Self {
        Self {
            verdict,
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// The target that guests in Rust are built for.
fn target() -> Check {
    match guests::has_target(Path::new(".")) {
        Ok(true) => good("target", format!("{} is installed", guests::TARGET)),
        Ok(false) => good("target", format!("{} is not installed", guests::TARGET))
            .but(Verdict::Slow, "`fapo-host build` will install it with rustup the first time"),
        Err(_) => good("target", "there is no Rust toolchain").but(
            Verdict::Slow,
            "guests in Rust cannot be built here; built ones run. Install Rust with rustup to build them",
        ),
    }
}

/// Each provider's connection is an open file.
fn open_files() -> Check {
    const WANTED: u64 = 4096;
    let limit = getrlimit(Resource::Nofile).current;
    match limit {
        Some(limit) if limit < WANTED => good("open files", format!("{limit} at most")).but(
            Verdict::Slow,
            format!("allow {WANTED}, as with `ulimit -n {WANTED}`, for many calls in flight"),
        ),
        Some(limit) => good("open files", format!("{limit} at most")),
        None => good("open files", "as many as one likes"),
    }
}

/// Each instance takes a handful of mappings.
fn mappings() -> Check {
    const EACH: u64 = 8;
    let wanted = u64::from(CASES_IN_FLIGHT_MAX) * EACH;
    let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    match text.trim().parse::<u64>() {
        Ok(count) if count < wanted => good("mappings", format!("{count} at most")).but(
            Verdict::Slow,
            format!("set `vm.max_map_count` to {wanted} or more to have {CASES_IN_FLIGHT_MAX} cases in flight"),
        ),
        Ok(count) => good("mappings", format!("{count} at most")),
        Err(_) => good("mappings", "this kernel does not count them"),
    }
}

/// Sets up a sandbox and looks at what it got.
fn sandbox(home: &Home) -> Vec<Check> {
    let store = match home.code_store() {
        Ok(_) => good(
            "compiled code",
            format!("kept in {}", home.dir().join("compiled").display()),
        ),
        Err(error) => good("compiled code", error.chain().join(": "))
            .but(Verdict::Bad, error.hint_text().unwrap_or_default()),
    };
    let space = match getrlimit(Resource::As).current {
        Some(bytes) => format!("{} MiB at most", bytes >> 20),
        None => "as much as one likes".into(),
    };
    let space = good("address space", space);
    let kernel = good(
        "kernel",
        rustix::system::uname().release().to_string_lossy(),
    );
    let allocation = super::runtime().and_then(|runtime| {
        let _inside = runtime.enter();
        Ok(home
            .sandbox(Limits::default().stack_bytes_max)?
            .allocation())
    });
    let [space, kernel] = match allocation {
        Ok(Allocation::PooledWithPagemap) => [space, kernel],
        Ok(Allocation::Pooled) => {
            let slow = "Linux 6.7 or later can tell which pages a case has written (`PAGEMAP_SCAN`), \
                        which makes a case cheaper by half";
            [space, kernel.but(Verdict::Slow, slow)]
        }
        Ok(Allocation::OnDemand) => {
            let slow = "there is too little for slots that are reserved at the start, so each instance \
                        is mapped anew: lift the limit, as with `ulimit -v unlimited`";
            [space.but(Verdict::Slow, slow), kernel]
        }
        Err(error) => [space.but(Verdict::Bad, error.chain().join(": ")), kernel],
    };
    vec![space, kernel, store]
}

fn policy(home: &Home) -> Check {
    let path = home.policy_path();
    match home.policy() {
        Ok(_) if !path.exists() => good("policy", "none: the built-in ceilings hold"),
        Ok(_) => good("policy", path.display().to_string()),
        Err(error) => good("policy", error.chain().join(": "))
            .but(Verdict::Bad, "mend the file or take it away"),
    }
}

/// Time limits need a clock that runs, and records one that knows the date.
fn clock() -> Check {
    const PAUSE: Duration = Duration::from_millis(5);
    let began = Instant::now();
    std::thread::sleep(PAUSE);
    let took = began.elapsed();
    #[expect(
        clippy::disallowed_methods,
        reason = "the very clock is what is looked at"
    )]
    let now = SystemTime::now();
    let year_2025 = SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_689_600);
    if now < year_2025 {
        return good("clock", "it stands before the year 2025")
            .but(Verdict::Slow, "set the machine's clock");
    }
    let found = good(
        "clock",
        format!(
            "a sleep of {} ms took {:.1} ms",
            PAUSE.as_millis(),
            took.as_secs_f64() * 1e3
        ),
    );
    if took > PAUSE * 10 {
        return found.but(
            Verdict::Slow,
            "this machine is very busy: time limits will be coarse",
        );
    }
    found
}
