//! How many requests may be under way.
//!
//! The window doubles each round trip for as long as the server takes what it
//! gets. A refusal does not shrink it by itself, since most servers refuse
//! for a quota of requests a minute, which a window cannot hold: a fast server
//! answers more in one place than its quota allows, and a slow one needs so
//! many places that a cut would leave quota unused. What shrinks it is
//! evidence that the server counts who is inside: it refuses when it is
//! crowded and at no other time. From then on the window is held below the
//! crowd that was refused, and grows by one now and then to see.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How many requests may be under way at first: all of them may be refused.
const SIZE_FIRST: f64 = 16.0;

/// The most that may be under way whatever happens.
const SIZE_MAX: f64 = 65_536.0;

/// How long it takes a full window to double if nobody is answered: answers
/// may take a minute, and refusals seldom take longer than this.
const GROW_EVERY: Duration = Duration::from_secs(1);

/// How many requests are remembered to tell a crowd by.
const CROWDS: usize = 64;

/// How many refusals it takes to say that a server counts who is inside. Each
/// must come when others than those before are inside.
const REFUSALS: usize = 6;

/// The share of requests that were let in with as many inside as any that was
/// refused, below which the crowd is to blame. A server that counts lets none
/// in, but for those that left before we heard of it. One that does not
/// refuses at any crowd, so of six the least crowded leaves nearly all above.
const SHARE_OF_CROWDED_MAX: f64 = 0.15;

/// How many requests go between two tries with one more at least, so that
/// refusals stay few in a hundred.
const TRY_EVERY: f64 = 30.0;

/// How far tries may go with nobody refused, before it is clear that the
/// server does not count, or counts to more than it did.
const STEP_MAX: f64 = 8.0;

/// How much is left of the window when it is cut twice within its own length.
const CUT: f64 = 0.9;

#[derive(Debug)]
pub(super) struct Window {
    size: f64,
    grown_at: Instant,
    /// Whether the server is known to count who is inside.
    is_counted: bool,
    /// Whether it was once, and nothing spoke against it since.
    was_counted: bool,
    /// How many others were inside when a request was let in, by its number;
    /// none if it was refused.
    crowds: [Option<u32>; CROWDS],
    /// How many others were inside when one was refused.
    refusals: VecDeque<Refusal>,
    /// The last of them.
    refused: u64,
    /// Answers since the window was last changed, while it was full.
    since: f64,
    /// How much it grew at the last try.
    step: f64,
}

/// What a refusal is to be blamed on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Blame {
    /// The crowd, as has just been found.
    Found,
    /// The crowd.
    Window,
    /// Something else.
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Refusal {
    others: u32,
    was_full: bool,
}

impl Window {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            size: SIZE_FIRST,
            grown_at: now,
            is_counted: false,
            was_counted: false,
            crowds: [None; CROWDS],
            refusals: VecDeque::new(),
            refused: 0,
            since: 0.0,
            step: 0.0,
        }
    }

    /// Returns how many may be under way.
    pub(super) fn size(&self) -> u32 {
        self.size as u32
    }

    /// Returns when the window grows though nobody was answered; none if it
    /// does not.
    pub(super) fn grows_at(&self) -> Option<Instant> {
        (!self.is_counted).then_some(self.grown_at + GROW_EVERY)
    }

    /// Makes room for twice as many.
    pub(super) fn grow(&mut self, now: Instant) {
        self.size = (self.size * 2.0).min(SIZE_MAX);
        self.grown_at = now;
    }

    /// Takes note of a request that leaves while others are under way.
    pub(super) fn sent(&mut self, number: u64, others: u32) {
        self.crowds[number as usize % CROWDS] = Some(others);
    }

    /// Takes note of an answer to a request with which the window was full,
    /// or half full. One more for each answer is twice as many in a round trip.
    pub(super) fn answered(&mut self, was_full: bool, was_half_full: bool) {
        if !self.is_counted {
            let more = f64::from(u8::from(was_half_full));
            self.size = (self.size + more).min(SIZE_MAX);
            return;
        }
        self.since += f64::from(u8::from(was_full));
        if self.since >= self.size.max(TRY_EVERY) {
            // Each try that went well makes the next one bolder.
            self.step = (self.step * 2.0).max(1.0);
            self.size = (self.size + self.step).min(SIZE_MAX);
            self.since = 0.0;
            if self.step >= STEP_MAX {
                self.is_counted = false;
                self.refusals.clear();
            }
        }
    }

    /// Forgets that a request was let in: it was refused.
    pub(super) fn refused(&mut self, number: u64) {
        self.crowds[number as usize % CROWDS] = None;
    }

    /// Takes note of the first refusal in a round trip, and tells whether the
    /// crowd was to blame for it. A refusal is dry if nothing was let in since
    /// the one before: it is the same crowd then, and tells nothing new.
    pub(super) fn congested(
        &mut self,
        number: u64,
        others: u32,
        was_full: bool,
        is_dry: bool,
    ) -> Blame {
        if is_dry {
            return Blame::Other;
        }
        let between = number.saturating_sub(self.refused);
        if !self.is_counted && between <= u64::from(others) {
            return Blame::Other;
        }
        self.refused = number;
        self.refusals.push_back(Refusal { others, was_full });
        if self.refusals.len() > REFUSALS {
            self.refusals.pop_front();
        }
        if others == 0 {
            // A server that refuses someone who is alone counts something else.
            self.is_counted = false;
            self.was_counted = false;
            self.refusals.clear();
        }
        if self.is_counted {
            return self.recount(was_full);
        }
        if self.was_counted && was_full {
            self.count(others);
            return Blame::Window;
        }
        let known = self.refusals.len() == REFUSALS;
        let crowd = self.refusals.iter().map(|refusal| refusal.others).min();
        let crowd = crowd.unwrap_or(0);
        if known && self.share_of_crowded(crowd) < SHARE_OF_CROWDED_MAX {
            self.count(crowd);
            return Blame::Found;
        }
        Blame::Other
    }

    /// Holds the window below a crowd that was refused.
    fn count(&mut self, crowd: u32) {
        self.is_counted = true;
        self.was_counted = true;
        self.size = f64::from(crowd.max(1));
        self.since = 0.0;
        self.step = 0.0;
        self.refusals.clear();
    }

    /// Cuts the window to what was too many, or finds that the server does
    /// not count after all.
    fn recount(&mut self, was_full: bool) -> Blame {
        if was_full {
            let cut = match self.since < self.size && self.step == 0.0 {
                true => (self.size * CUT).min(self.size - 1.0),
                false => self.size - self.step.max(1.0),
            };
            self.size = cut.max(1.0);
            self.since = 0.0;
            self.step = 0.0;
            return Blame::Window;
        }
        let elsewhere = self.refusals.iter().filter(|refusal| !refusal.was_full);
        if elsewhere.count() == REFUSALS {
            self.is_counted = false;
            self.was_counted = false;
            self.refusals.clear();
        }
        Blame::Other
    }

    /// Makes room for half as many.
    pub(super) fn halve(&mut self) {
        self.size = (self.size / 2.0).max(1.0);
        self.since = 0.0;
        self.step = 0.0;
    }

    /// Returns the share of those let in while more were inside.
    fn share_of_crowded(&self, crowd: u32) -> f64 {
        let let_in = || self.crowds.iter().flatten();
        let more = let_in().filter(|others| **others >= crowd).count();
        more as f64 / let_in().count().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps a window full at a server that refuses as told, by the number of
    /// a request and how many others are inside, and returns what became of it.
    fn check(n: u64, is_refused: impl Fn(u64, u32) -> bool) -> Window {
        let mut window = Window::new(Instant::now());
        let mut inside = 0;
        for number in 0..n {
            let is_full = inside + 1 >= window.size();
            window.sent(number, inside);
            if is_refused(number, inside) {
                window.refused(number);
                window.congested(number, inside, is_full, false);
                inside /= 2;
            } else {
                inside += 1;
                if inside >= window.size() {
                    window.answered(is_full, is_full);
                    inside -= 1;
                }
            }
        }
        window
    }

    #[test]
    fn a_server_that_counts_is_found_and_held_near_what_it_takes() {
        for places in [2, 10, 100] {
            let window = check(20_000, |_, others| others >= places);
            assert!(window.is_counted, "{places}");
            let size = window.size();
            assert!(
                (places.saturating_sub(2)..=places + 4).contains(&size),
                "{places}: {size}"
            );
        }
    }

    #[test]
    fn a_server_that_refuses_at_any_crowd_does_not_shrink_the_window() {
        for every in [17, 23, 151] {
            let mut window = Window::new(Instant::now());
            for number in 0..20_000 {
                // Others come and go.
                let others = (number * 7 % 15) as u32;
                window.sent(number, others);
                if number % every == 0 {
                    window.refused(number);
                    window.congested(number, others, others == 14, false);
                    assert!(!window.is_counted, "{every}: {number}");
                }
            }
            assert!(window.size() >= 16, "{every}: {window:?}");
        }
    }

    #[test]
    fn a_window_that_nobody_refuses_doubles() {
        let window = check(1_000, |_, _| false);
        assert!(window.size() > 500, "{window:?}");
        let began = Instant::now();
        let mut window = Window::new(began);
        for s in 1..=4 {
            let at = began + Duration::from_secs(s);
            assert_eq!(window.grows_at(), Some(at));
            window.grow(at);
        }
        assert_eq!(window.size(), 256);
    }

    #[test]
    fn who_is_refused_alone_was_not_refused_for_a_crowd() {
        let mut window = check(20_000, |_, others| others >= 10);
        window.congested(20_001, 0, false, false);
        assert!(!window.is_counted);
    }
}
