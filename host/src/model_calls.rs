//! What a run puts between its guests and what answers them: the journal, a
//! cassette, the cache, budgets, and behind them the provider. Searches of
//! servers pass the first two.
//!
//! The order decides what each of them sees. The journal is the nearest to the
//! guest, so a run that goes on asks nothing again; a cassette records answers
//! of the cache like all others; what the cache answers takes no budget.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fapo_core::budget::{Amount, Budgets as AllBudgets};
use fapo_core::case::CaseId;
use fapo_core::config::BudgetsConfig;
use fapo_core::policy::WrittenPolicy;
use fapo_core::run::{CacheMode, CacheUse, Calls};
use fapo_sandbox::imports::{Provider, Retriever};

use crate::budgets::{Bounds, Budgets, Shared};
use crate::cache::{self, Cache};
use crate::cassette::{self, Recorder, Replay};
use crate::exit::{CommandError, CommandResult};
use crate::home::Home;
use crate::journal::{Journal, journaled, journaled_searches};
use crate::providers::{Flow, OfRun, Opened};
use crate::retrieval::{OpenIndexes, Silent};

/// How a person wants model calls answered.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Choices {
    /// Use no answer that was kept from another run, and keep none
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Use kept answers alone, and send nothing
    #[arg(long, conflicts_with = "no_cache")]
    cache_only: bool,
    /// Write every answer into this file, so that the run can be replayed
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Answer from a file that --record wrote, and send nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "no_cache", "cache_only"])]
    replay: Option<PathBuf>,
}

impl Choices {
    /// Returns the choices for a run that goes on: what it was told about the
    /// cache holds, unless it is told otherwise now.
    pub(crate) fn again(&self, no_cache: bool) -> Self {
        Self {
            no_cache: self.no_cache || (no_cache && !self.cache_only && !self.is_replay()),
            ..self.clone()
        }
    }

    /// Tells whether a recording answers, and nothing is sent.
    pub(crate) fn is_replay(&self) -> bool {
        self.replay.is_some()
    }
}

/// All that decides how model calls are answered, beside the provider.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) home: Home,
    pub(crate) policy: WrittenPolicy,
    pub(crate) choices: Choices,
    /// What the config says may be spent.
    pub(crate) budgets: BudgetsConfig,
}

impl Asking {
    /// Returns what answers when nothing may be spent, sent or kept.
    pub(crate) fn dry(&self) -> Self {
        Self {
            home: self.home.clone(),
            policy: WrittenPolicy::default(),
            choices: Choices {
                no_cache: true,
                ..Choices::default()
            },
            budgets: BudgetsConfig::default(),
        }
    }

    /// Returns the operator's budgets, with the config's under them.
    fn all_budgets(&self) -> AllBudgets {
        let operator = &self.policy.budgets;
        AllBudgets {
            case: operator.case.and(&self.budgets.case),
            run: operator.run.and(&self.budgets.run),
            ..*operator
        }
    }

    /// Gets ready to send what is asked, if anything is to be sent: before a
    /// command leaves anything behind that a missing key would make worthless.
    pub(crate) fn connect(
        &self,
        provider: Option<&Opened>,
        indexes: &OpenIndexes,
    ) -> CommandResult<()> {
        if !self.sends() {
            return Ok(());
        }
        indexes.connect()?;
        provider.map_or(Ok(()), Opened::connect)
    }

    /// Tells whether anything may leave this process.
    fn sends(&self) -> bool {
        !self.choices.cache_only && !self.choices.is_replay()
    }

    /// Refuses a budget of money where nobody knows what is spent.
    pub(crate) fn check(&self, provider: Option<&Opened>) -> CommandResult<()> {
        let Some(model) = provider.and_then(Opened::without_price) else {
            return Ok(());
        };
        if !self.sends() || !self.all_budgets().bounds_money() {
            return Ok(());
        }
        Err(CommandError::refused(format!(
            "there is a budget of money, and nobody knows what `{model}` costs"
        ))
        .hint(format!(
            "say it in `policy.toml`, in dollars for a million tokens: `[models.\"{model}\"]`, `price = {{ input = 0.25, output = 2.0 }}`"
        )))
    }
}

/// Which run asks.
pub(crate) struct Asker<'a> {
    pub(crate) tenant_id: &'a str,
    pub(crate) run_id: &'a str,
    pub(crate) dir: &'a Path,
    /// What the run has already spent, in rows that are finished.
    pub(crate) spent: Amount,
    pub(crate) is_resumed: bool,
}

/// The model calls of one run.
pub(crate) struct ModelCalls {
    journal: Arc<Journal>,
    budgets: Arc<Budgets>,
    provider: Option<Arc<dyn Provider>>,
    retriever: Option<Arc<dyn Retriever>>,
    replay: Option<Arc<Replay>>,
    recorder: Option<Arc<Recorder>>,
    cache: Option<PathBuf>,
    mode: CacheMode,
}

impl ModelCalls {
    /// Puts everything in its place.
    pub(crate) fn open(
        asking: &Asking,
        opened: Option<&Opened>,
        indexes: &OpenIndexes,
        asker: &Asker<'_>,
        finished: impl Fn(&CaseId, u32) -> bool,
    ) -> CommandResult<Self> {
        let choices = &asking.choices;
        let journal = Journal::open(asker.dir, finished)?;
        let all = asking.all_budgets();
        let bounds = Bounds {
            case: all.case,
            run: all.run,
        };
        let shared = match opened {
            Some(_) => Shared::open(&asking.home.spending(), asker.tenant_id, None, &all)?,
            None => None,
        };
        let budgets = Budgets::new(bounds, asker.spent.plus(journal.spent()), shared);
        let mut calls = Self {
            journal,
            budgets,
            provider: None,
            retriever: None,
            replay: None,
            recorder: None,
            cache: None,
            mode: CacheMode::None,
        };
        if let Some(file) = &choices.replay {
            let replay = Replay::open(file)?;
            calls.provider = Some(cassette::replayed(&replay));
            calls.retriever = indexes.retriever(cassette::replayed_searches(&replay));
            calls.replay = Some(replay);
            return Ok(calls);
        }
        let flow = Flow {
            tenant: asker.tenant_id.into(),
            run: asker.run_id.into(),
        };
        let provider = opened.map(|opened| calls.ask(asking, opened, asker, flow.clone()));
        let mut provider = provider.transpose()?;
        let mut servers: Arc<dyn Retriever> = match asking.sends() {
            true => indexes.servers(flow),
            false => Arc::new(Silent),
        };
        if let Some(file) = &choices.record
            && (opened.is_some() || indexes.has_servers())
        {
            let recorder = Recorder::open(file, asker.run_id, asker.is_resumed)?;
            provider = provider.map(|provider| cassette::recorded(provider, recorder.clone()));
            servers = cassette::recorded_searches(servers, recorder.clone());
            calls.recorder = Some(recorder);
        }
        let is_local = opened.is_none_or(Opened::is_local);
        calls.provider = provider.map(|provider| journaled(provider, &calls.journal, is_local));
        calls.retriever = indexes.retriever(journaled_searches(servers, &calls.journal));
        Ok(calls)
    }

    /// Returns what asks a provider, with the cache before it.
    fn ask(
        &mut self,
        asking: &Asking,
        opened: &Opened,
        asker: &Asker<'_>,
        flow: Flow,
    ) -> CommandResult<Arc<dyn Provider>> {
        let choices = &asking.choices;
        let run = Arc::new(OfRun {
            budgets: self.budgets.clone(),
            flow,
            journal: (!opened.is_local()).then(|| self.journal.clone()),
        });
        self.mode = match (opened.is_kept(), choices.no_cache, choices.cache_only) {
            (_, _, true) => CacheMode::Only,
            (false, ..) => CacheMode::None,
            (true, true, _) => CacheMode::Bypass,
            (true, false, _) => CacheMode::Use,
        };
        let mut provider = match self.mode {
            // Nothing is sent, so no key is needed.
            CacheMode::Only => opened.disconnected(),
            _ => opened.of_run(&run),
        };
        if matches!(self.mode, CacheMode::Use | CacheMode::Only) {
            let policy = &asking.policy.cache;
            let path = asking.home.cache();
            let cache = Cache::open(&path, policy.bytes_max)?;
            let identity = opened.clone();
            let scope = cache::Scope {
                tenant: (!policy.shared_among_tenants).then(|| asker.tenant_id.to_owned()),
                identity: Arc::new(move |request| identity.identity(request)),
            };
            let mode = match self.mode {
                CacheMode::Only => cache::Mode::Only,
                _ => cache::Mode::Use,
            };
            provider = cache::cached(provider, cache, scope, mode);
            self.cache = Some(path);
        }
        Ok(provider)
    }

    /// Returns what answers the guests.
    pub(crate) fn provider(&self) -> Option<&Arc<dyn Provider>> {
        self.provider.as_ref()
    }

    /// Returns what answers their searches.
    pub(crate) fn retriever(&self) -> Option<&Arc<dyn Retriever>> {
        self.retriever.as_ref()
    }

    /// Returns how many requests an earlier process may have paid for in vain.
    pub(crate) fn maybe_paid(&self) -> u64 {
        self.journal.maybe_paid()
    }

    /// Fails when what follows would be built on an answer that was not kept,
    /// or on another one than was recorded.
    pub(crate) fn check(&self) -> CommandResult<()> {
        self.journal.check()?;
        if let Some(recorder) = &self.recorder {
            recorder.check()?;
        }
        self.replay.as_ref().map_or(Ok(()), |replay| replay.check())
    }

    /// Tells whether a budget has ended the run.
    pub(crate) fn is_spent(&self) -> bool {
        self.budgets.is_spent()
    }

    /// Returns what became of so many calls at the cache.
    pub(crate) fn cache_use(&self, calls: &Calls) -> CacheUse {
        let missed = calls.generate - calls.cached;
        let asked = matches!(self.mode, CacheMode::Use | CacheMode::Only);
        CacheUse {
            mode: self.mode,
            hits: calls.cached,
            misses: if asked { missed } else { 0 },
            bypassed: if asked { 0 } else { missed },
            bytes: self.cache.as_ref().map_or(0, |path| {
                std::fs::metadata(path).map_or(0, |meta| meta.len())
            }),
        }
    }

    /// Forgets what is there for going on with a run that has ended well.
    pub(crate) fn forget(&self) -> CommandResult<()> {
        self.journal.remove()
    }
}
