//! The budgets that a run shares with others: a study's, a tenant's, a day's.

use std::path::Path;
use std::sync::Arc;

use fapo_core::budget::{Amount, Budget, Budgets, Overspent, Purpose};
use fapo_core::call::Spending;

use crate::clock;
use crate::exit::CommandResult;
use crate::spending::{Ledger, Refusal, Reservation, ScopeKey};

/// A run's part in the ledger of spending.
pub(crate) struct Shared {
    ledger: Ledger,
    tenant: String,
    study: Option<String>,
    bounds: Budgets,
}

/// Why nothing was reserved.
pub(crate) enum Refused {
    /// A budget has no room.
    Overspent(Spending, Overspent),
    /// The ledger cannot be kept.
    Failed(String),
}

impl Shared {
    /// Opens the ledger for a tenant, if any budget is shared.
    pub(crate) fn open(
        path: &Path,
        tenant: &str,
        study: Option<&str>,
        bounds: &Budgets,
    ) -> CommandResult<Option<Self>> {
        let shared = [
            &bounds.study,
            &bounds.tenant,
            &bounds.tenant_day,
            &bounds.day,
        ];
        if shared.into_iter().all(Budget::is_unbounded) {
            return Ok(None);
        }
        Ok(Some(Self {
            ledger: Ledger::open(path)?,
            tenant: tenant.into(),
            study: study.map(str::to_owned),
            bounds: *bounds,
        }))
    }

    /// Returns the budgets that are shared.
    pub(crate) fn budgets(&self) -> [&Budget; 4] {
        let bounds = &self.bounds;
        [
            &bounds.study,
            &bounds.tenant,
            &bounds.tenant_day,
            &bounds.day,
        ]
    }

    /// Takes room in all of them, or in none.
    pub(crate) async fn reserve(
        &self,
        purpose: Purpose,
        amount: Amount,
    ) -> Result<Reservation, Refused> {
        // The day is that of the request: a run may go on past midnight.
        let scopes = self.scopes(&clock::today());
        let (of, keyed): (Vec<Spending>, Vec<_>) = scopes.into_iter().unzip();
        let keyed: Arc<[(ScopeKey, Budget)]> = keyed.into();
        match self.ledger.reserve(&keyed, purpose, amount).await {
            Ok(reservation) => Ok(reservation),
            Err(Refusal::Overspent { scope, overspent }) => {
                let at = keyed.iter().position(|(key, _)| *key == scope);
                let of = at.map_or(Spending::Ledger, |at| of[at]);
                Err(Refused::Overspent(of, overspent))
            }
            Err(unwritable) => Err(Refused::Failed(unwritable.to_string())),
        }
    }

    fn scopes(&self, date: &str) -> Vec<(Spending, (ScopeKey, Budget))> {
        let (bounds, tenant) = (&self.bounds, &self.tenant);
        let study = self.study.as_deref();
        let all = [
            (Spending::Day, Some(ScopeKey::day(date)), bounds.day),
            (
                Spending::TenantDay,
                Some(ScopeKey::tenant_day(tenant, date)),
                bounds.tenant_day,
            ),
            (
                Spending::Tenant,
                Some(ScopeKey::tenant(tenant)),
                bounds.tenant,
            ),
            (
                Spending::Study,
                study.map(|study| ScopeKey::study(tenant, study)),
                bounds.study,
            ),
        ];
        // What is not bounded is written down all the same: a bound that is set
        // later holds from the first call on.
        all.into_iter()
            .filter_map(|(of, key, budget)| Some((of, (key?, budget))))
            .collect()
    }

    /// Settles what a request did cost.
    pub(crate) fn settle(&self, room: Reservation, actual: Amount) {
        self.ledger.settle(room, actual);
    }
}
