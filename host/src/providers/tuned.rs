//! What a run decides of every provider: what a request leaves open, how often
//! it is sent, and how fast.

use std::sync::Arc;
use std::time::Duration;

use fapo_core::Untrusted;
use fapo_core::call::{Delivery, GenerateRequest, ProviderError};
use fapo_core::config::{ProviderSettings, RetrySettings};
use fapo_core::manifest::Role;
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, Provider};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep, sleep_until};

use crate::seed;

/// Puts a run's settings before a provider.
pub(crate) fn tuned(provider: Arc<dyn Provider>, settings: &ProviderSettings) -> Arc<dyn Provider> {
    let rate = settings.rate;
    Arc::new(Tuned {
        provider,
        settings: settings.clone(),
        places: rate
            .in_flight_max
            .map(|n| Arc::new(Semaphore::new(n as usize))),
        pace: rate.requests_per_minute.map(|n| {
            let every = Duration::from_secs(60) / n;
            Arc::new(Pace {
                every,
                next: Mutex::new(None),
            })
        }),
    })
}

struct Tuned {
    provider: Arc<dyn Provider>,
    settings: ProviderSettings,
    places: Option<Arc<Semaphore>>,
    pace: Option<Arc<Pace>>,
}

/// Requests leave one after the other, evenly.
struct Pace {
    every: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    async fn turn(&self) {
        let mut next = self.next.lock().await;
        let now = Instant::now();
        let turn = next.map_or(now, |next| next.max(now));
        *next = Some(turn + self.every);
        drop(next);
        sleep_until(turn).await;
    }
}

impl Provider for Tuned {
    fn complete(&self, _role: Role, request: &mut GenerateRequest) {
        let (params, settings) = (&mut request.params, &self.settings);
        params.temperature = params.temperature.or(settings.temperature);
        params.top_p = params.top_p.or(settings.top_p);
        params.max_tokens = params.max_tokens.or(settings.max_tokens);
        params.seed = params.seed.or(settings.seed);
        if params.reasoning_effort.is_none() {
            params.reasoning_effort = settings.reasoning_effort.as_deref().map(Untrusted::from);
        }
    }

    fn generate(&self, site: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery> {
        let retry = self.settings.retry.filter(|retry| retry.attempts_max > 1);
        if retry.is_none() && self.places.is_none() && self.pace.is_none() {
            return self.provider.generate(site, request);
        }
        let (provider, places, pace) = (
            self.provider.clone(),
            self.places.clone(),
            self.pace.clone(),
        );
        Box::pin(async move {
            let mut attempt = 1;
            loop {
                let place = match &places {
                    Some(places) => places.acquire().await.ok(),
                    None => None,
                };
                if let Some(pace) = &pace {
                    pace.turn().await;
                }
                let mut delivery = provider.generate(site.clone(), request.clone()).await;
                drop(place);
                delivery.receipt.attempts = attempt;
                match (&delivery.answer, retry) {
                    (Err(ProviderError::Unavailable(_)), Some(retry))
                        if attempt < retry.attempts_max =>
                    {
                        sleep(wait(&retry, &site, attempt)).await;
                        attempt += 1;
                    }
                    _ => return delivery,
                }
            }
        })
    }
}

/// Returns how long to wait after an attempt: twice as long each time, and
/// between half and all of that, so that those who failed together do not come
/// back together.
fn wait(retry: &RetrySettings, site: &CallSite, attempt: u32) -> Duration {
    let doubled = retry.wait_ms_min.saturating_mul(1 << (attempt - 1).min(32));
    let longest = doubled.min(retry.wait_ms_max);
    let who = format!("{} {} {} {attempt}", site.case, site.repeat, site.seq);
    let share = seed::of(&who) % (longest / 2 + 1);
    Duration::from_millis(longest - share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::site;
    use fapo_core::config::RateSettings;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    /// Fails a few times, and counts how many ask at once.
    #[derive(Default)]
    struct Failing {
        fails: u32,
        asked: AtomicU32,
        inside: AtomicU32,
        inside_max: AtomicU32,
    }

    struct Shared(Arc<Failing>);

    impl Provider for Shared {
        fn generate(&self, _: CallSite, _: Arc<GenerateRequest>) -> Answer<Delivery> {
            let failing = self.0.clone();
            Box::pin(async move {
                let inside = failing.inside.fetch_add(1, SeqCst) + 1;
                failing.inside_max.fetch_max(inside, SeqCst);
                tokio::task::yield_now().await;
                failing.inside.fetch_sub(1, SeqCst);
                let error = match failing.asked.fetch_add(1, SeqCst) < failing.fails {
                    true => ProviderError::Unavailable("down".into()),
                    false => ProviderError::Other("an answer".into()),
                };
                Err(error).into()
            })
        }
    }

    fn ask(fails: u32, settings: &ProviderSettings) -> (Arc<Failing>, Arc<dyn Provider>) {
        let failing = Arc::new(Failing {
            fails,
            ..Failing::default()
        });
        (failing.clone(), tuned(Arc::new(Shared(failing)), settings))
    }

    fn retrying(attempts_max: u32) -> ProviderSettings {
        ProviderSettings {
            retry: Some(RetrySettings {
                attempts_max,
                wait_ms_min: 1,
                wait_ms_max: 2,
            }),
            ..ProviderSettings::default()
        }
    }

    #[tokio::test]
    async fn a_failure_of_the_world_is_retried_and_no_other() {
        let (_, provider) = ask(2, &retrying(4));
        let delivery = provider.generate(site("a"), Arc::default()).await;
        assert_eq!(delivery.receipt.attempts, 3);
        assert!(matches!(delivery.answer, Err(ProviderError::Other(_))));
        let (failing, provider) = ask(9, &retrying(4));
        let delivery = provider.generate(site("a"), Arc::default()).await;
        assert!(matches!(
            delivery.answer,
            Err(ProviderError::Unavailable(_))
        ));
        assert_eq!(failing.asked.load(SeqCst), 4);
    }

    #[tokio::test]
    async fn no_more_are_under_way_than_may_be() {
        let settings = ProviderSettings {
            rate: RateSettings {
                in_flight_max: Some(2),
                ..RateSettings::default()
            },
            ..ProviderSettings::default()
        };
        let (failing, provider) = ask(0, &settings);
        let all: Vec<_> = (0..10)
            .map(|_| tokio::spawn(provider.generate(site("a"), Arc::default())))
            .collect();
        for one in all {
            one.await.unwrap();
        }
        assert_eq!(failing.inside_max.load(SeqCst), 2);
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let retry = RetrySettings {
            attempts_max: 9,
            wait_ms_min: 100,
            wait_ms_max: 300,
        };
        for (attempt, longest) in [(1, 100), (2, 200), (3, 300), (60, 300)] {
            let wait = wait(&retry, &site("a"), attempt).as_millis();
            assert!((longest / 2..=longest).contains(&wait), "{attempt}: {wait}");
        }
    }

    #[test]
    fn what_a_request_says_itself_is_left_alone() {
        let settings = ProviderSettings {
            temperature: Some(0.5),
            max_tokens: Some(7),
            ..ProviderSettings::default()
        };
        let (_, provider) = ask(0, &settings);
        let mut request = GenerateRequest::default();
        request.params.temperature = Some(1.0);
        provider.complete(Role::Chain, &mut request);
        assert_eq!(request.params.temperature, Some(1.0));
        assert_eq!(request.params.max_tokens, Some(7));
    }
}
