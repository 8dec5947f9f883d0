//! Budgets: how many calls, tokens and dollars may be spent, by whom and on
//! what.
//!
//! An amount is reserved before a request leaves and settled when its answer
//! is there, so that requests under way at once cannot overspend together.

use serde::{Deserialize, Serialize};

/// What may be spent; what is none is unbounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Requests, each attempt counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_max: Option<u64>,
    /// Tokens read and written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_max: Option<u64>,
    /// US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_max: Option<f64>,
}

/// The budgets of the operator, each over another stretch of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// One case of a run.
    #[serde(skip_serializing_if = "Budget::is_unbounded")]
    pub case: Budget,
    /// One run.
    #[serde(skip_serializing_if = "Budget::is_unbounded")]
    pub run: Budget,
    /// One study, from its baseline to its final test.
    #[serde(skip_serializing_if = "Budget::is_unbounded")]
    pub study: Budget,
    /// One tenant, for good.
    #[serde(skip_serializing_if = "Budget::is_unbounded")]
    pub tenant: Budget,
    /// One tenant on one day.
    #[serde(skip_serializing_if = "Budget::is_unbounded")]
    pub tenant_day: Budget,
    /// All tenants on one day.
    #[serde(skip_serializing_if = "Budget::is_unbounded")]
    pub day: Budget,
}

/// What is spent for: the one who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A chain at work.
    Task,
    /// A scorer that asks a model.
    Judge,
    /// Who proposes variants.
    Proposer,
    /// Who finds out why cases fail.
    Attributor,
    /// Who reviews proposals.
    Reviewer,
}

impl Purpose {
    /// The word in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Judge => "judge",
            Self::Proposer => "proposer",
            Self::Attributor => "attributor",
            Self::Reviewer => "reviewer",
        }
    }
}

/// An amount of what budgets bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Requests.
    pub calls: u64,
    /// Tokens.
    pub tokens: u64,
    /// Billionths of a US dollar: a token of the cheapest models costs a few.
    pub nano_usd: u64,
}

/// Billionths in one.
const NANO: f64 = 1e9;

impl Amount {
    /// Returns an amount of money, rounded up.
    pub fn usd(dollars: f64) -> u64 {
        (dollars * NANO).ceil().max(0.0) as u64
    }

    /// Adds another amount.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            tokens: self.tokens.saturating_add(other.tokens),
            nano_usd: self.nano_usd.saturating_add(other.nano_usd),
        }
    }

    /// Takes another amount off, and goes no lower than nothing.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(other.calls),
            tokens: self.tokens.saturating_sub(other.tokens),
            nano_usd: self.nano_usd.saturating_sub(other.nano_usd),
        }
    }
}

/// A budget that has no room for what was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the budget `{key}` = {max} is spent: {spent} spent or reserved, {asked} more asked for")]
pub struct Overspent {
    /// The key, as in `calls_max`.
    pub key: &'static str,
    /// What it allows.
    pub max: String,
    /// What is spent and reserved.
    pub spent: String,
    /// What was asked for.
    pub asked: String,
}

impl Budget {
    /// Tells whether it bounds nothing.
    pub fn is_unbounded(&self) -> bool {
        *self == Self::default()
    }

    /// Checks that what is spent or reserved already leaves room for more.
    pub fn check(&self, spent: Amount, more: Amount) -> Result<(), Overspent> {
        let number = |key, max: Option<u64>, spent: u64, more: u64| match max {
            Some(max) if spent.saturating_add(more) > max => Err(Overspent {
                key,
                max: max.to_string(),
                spent: spent.to_string(),
                asked: more.to_string(),
            }),
            _ => Ok(()),
        };
        number("calls_max", self.calls_max, spent.calls, more.calls)?;
        number("tokens_max", self.tokens_max, spent.tokens, more.tokens)?;
        let Some(max) = self.usd_max else {
            return Ok(());
        };
        let dollars = |nano: u64| format!("{:.6}", nano as f64 / NANO);
        if spent.nano_usd.saturating_add(more.nano_usd) <= Amount::usd(max) {
            return Ok(());
        }
        Err(Overspent {
            key: "usd_max",
            max: max.to_string(),
            spent: dollars(spent.nano_usd),
            asked: dollars(more.nano_usd),
        })
    }

    /// Returns what both budgets allow.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        fn less<T: PartialOrd>(a: Option<T>, b: Option<T>) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(if a < b { a } else { b }),
                (a, b) => a.or(b),
            }
        }
        Self {
            calls_max: less(self.calls_max, other.calls_max),
            tokens_max: less(self.tokens_max, other.tokens_max),
            usd_max: less(self.usd_max, other.usd_max),
        }
    }
}

impl Budgets {
    /// Returns each budget with its key.
    pub fn each(&self) -> [(&'static str, &Budget); 6] {
        [
            ("case", &self.case),
            ("run", &self.run),
            ("study", &self.study),
            ("tenant", &self.tenant),
            ("tenant_day", &self.tenant_day),
            ("day", &self.day),
        ]
    }

    /// Tells whether any of them bounds money.
    pub fn bounds_money(&self) -> bool {
        self.each()
            .iter()
            .any(|(_, budget)| budget.usd_max.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_call_of_a_budget_is_allowed_and_no_other() {
        let budget = Budget {
            calls_max: Some(3),
            ..Budget::default()
        };
        let calls = |calls| Amount {
            calls,
            ..Amount::default()
        };
        assert_eq!(budget.check(calls(2), calls(1)), Ok(()));
        let spent = budget.check(calls(3), calls(1)).unwrap_err();
        assert_eq!(spent.key, "calls_max");
    }

    #[test]
    fn money_is_counted_to_a_billionth() {
        let budget = Budget {
            usd_max: Some(0.01),
            ..Budget::default()
        };
        let nano = |nano_usd| Amount {
            nano_usd,
            ..Amount::default()
        };
        assert_eq!(budget.check(nano(9_999_999), nano(1)), Ok(()));
        assert!(budget.check(nano(9_999_999), nano(2)).is_err());
        assert!(budget.check(nano(u64::MAX), nano(u64::MAX)).is_err());
    }

    #[test]
    fn of_two_budgets_the_smaller_holds() {
        let a = Budget {
            calls_max: Some(3),
            usd_max: Some(1.0),
            tokens_max: None,
        };
        let b = Budget {
            calls_max: Some(2),
            usd_max: None,
            tokens_max: Some(7),
        };
        assert_eq!(
            a.and(&b),
            Budget {
                calls_max: Some(2),
                usd_max: Some(1.0),
                tokens_max: Some(7),
            }
        );
    }
}
