//! What a run may still spend: the one place where it is decided whether a
//! request may leave.
//!
//! The most that a request can cost is reserved before it leaves, and what it
//! did cost is settled when its answer is there. What several processes share
//! is in the ledger of spending; a case's and a run's own budgets are here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use fapo_core::budget::{Amount, Budget, Overspent, Purpose};
use fapo_core::call::Spending;
use fapo_core::case::CaseId;
use fapo_core::manifest::Role;
use fapo_sandbox::CallSite;
use tokio::sync::Notify;

use crate::spending::Reservation;

mod shared;

pub(crate) use shared::Shared;

/// What bounds a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) case: Budget,
    pub(crate) run: Budget,
}

/// The budgets of one run.
pub(crate) struct Budgets {
    bounds: Bounds,
    /// What is spent or reserved.
    spent: Mutex<Spent>,
    /// What others spend, too.
    shared: Option<Shared>,
    /// Tells those that wait for room that something was settled.
    settled: Notify,
    /// Whether a budget beyond a case's own refused.
    is_spent: AtomicBool,
}

#[derive(Default)]
struct Spent {
    run: Amount,
    cases: HashMap<(CaseId, u32), Amount>,
    /// Reservations that are not settled.
    n_open: u32,
}

/// Why a request may not leave.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refused {
    /// The budget, as in `run`.
    pub(crate) of: Spending,
    pub(crate) why: String,
}

/// Room for one request, until it is settled.
pub(crate) struct Reserved<'a> {
    budgets: &'a Budgets,
    case: Option<(CaseId, u32)>,
    amount: Amount,
    shared: Option<Reservation>,
    is_settled: bool,
}

impl Budgets {
    /// Returns the budgets of a run that has already spent something.
    pub(crate) fn new(bounds: Bounds, spent: Amount, shared: Option<Shared>) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            spent: Mutex::new(Spent {
                run: spent,
                ..Spent::default()
            }),
            shared,
            settled: Notify::new(),
            is_spent: AtomicBool::new(false),
        })
    }

    /// Tells whether a budget beyond a case's own has no room left.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_spent.load(Relaxed)
    }

    /// Tells whether an answer must have a bound, so that it can be reserved:
    /// where its tokens are counted, or what they cost.
    pub(crate) fn bounds_answers(&self, costs: bool) -> bool {
        let bounds =
            |budget: &Budget| budget.tokens_max.is_some() || (costs && budget.usd_max.is_some());
        let shared = self.shared.iter().flat_map(Shared::budgets);
        [&self.bounds.case, &self.bounds.run]
            .into_iter()
            .chain(shared)
            .any(bounds)
    }

    /// Takes room for a request. Where others under way hold what is missing,
    /// waits until they are settled: they may give some of it back.
    pub(crate) async fn reserve(
        &self,
        site: &CallSite,
        amount: Amount,
    ) -> Result<Reserved<'_>, Refused> {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            // Listen before looking, so that no settlement falls between.
            settled.as_mut().enable();
            let (refused, overspent) = match self.reserve_own(site, amount) {
                Ok(mut reserved) => {
                    let Some(ledger) = &self.shared else {
                        return Ok(reserved);
                    };
                    match ledger.reserve(purpose(site.role), amount).await {
                        Ok(room) => {
                            reserved.shared = Some(room);
                            return Ok(reserved);
                        }
                        Err(shared::Refused::Overspent(of, overspent)) => (of, overspent),
                        Err(shared::Refused::Failed(why)) => {
                            return Err(Refused {
                                of: Spending::Ledger,
                                why,
                            });
                        }
                    }
                }
                Err(refused) => refused,
            };
            let others = self.spent.lock().expect("nobody panics with it").n_open;
            // A call that left is spent, whatever it comes to.
            if others == 0 || overspent.key == "calls_max" {
                if refused != Spending::Case {
                    self.is_spent.store(true, Relaxed);
                }
                return Err(Refused {
                    of: refused,
                    why: format!("{}: {overspent}", refused.name()),
                });
            }
            settled.await;
        }
    }

    fn reserve_own(
        &self,
        site: &CallSite,
        amount: Amount,
    ) -> Result<Reserved<'_>, (Spending, Overspent)> {
        let mut spent = self.spent.lock().expect("nobody panics with it");
        let run = |overspent| (Spending::Run, overspent);
        self.bounds.run.check(spent.run, amount).map_err(run)?;
        let case = (!self.bounds.case.is_unbounded()).then(|| (site.case.clone(), site.repeat));
        if let Some(case) = &case {
            let of_case = spent.cases.entry(case.clone()).or_default();
            let checked = self.bounds.case.check(*of_case, amount);
            checked.map_err(|overspent| (Spending::Case, overspent))?;
            *of_case = of_case.plus(amount);
        }
        spent.run = spent.run.plus(amount);
        spent.n_open += 1;
        Ok(Reserved {
            budgets: self,
            case,
            amount,
            shared: None,
            is_settled: false,
        })
    }
}

impl Reserved<'_> {
    /// Settles what a request did cost.
    pub(crate) fn settle(mut self, actual: Amount) {
        self.close(actual, true);
    }

    fn close(&mut self, actual: Amount, left: bool) {
        self.is_settled = true;
        let mut spent = self.budgets.spent.lock().expect("nobody panics with it");
        let back = |of: Amount| of.minus(self.amount).plus(actual);
        spent.run = back(spent.run);
        if let Some(case) = &self.case
            && let Some(of_case) = spent.cases.get_mut(case)
        {
            *of_case = back(*of_case);
        }
        spent.n_open -= 1;
        let is_last = spent.n_open == 0;
        drop(spent);
        if let (Some(shared), Some(room)) = (&self.budgets.shared, self.shared.take()) {
            shared.settle(room, actual);
        }
        // What never left gives back at once what it held; that is news only
        // for those who would otherwise wait for nobody.
        if left || is_last {
            self.budgets.settled.notify_waiters();
        }
    }
}

impl Drop for Reserved<'_> {
    /// A request that was dropped under way may be paid for: what was reserved
    /// for it counts as spent. One for which the shared budgets had no room never left.
    fn drop(&mut self) {
        if self.is_settled {
            return;
        }
        let never_left = self.budgets.shared.is_some() && self.shared.is_none();
        let actual = match never_left {
            true => Amount::default(),
            false => self.amount,
        };
        self.close(actual, !never_left);
    }
}

/// Returns what a guest's model calls are for.
fn purpose(role: Role) -> Purpose {
    match role {
        Role::Chain => Purpose::Task,
        Role::Scorer => Purpose::Judge,
    }
}
