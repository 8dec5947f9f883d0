//! Whether a request that failed is sent again, and when.
//!
//! The rules are those of the vendors' own clients, with a longer patience:
//! nobody sits before the screen while an evaluation runs.

use std::time::Duration;

use fapo_core::call::ProviderError;
use fapo_core::config::RetrySettings;
use fapo_sandbox::CallSite;

use super::wire::Refused;
use crate::seed;

/// The longest wait that a server may ask for: beyond it, the call is one that
/// the world could not answer.
const ASKED_WAIT_MAX: Duration = Duration::from_secs(120);

/// How often a request may be turned away for its rate, beside the attempts
/// that fail: a server that does so is well, and only busy.
pub(crate) const THROTTLED_MAX: u32 = 64;

/// The longest that one call waits between its attempts, all waits together: a
/// server that turns it away for longer is one that does not answer.
const WAITED_MAX: Duration = Duration::from_secs(600);

/// Whether a failure is worth another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It would fail again.
    Never,
    /// The server was not well, or could not be reached.
    Failed,
    /// The server is asked too fast.
    Throttled,
}

/// Words with which a server says that an account has nothing left: to wait
/// does not help.
const SPENT: [&str; 6] = [
    "insufficient_quota",
    "credit_balance",
    "billing",
    "spend_limit",
    "spending_limit",
    "quota_exhausted",
];

/// Tells whether a server is in trouble, and should be asked less at once.
pub(crate) fn is_overloaded(refused: &Refused) -> bool {
    matches!(refused.status, 503 | 529)
        || refused
            .code
            .as_deref()
            .is_some_and(|code| code.contains("slow_down"))
}

/// Tells whether a refusal is worth another attempt. `should` is what the
/// server itself says of that.
pub(crate) fn again(refused: &Refused, should: Option<bool>) -> Again {
    let status = match refused.status {
        // The server only passes on what the model's own container said.
        424 => refused.original_status.unwrap_or(424),
        status => status,
    };
    let code = refused.code.as_deref().unwrap_or_default();
    let code = code.to_ascii_lowercase();
    if SPENT.iter().any(|word| code.contains(word)) {
        return Again::Never;
    }
    let throttled = status == 429 || code.contains("throttl") || code == "slow_down";
    match should {
        Some(false) => Again::Never,
        _ if throttled => Again::Throttled,
        Some(true) => Again::Failed,
        None if matches!(status, 408 | 409 | 500..) => Again::Failed,
        None => Again::Never,
    }
}

/// How a call has fared so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tries {
    failed: u32,
    throttled: u32,
    waited: Duration,
}

impl Tries {
    /// Returns how long to wait before another attempt, or why there is none.
    pub(crate) fn next(
        &mut self,
        again: Again,
        asked: Option<Duration>,
        settings: &RetrySettings,
        site: &CallSite,
    ) -> Result<Duration, GivenUp> {
        let (n, max) = match again {
            Again::Never => return Err(GivenUp::Never),
            Again::Failed => {
                self.failed += 1;
                (self.failed, settings.attempts_max)
            }
            Again::Throttled => {
                self.throttled += 1;
                (self.throttled, throttled_max(settings))
            }
        };
        if n >= max {
            return Err(GivenUp::Attempts);
        }
        let wait = match asked {
            Some(asked) if asked > ASKED_WAIT_MAX => return Err(GivenUp::Deferred(asked)),
            Some(asked) => asked,
            None => wait(settings, site, self.failed + self.throttled),
        };
        self.waited += wait;
        match self.waited > WAITED_MAX {
            true => Err(GivenUp::Attempts),
            false => Ok(wait),
        }
    }
}

/// Returns how often a request may be turned away for its rate. Who wants one
/// attempt gets one.
fn throttled_max(settings: &RetrySettings) -> u32 {
    match settings.attempts_max {
        1 => 1,
        _ => THROTTLED_MAX.max(settings.attempts_max),
    }
}

/// Why a call is not tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// It would fail again.
    Never,
    /// It was tried often enough.
    Attempts,
    /// The server wants to be left alone for so long.
    Deferred(Duration),
}

impl GivenUp {
    /// Puts the reason beside an error, where it says more than the error itself.
    pub(crate) fn tell(self, error: ProviderError, attempts: u32) -> ProviderError {
        match (error, self.more(attempts)) {
            (ProviderError::Unavailable(why), Some(more)) => {
                ProviderError::Unavailable(format!("{}; {more}", why.as_str()).into())
            }
            (error, _) => error,
        }
    }

    /// Returns what the reason says beyond an error.
    pub(crate) fn more(self, attempts: u32) -> Option<String> {
        match self {
            Self::Never => None,
            Self::Attempts if attempts == 1 => None,
            Self::Attempts => Some(format!("after {attempts} attempts")),
            Self::Deferred(asked) => Some(format!(
                "the server asks to wait {} s, which is too long",
                asked.as_secs()
            )),
        }
    }
}

/// Returns how long to wait after an attempt: twice as long each time, less up
/// to a quarter, so that those who failed together do not come back together.
fn wait(settings: &RetrySettings, site: &CallSite, attempt: u32) -> Duration {
    let doubled = settings
        .wait_ms_min
        .saturating_mul(1 << (attempt - 1).min(32));
    let longest = doubled.min(settings.wait_ms_max);
    let who = format!("{} {} {} {attempt}", site.case, site.repeat, site.seq);
    let share = seed::of(&who) % (longest / 4 + 1);
    Duration::from_millis(longest - share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::site;

    fn refused(status: u16, code: &str) -> Refused {
        Refused {
            status,
            code: (!code.is_empty()).then(|| code.into()),
            ..Refused::default()
        }
    }

    #[test]
    fn what_would_fail_again_is_not_tried_again() {
        for (status, code, expected) in [
            (400, "", Again::Never),
            (401, "", Again::Never),
            (403, "", Again::Never),
            (404, "", Again::Never),
            (408, "", Again::Failed),
            (409, "", Again::Failed),
            (422, "", Again::Never),
            (424, "ModelError", Again::Never),
            (429, "rate_limit_exceeded", Again::Throttled),
            (429, "insufficient_quota", Again::Never),
            (429, "credit_balance_exhausted", Again::Never),
            (429, "slow_down", Again::Throttled),
            (400, "ThrottlingException", Again::Throttled),
            (500, "", Again::Failed),
            (503, "", Again::Failed),
            (529, "overloaded_error", Again::Failed),
            (530, "", Again::Failed),
        ] {
            assert_eq!(
                again(&refused(status, code), None),
                expected,
                "{status} {code}"
            );
        }
        let passed_on = Refused {
            original_status: Some(503),
            ..refused(424, "ModelError")
        };
        assert_eq!(again(&passed_on, None), Again::Failed);
    }

    #[test]
    fn the_server_itself_is_heard_before_its_status() {
        assert_eq!(again(&refused(500, ""), Some(false)), Again::Never);
        assert_eq!(again(&refused(400, ""), Some(true)), Again::Failed);
        assert_eq!(
            again(&refused(429, "insufficient_quota"), Some(true)),
            Again::Never
        );
    }

    #[test]
    fn attempts_end_and_long_waits_are_not_waited() {
        let settings = RetrySettings::default();
        let mut tries = Tries::default();
        let mut next = |again, asked| tries.next(again, asked, &settings, &site("a"));
        let second = Duration::from_secs(1);
        assert_eq!(next(Again::Never, None), Err(GivenUp::Never));
        assert_eq!(next(Again::Failed, Some(second)), Ok(second));
        assert_eq!(
            next(Again::Failed, Some(second * 121)),
            Err(GivenUp::Deferred(second * 121))
        );
        for _ in 3..settings.attempts_max {
            assert!(next(Again::Failed, None).is_ok());
        }
        assert_eq!(next(Again::Failed, None), Err(GivenUp::Attempts));
        for _ in 1..THROTTLED_MAX {
            assert_eq!(next(Again::Throttled, Some(second)), Ok(second));
        }
        assert_eq!(next(Again::Throttled, Some(second)), Err(GivenUp::Attempts));
    }

    #[test]
    fn a_server_that_turns_a_call_away_for_ever_is_given_up() {
        let settings = RetrySettings::default();
        let mut tries = Tries::default();
        let mut waited = Duration::ZERO;
        while let Ok(wait) = tries.next(Again::Throttled, None, &settings, &site("a")) {
            waited += wait;
        }
        assert!(waited <= WAITED_MAX, "{waited:?}");
        assert!(waited > WAITED_MAX / 2, "{waited:?}");
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let settings = RetrySettings {
            attempts_max: 9,
            wait_ms_min: 100,
            wait_ms_max: 300,
        };
        for (attempt, longest) in [(1, 100), (2, 200), (3, 300), (60, 300)] {
            let wait = wait(&settings, &site("a"), attempt).as_millis();
            assert!(
                (longest * 3 / 4..=longest).contains(&wait),
                "{attempt}: {wait}"
            );
        }
    }
}
