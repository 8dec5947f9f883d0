//! Huge pages spare faults where much memory is used for the first time. Where
//! little is used, they hold what nobody needs.

use rustix::thread::disable_transparent_huge_pages;

/// Cases in flight from which on they pay.
const WORTH_FROM: usize = 64;

/// Does without them from now on. A kernel that has none need not be told.
pub(crate) fn do_without() {
    let _ = disable_transparent_huge_pages(true);
}

/// Takes them for what so many cases in flight will use, where that pays.
pub(crate) fn take_for(cases: usize) {
    if cases >= WORTH_FROM {
        let _ = disable_transparent_huge_pages(false);
    }
}
