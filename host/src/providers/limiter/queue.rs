//! Who is next: tenants take turns, the runs of a tenant take turns within
//! it, and within a run who came first goes first.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::Flow;

/// Those who wait, each with a key that grows with time.
pub(super) struct Queue<T> {
    tenants: Turns<Turns<BTreeMap<u64, T>>>,
    len: usize,
}

/// Some things that take turns, each with its name.
struct Turns<T> {
    order: VecDeque<Arc<str>>,
    by_name: HashMap<Arc<str>, T>,
}

impl<T> Queue<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts one at the end of its run.
    pub(super) fn push(&mut self, flow: &Flow, key: u64, one: T) {
        let runs = self.tenants.of(&flow.tenant);
        runs.of(&flow.run).insert(key, one);
        self.len += 1;
    }

    /// Returns the one that is next.
    pub(super) fn first(&mut self) -> Option<&mut T> {
        let runs = self.tenants.first()?;
        let (_, one) = runs.first()?.iter_mut().next()?;
        Some(one)
    }

    /// Takes the one that is next; its run and its tenant are last then.
    pub(super) fn pop(&mut self) -> Option<(u64, T)> {
        let runs = self.tenants.first()?;
        let run = runs.first()?;
        let popped = run.pop_first()?;
        self.len -= 1;
        let is_last = run.is_empty();
        runs.end_turn(is_last);
        let is_last = runs.order.is_empty();
        self.tenants.end_turn(is_last);
        Some(popped)
    }

    pub(super) fn get(&mut self, flow: &Flow, key: u64) -> Option<&mut T> {
        let runs = self.tenants.by_name.get_mut(&flow.tenant)?;
        runs.by_name.get_mut(&flow.run)?.get_mut(&key)
    }

    /// Takes one out of turn. The turns of others stay as they are.
    pub(super) fn remove(&mut self, flow: &Flow, key: u64) -> Option<T> {
        let runs = self.tenants.by_name.get_mut(&flow.tenant)?;
        let run = runs.by_name.get_mut(&flow.run)?;
        let removed = run.remove(&key)?;
        self.len -= 1;
        if run.is_empty() {
            runs.forget(&flow.run);
        }
        if runs.order.is_empty() {
            self.tenants.forget(&flow.tenant);
        }
        Some(removed)
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            tenants: Turns::default(),
            len: 0,
        }
    }
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            order: VecDeque::new(),
            by_name: HashMap::new(),
        }
    }
}

impl<T: Default> Turns<T> {
    /// Returns what has a name; a new one's turn comes after all others'.
    fn of(&mut self, name: &Arc<str>) -> &mut T {
        let Self { order, by_name } = self;
        by_name.entry(name.clone()).or_insert_with(|| {
            order.push_back(name.clone());
            T::default()
        })
    }
}

impl<T> Turns<T> {
    fn first(&mut self) -> Option<&mut T> {
        self.by_name.get_mut(self.order.front()?)
    }

    /// Ends the turn of the first: it goes to the end, or away if it was its last.
    fn end_turn(&mut self, is_last: bool) {
        if let Some(name) = self.order.pop_front() {
            match is_last {
                true => drop(self.by_name.remove(&name)),
                false => self.order.push_back(name),
            }
        }
    }

    fn forget(&mut self, name: &str) {
        self.by_name.remove(name);
        self.order.retain(|other| **other != *name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(name: &str) -> Flow {
        let (tenant, run) = name.split_once('/').unwrap();
        Flow {
            tenant: tenant.into(),
            run: run.into(),
        }
    }

    /// Queues cases in the order given and tells in which they come out.
    fn check(came: &str, went: &str) {
        let mut queue = Queue::default();
        for (key, name) in (0..).zip(came.split(' ')) {
            queue.push(&flow(name), key, name);
        }
        assert_eq!(queue.len(), came.split(' ').count());
        let out: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        let names: Vec<_> = out.iter().map(|(_, name)| *name).collect();
        assert_eq!(names.join(" "), went);
        assert_eq!(queue.len(), 0);
        assert!(
            queue.tenants.by_name.is_empty(),
            "nothing is kept of those who left"
        );
    }

    #[test]
    fn tenants_take_turns() {
        check("a/1 a/1 a/1 b/1 b/1 c/1", "a/1 b/1 c/1 a/1 b/1 a/1");
    }

    #[test]
    fn runs_take_turns_within_their_tenant() {
        check(
            "a/1 a/1 a/1 a/2 a/3 b/1 b/1 b/1",
            "a/1 b/1 a/2 b/1 a/3 b/1 a/1 a/1",
        );
    }

    #[test]
    fn within_a_run_the_first_to_come_is_the_first_to_go() {
        let mut queue = Queue::default();
        (0..5).for_each(|key| queue.push(&flow("a/1"), key, ()));
        queue.remove(&flow("a/1"), 2);
        let keys: Vec<_> = std::iter::from_fn(|| queue.pop())
            .map(|(key, ())| key)
            .collect();
        assert_eq!(keys, [0, 1, 3, 4]);
    }

    #[test]
    fn who_leaves_takes_no_turn_and_leaves_nothing_behind() {
        let mut queue = Queue::default();
        for (key, name) in ["a/1", "a/2", "b/1"].into_iter().enumerate() {
            queue.push(&flow(name), key as u64, name);
        }
        assert_eq!(queue.remove(&flow("a/1"), 0), Some("a/1"));
        assert_eq!(queue.remove(&flow("a/1"), 0), None);
        assert_eq!(queue.remove(&flow("b/1"), 0), None);
        assert_eq!(queue.first(), Some(&mut "a/2"));
        assert_eq!(queue.remove(&flow("a/2"), 1), Some("a/2"));
        assert_eq!(queue.pop(), Some((2, "b/1")));
        assert!(queue.tenants.by_name.is_empty());
    }
}
