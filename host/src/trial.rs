//! What several modules' tests need.

use fapo_core::manifest::Role;
use fapo_sandbox::CallSite;

/// Returns the place of a first call.
pub(crate) fn site(case: &str) -> CallSite {
    CallSite {
        role: Role::Chain,
        case: case.into(),
        repeat: 1,
        step: "s".into(),
        visit: 1,
        sample: 0,
        seq: 0,
    }
}
