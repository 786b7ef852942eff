//! The memory that one core counts in.
//!
//! Guarantees: adding takes no lock; a block for a route or a rule is made when the first request of it comes, and only
//! then is anything allocated; the number of blocks is bounded, and what is beyond it shares the last.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A block of cells, all zero at first.
#[derive(Debug)]
pub(super) struct Cells(Box<[CacheLine]>);

/// Blocks by number.
#[derive(Debug)]
pub(super) struct Blocks {
    blocks: Box<[OnceLock<Cells>]>,
    /// Cells of each.
    size: usize,
}

/// Cells by eight on a line of their own, so that two cores never write to the same one.
#[derive(Debug, Default)]
#[repr(align(64))]
struct CacheLine([AtomicU64; CELLS]);

impl Cells {
    pub(super) fn new(count: usize) -> Self {
        let lines = count.div_ceil(CELLS);
        Self((0..lines).map(|_| CacheLine::default()).collect())
    }

    pub(super) fn add(&self, cell: usize, amount: u64) {
        self.0[cell / CELLS].0[cell % CELLS].fetch_add(amount, Ordering::Relaxed);
    }

    /// Adds all of them to `sums`.
    pub(super) fn sum_into(&self, sums: &mut [u64]) {
        let cells = self.0.iter().flat_map(|line| &line.0);
        for (sum, cell) in sums.iter_mut().zip(cells) {
            *sum += cell.load(Ordering::Relaxed);
        }
    }
}

impl Blocks {
    /// Room for `count` blocks, and one for all others.
    pub(super) fn new(count: usize, size: usize) -> Self {
        Self {
            blocks: (0..=count).map(|_| OnceLock::new()).collect(),
            size,
        }
    }

    /// The block of this number.
    pub(super) fn at(&self, number: usize) -> &Cells {
        let number = number.min(self.blocks.len() - 1);
        self.blocks[number].get_or_init(|| Cells::new(self.size))
    }

    /// The block of this number, if anything was counted in it.
    pub(super) fn known(&self, number: usize) -> Option<&Cells> {
        self.blocks.get(number)?.get()
    }
}

/// Cells of one line: 64 bytes.
const CELLS: usize = 8;
