//! Memory of a guest: short blocks are handed out and taken back in a few
//! instructions, which is most of what chains and scorers ask for. Everything
//! longer is left to the allocator of `std`.
//!
//! Short blocks come in steps of 16 bytes. Each size has a list of those that
//! were freed; one that has none takes the next bytes of a chunk. So blocks lie
//! in the order in which they were asked for, in as few pages as can be: each
//! page that a guest touches is one that the host clears after it. What was once
//! a short block does not become part of a longer one.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;

/// The sizes of short blocks are multiples of this, and so are their addresses.
const STEP: usize = 16;

/// The longest short block.
const SHORT_MAX: usize = 256;

/// What is taken from `std` at a time.
const CHUNK: Layout = match Layout::from_size_align(2 << 10, STEP) {
    Ok(layout) => layout,
    Err(_) => unreachable!(),
};

/// A guest's memory.
struct Heap {
    /// For each size, the block that was freed last. A freed block begins with
    /// the address of the one that was freed before it.
    freed: [Cell<*mut u8>; SHORT_MAX / STEP],
    /// What is left of the chunk.
    rest: Cell<*mut u8>,
    n_rest: Cell<usize>,
}

// SAFETY: the target has no threads, so nobody else is in it at the same time.
#[cfg(target_arch = "wasm32")]
unsafe impl Sync for Heap {}

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static HEAP: Heap = Heap::new();

impl Heap {
    const fn new() -> Self {
        Self {
            freed: [const { Cell::new(ptr::null_mut()) }; SHORT_MAX / STEP],
            rest: Cell::new(ptr::null_mut()),
            n_rest: Cell::new(0),
        }
    }

    /// Returns the list of a size that is short; none for all others.
    #[inline(always)]
    fn list(&self, size: usize, align: usize) -> Option<&Cell<*mut u8>> {
        let is_short = size <= SHORT_MAX && size != 0 && align <= STEP;
        is_short.then(|| &self.freed[(size - 1) / STEP])
    }

    /// Returns the next bytes of the chunk, or of a new one.
    #[inline(always)]
    fn cut(&self, size: usize) -> *mut u8 {
        let size = size.next_multiple_of(STEP);
        if self.n_rest.get() < size && !self.begin_chunk() {
            return ptr::null_mut();
        }
        let block = self.rest.get();
        // SAFETY: so many bytes are left, so this is in the chunk or at its end.
        self.rest.set(unsafe { block.add(size) });
        self.n_rest.set(self.n_rest.get() - size);
        block
    }

    /// Begins a chunk, and tells whether there was memory for it. What is left
    /// of the last one is less than the longest short block, and is lost.
    #[cold]
    #[inline(never)]
    fn begin_chunk(&self) -> bool {
        // SAFETY: the layout is not empty.
        let chunk = unsafe { System.alloc(CHUNK) };
        if !chunk.is_null() {
            self.rest.set(chunk);
            self.n_rest.set(CHUNK.size());
        }
        !chunk.is_null()
    }
}

// SAFETY: a block is handed out until it is freed and no longer: it is cut from
// a chunk once, stands in one list or none, and leaves it when it is taken.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(list) = self.list(layout.size(), layout.align()) else {
            // SAFETY: as the caller promised for this call.
            return unsafe { System.alloc(layout) };
        };
        let block = list.get();
        if block.is_null() {
            return self.cut(layout.size());
        }
        // SAFETY: the block was freed, so it begins with an address.
        list.set(unsafe { block.cast::<*mut u8>().read() });
        block
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if self.list(layout.size(), layout.align()).is_none() {
            // SAFETY: as the caller promised for this call.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: as the caller promised, and a block has so many bytes.
        unsafe {
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(list) = self.list(layout.size(), layout.align()) else {
            // SAFETY: a block of such a layout came from there.
            return unsafe { System.dealloc(block, layout) };
        };
        // SAFETY: the block is ours again, and an address fits into it.
        unsafe { block.cast::<*mut u8>().write(list.get()) };
        list.set(block);
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let align = layout.align();
        match (self.list(layout.size(), align), self.list(size, align)) {
            // SAFETY: as the caller promised for this call.
            (None, None) => return unsafe { System.realloc(block, layout, size) },
            (Some(before), Some(after)) if ptr::eq(before, after) => return block,
            _ => {}
        }
        // SAFETY: the caller promised that `size` makes a layout with this
        // alignment. The new block is another one, and both have so many bytes.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, align));
            if !new.is_null() {
                ptr::copy_nonoverlapping(block, new, layout.size().min(size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Held {
        block: *mut u8,
        layout: Layout,
        byte: u8,
    }

    impl Held {
        fn new(heap: &Heap, layout: Layout, byte: u8) -> Self {
            // SAFETY: no size is 0 in these tests, and so many bytes are ours.
            let block = unsafe {
                let block = heap.alloc(layout);
                assert!(!block.is_null() && block.addr().is_multiple_of(layout.align()));
                block.write_bytes(byte, layout.size());
                block
            };
            Self {
                block,
                layout,
                byte,
            }
        }

        /// Tells whether the first bytes are as they were written.
        fn is_whole(&self, n_bytes: usize) -> bool {
            // SAFETY: the block has at least so many, and all were written.
            let bytes = unsafe { std::slice::from_raw_parts(self.block, n_bytes) };
            bytes.iter().all(|byte| *byte == self.byte)
        }

        fn resize(&mut self, heap: &Heap, size: usize) {
            let kept = self.layout.size().min(size);
            // SAFETY: the block is of this heap and layout.
            self.block = unsafe { heap.realloc(self.block, self.layout, size) };
            assert!(self.is_whole(kept));
            self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
            // SAFETY: so many bytes are ours.
            unsafe { self.block.write_bytes(self.byte, size) };
        }

        fn free(self, heap: &Heap) {
            assert!(self.is_whole(self.layout.size()));
            // SAFETY: the block is of this heap and layout.
            unsafe { heap.dealloc(self.block, self.layout) };
        }
    }

    #[test]
    fn blocks_of_all_sizes_keep_what_is_written_to_them() {
        let heap = Heap::new();
        let mut held: Vec<Held> = Vec::new();
        let mut random = 1u64;
        let mut draw = |n: usize| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
            (random >> 33) as usize % n
        };
        for round in 0..20_000 {
            let size = match draw(4) {
                0 => 1 + draw(3 * SHORT_MAX),
                _ => 1 + draw(96),
            };
            match draw(5) {
                0 | 1 if !held.is_empty() => held.swap_remove(draw(held.len())).free(&heap),
                2 if !held.is_empty() => {
                    let at = draw(held.len());
                    held[at].resize(&heap, size);
                }
                _ => {
                    let layout = Layout::from_size_align(size, 1 << draw(7)).unwrap();
                    held.push(Held::new(&heap, layout, round as u8));
                }
            }
        }
        assert!(held.len() > 100);
        held.into_iter().for_each(|held| held.free(&heap));
    }

    #[test]
    fn a_freed_block_is_handed_out_again_and_others_lie_side_by_side() {
        let heap = Heap::new();
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        let first = Held::new(&heap, layout(40), 1);
        let second = Held::new(&heap, layout(7), 2);
        assert_eq!(second.block.addr() - first.block.addr(), 48);
        let at = first.block;
        first.free(&heap);
        let other = Held::new(&heap, layout(32), 3);
        assert_ne!(other.block, at);
        let again = Held::new(&heap, layout(33), 4);
        assert_eq!(again.block, at);
    }

    #[test]
    fn what_is_to_be_zero_is_zero_where_something_was_before() {
        let heap = Heap::new();
        for size in [48, SHORT_MAX, SHORT_MAX + 1] {
            let layout = Layout::from_size_align(size, 8).unwrap();
            Held::new(&heap, layout, 1).free(&heap);
            // SAFETY: the size is not 0.
            let block = unsafe { heap.alloc_zeroed(layout) };
            let zeros = Held {
                block,
                layout,
                byte: 0,
            };
            zeros.free(&heap);
        }
    }

    #[test]
    fn chunks_are_followed_by_others() {
        let heap = Heap::new();
        let layout = Layout::from_size_align(SHORT_MAX, STEP).unwrap();
        let held: Vec<_> = (0..100).map(|at| Held::new(&heap, layout, at)).collect();
        held.into_iter().for_each(|held| held.free(&heap));
    }
}
