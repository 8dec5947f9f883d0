//! Work that is done many at once, and taken in the order in which it was begun.

use std::collections::VecDeque;
use std::future::Future;

use fapo_sandbox::tenant::Tenant;

use crate::exit::CommandResult;

/// Pieces of work that are under way at once.
const AT_ONCE: usize = 64;

/// Does all pieces of work on a tenant's threads.
pub(crate) async fn each<W>(
    tenant: &Tenant,
    mut next: impl FnMut() -> CommandResult<Option<W>>,
    mut done: impl FnMut(W::Output) -> CommandResult<()>,
) -> CommandResult<()>
where
    W: Future<Output: Send> + Send + 'static,
{
    let mut under_way = VecDeque::new();
    let mut more = true;
    loop {
        while more && under_way.len() < AT_ONCE {
            match next()? {
                Some(work) => under_way.push_back(tenant.spawn(work)),
                None => more = false,
            }
        }
        let Some(first) = under_way.pop_front() else {
            return Ok(());
        };
        // The work is ours: nobody else stops it, and if it panics so do we.
        done(
            first
                .await
                .unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic())),
        )?;
    }
}
