//! What model calls cost, and who answered them.

use fapo_core::Untrusted;
use fapo_core::call::{Receipt, Served};
use fapo_core::run::ServedBy;

/// The most sorts of answerers that are told apart: a server may give each
/// answer another fingerprint.
const SERVED_MAX: usize = 32;

/// A sum of dollars; what is unknown of one call is unknown of all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dollars {
    sum: f64,
    is_unknown: bool,
}

impl Dollars {
    fn add(&mut self, dollars: Option<f64>) {
        match dollars {
            Some(dollars) => self.sum += dollars,
            None => self.is_unknown = true,
        }
    }

    pub(crate) fn get(self) -> Option<f64> {
        (!self.is_unknown).then_some(self.sum)
    }
}

/// What calls cost, and would have cost had no answer been kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Money {
    pub(crate) paid: Dollars,
    pub(crate) uncached: Dollars,
}

impl Money {
    pub(crate) fn add(&mut self, receipt: &Receipt) {
        self.paid.add(receipt.paid_usd);
        self.uncached.add(receipt.worth_usd);
    }
}

/// Who answered, each sort once.
#[derive(Default)]
pub(crate) struct Answerers {
    served: Vec<ServedBy>,
}

impl Answerers {
    pub(crate) fn add(&mut self, role: Option<&Untrusted>, model: &Untrusted, served: &Served) {
        let sort = Served {
            // Each answer has its own.
            id: None,
            ..served.clone()
        };
        let same = |by: &&mut ServedBy| {
            by.model == *model && by.served == sort && by.role.as_ref() == role
        };
        if let Some(by) = self.served.iter_mut().find(same) {
            by.calls += 1;
        } else if self.served.len() < SERVED_MAX {
            self.served.push(ServedBy {
                role: role.cloned(),
                model: model.clone(),
                served: sort,
                calls: 1,
            });
        }
    }

    pub(crate) fn list(&self) -> Vec<ServedBy> {
        let mut list = self.served.clone();
        list.sort_by(|a, b| (&a.role, &a.model, &a.served).cmp(&(&b.role, &b.model, &b.served)));
        list
    }

    /// Tells whether any of them said that no model stands behind it.
    pub(crate) fn are_simulated(&self) -> bool {
        self.served.iter().any(|by| by.served.simulated)
    }

    /// Says where the same model role was answered by more than one sort: what
    /// changed amid a run may have changed its answers.
    pub(crate) fn warning(&self) -> Option<String> {
        let list = self.list();
        let changed = list.windows(2).find(|pair| pair[0].role == pair[1].role)?;
        Some(format!(
            "what answered changed amid the run: {} and {}",
            told(&changed[0]),
            told(&changed[1])
        ))
    }
}

fn told(by: &ServedBy) -> String {
    let parts = [
        Some(&by.model),
        by.served.fingerprint.as_ref(),
        by.served.version.as_ref(),
    ];
    let parts: Vec<_> = parts
        .into_iter()
        .flatten()
        .map(|part| format!("`{part}`"))
        .collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(fingerprint: &str, id: &str) -> Served {
        Served {
            id: Some(id.into()),
            fingerprint: Some(fingerprint.into()),
            ..Served::default()
        }
    }

    #[test]
    fn a_change_of_what_answers_is_told_and_ids_are_none() {
        let mut answerers = Answerers::default();
        let model = "m-1".into();
        answerers.add(None, &model, &served("fp_a", "1"));
        answerers.add(None, &model, &served("fp_a", "2"));
        answerers.add(Some(&"judge".into()), &"m-2".into(), &served("fp_x", "3"));
        assert_eq!(answerers.warning(), None);
        answerers.add(None, &model, &served("fp_b", "4"));
        let warning = answerers.warning().unwrap();
        assert!(
            warning.contains("`fp_a`") && warning.contains("`fp_b`"),
            "{warning}"
        );
        assert_eq!(answerers.list().len(), 3);
    }

    #[test]
    fn what_is_unknown_of_one_call_is_unknown_of_all() {
        let mut money = Money::default();
        money.add(&Receipt {
            paid_usd: Some(0.0),
            worth_usd: Some(0.5),
            cached: true,
            ..Receipt::default()
        });
        money.add(&Receipt {
            paid_usd: Some(0.25),
            worth_usd: Some(0.25),
            ..Receipt::default()
        });
        assert_eq!(
            (money.paid.get(), money.uncached.get()),
            (Some(0.25), Some(0.75))
        );
        money.add(&Receipt {
            paid_usd: None,
            worth_usd: None,
            ..Receipt::default()
        });
        assert_eq!((money.paid.get(), money.uncached.get()), (None, None));
    }
}
