//! An order of a command: a run that is to begin, or one that is to go on.

use std::path::{Path, PathBuf};

use fapo_core::variant::VariantId;
use fapo_sandbox::Sandbox;

use super::again::anew;
use super::{Cases, Tenant};
use crate::exit::CommandResult;
use crate::model_calls::Choices;
use crate::prepare::{Destination, Settled};
use crate::retrieval::GivenCorpus;
use crate::run_dir::Written;
use crate::workspace;

/// What a command orders.
pub(crate) struct Order {
    /// The run that is to go on; then of what was asked the workers and choices alone count.
    pub(crate) resumed: Option<Written>,
    pub(crate) asked: Asked,
    pub(crate) config: Option<PathBuf>,
    pub(crate) set: Vec<(String, String)>,
    pub(crate) out: Option<PathBuf>,
}

/// What a command asks of a run, beside the config.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) variant: VariantId,
    pub(crate) cases: Cases,
    pub(crate) provider: Option<String>,
    pub(crate) repeats: Option<u32>,
    pub(crate) workers: Option<u16>,
    pub(crate) choices: Choices,
    /// Corpora in the place of those that the tenant names.
    pub(crate) corpora: Vec<GivenCorpus>,
}

impl Tenant {
    /// Settles an order: what is run, with every case checked, and where it goes.
    pub(crate) async fn settle(
        &self,
        sandbox: &Sandbox,
        order: Order,
    ) -> CommandResult<(Settled, Destination)> {
        let (wanted, output_dir) = match &order.resumed {
            Some(written) => {
                let anew = anew(&order.set)?;
                let wanted = self.wanted_again(sandbox, &written.config, &anew, &order.asked);
                (wanted.await?, None)
            }
            None => {
                let config = self.config(order.config.as_deref(), &order.set)?;
                let wanted = self.wanted(sandbox, &config, &order.asked).await?;
                (wanted, config.output_dir)
            }
        };
        let settled = Settled::new(sandbox, wanted).await?;
        settled.validate().await?;
        let to = match (order.resumed, order.out) {
            (Some(written), _) => Destination::Resumed(Box::new(written)),
            (None, Some(dir)) => {
                workspace::check_not_raw(&dir)?;
                Destination::New(dir)
            }
            (None, None) => {
                let runs = self.workspace.runs(output_dir.as_deref())?;
                Destination::Below(runs, settled.name())
            }
        };
        Ok((settled, to))
    }

    /// Finds a run by its directory, or by its name among those of the tenant.
    pub(crate) fn find_run(&self, run: &Path) -> CommandResult<Written> {
        let named = self.workspace.run(run);
        match run.is_dir() || !named.is_dir() {
            true => Written::open(run),
            false => Written::open(&named),
        }
    }
}
