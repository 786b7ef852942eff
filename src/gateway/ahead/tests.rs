//! Whatever is read ahead comes out as it went in, and memory, file and budget have no more than their share.

use std::path::PathBuf;

use tempfile::TempDir;

use super::super::spool::Disk;
use super::*;
use crate::metrics::{Labels, Metrics};

/// The surroundings of one body.
struct Bench {
    budget: Arc<Budget>,
    disk: Arc<Disk>,
    spooler: Rc<Spooler>,
    _folder: TempDir,
}

impl Bench {
    fn new(budget: usize, disk: usize) -> Self {
        let folder = TempDir::new().unwrap();
        Self::in_folder(budget, disk, folder.path().to_owned(), folder)
    }

    fn in_folder(budget: usize, disk: usize, path: PathBuf, folder: TempDir) -> Self {
        let disk = Disk::new(path, disk);
        Self {
            budget: Budget::new(budget),
            spooler: Spooler::new(
                Arc::clone(&disk),
                Metrics::new(1, Labels::default()).core(0),
            ),
            disk,
            _folder: folder,
        }
    }

    /// A disk that cannot be written.
    fn without_disk(budget: usize) -> Self {
        let folder = TempDir::new().unwrap();
        Self::in_folder(budget, BIG, folder.path().join("absent"), folder)
    }

    fn bounds(&self, memory: usize, spool: usize) -> Bounds<'_> {
        Bounds {
            memory,
            spool,
            budget: &self.budget,
            spooler: &self.spooler,
        }
    }
}

/// Bytes that are not the same at any two places that could be mistaken for each other.
fn bytes(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.u8(..))
        .take(length)
        .collect()
}

/// Pushes `body` in frames of `frame` bytes until there is no more room; how much went in.
async fn push(ahead: &mut Ahead, body: &[u8], frame: usize, bounds: &Bounds<'_>) -> usize {
    let mut pushed = 0;
    for frame in body.chunks(frame) {
        let announced = (body.len() - pushed - frame.len()) as u64;
        pushed += frame.len();
        let data = Bytes::copy_from_slice(frame);
        if ahead.push(data, Some(announced), bounds).await == Room::Full {
            break;
        }
    }
    ahead.close();
    assert_eq!(ahead.len(), pushed as u64);
    pushed
}

async fn read(ahead: &mut Ahead) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(data) = std::future::poll_fn(|cx| ahead.poll_next(cx)).await {
        all.extend_from_slice(&data.expect("it can be read back"));
        let (left, empty) = (ahead.len(), ahead.is_empty());
        assert_eq!(left == 0, empty);
    }
    all
}

fn run(test: impl Future<Output = ()>) {
    tokio_test::block_on(test);
}

#[test]
fn bodies_of_every_length_come_out_as_they_went_in() {
    run(async {
        const MEMORY: usize = 40_000;
        const SPOOL: usize = 100_000;
        let whole = bytes(MEMORY + SPOOL + 50_000);
        for (memory, spool) in [(MEMORY, SPOOL), (0, SPOOL), (MEMORY, 0), (1, 1)] {
            let bound = memory + spool;
            for length in [
                1,
                memory,
                memory + 1,
                bound - 1,
                bound,
                bound + 1,
                bound + 50_000,
            ] {
                for frame in [1_000, 9_001, 70_000] {
                    let bench = Bench::new(BIG, BIG);
                    let mut ahead = Ahead::default();
                    let body = &whole[..length.min(whole.len())];
                    let went = push(&mut ahead, body, frame, &bench.bounds(memory, spool)).await;
                    let at = format!("{memory}+{spool}, {length} by {frame}");
                    assert!(went == body.len() || went >= bound, "{at}: {went}");
                    assert!(went < bound + frame, "{at}: {went}");
                    assert!(bench.disk.used() <= spool, "{at}");
                    assert!(read(&mut ahead).await == body[..went], "{at}");
                    assert_eq!((bench.budget.used(), bench.disk.used()), (0, 0), "{at}");
                }
            }
        }
    });
}

#[test]
fn what_is_held_in_memory_is_reserved_until_it_is_read() {
    run(async {
        let bench = Bench::new(BIG, BIG);
        let mut ahead = Ahead::default();
        let body = bytes(30_000);
        push(&mut ahead, &body, 1, &bench.bounds(BIG, 0)).await;
        let held: usize = ahead.memory.iter().map(Bytes::len).sum();
        assert_eq!(held, 30_000);
        assert!((30_000..30_000 + SEGMENT).contains(&bench.budget.used()));
        assert!(
            ahead.memory.len() <= 3,
            "30,000 frames are not kept one by one"
        );
        drop(ahead);
        assert_eq!(bench.budget.used(), 0);
    });
}

#[test]
fn small_bodies_reserve_no_more_than_they_announce() {
    run(async {
        let bench = Bench::new(BIG, BIG);
        let mut ahead = Ahead::default();
        push(&mut ahead, &bytes(300), 100, &bench.bounds(BIG, BIG)).await;
        assert_eq!(bench.budget.used(), 300);
    });
}

#[test]
fn a_small_frame_does_not_keep_the_buffer_alive_that_it_is_a_part_of() {
    run(async {
        let bench = Bench::new(BIG, BIG);
        let mut ahead = Ahead::default();
        let buffer = Bytes::from(vec![0; 64 * 1024]);
        let bounds = bench.bounds(1000, 1000);
        ahead.push(buffer.slice(..10), None, &bounds).await;
        ahead.push(buffer.slice(10..1500), None, &bounds).await;
        assert!(buffer.is_unique());
    });
}

#[test]
fn without_memory_the_body_still_goes_into_the_file() {
    run(async {
        let bench = Bench::new(0, BIG);
        let mut ahead = Ahead::default();
        let body = bytes(100_000);
        let went = push(&mut ahead, &body, 5_000, &bench.bounds(64 << 10, BIG)).await;
        assert_eq!((went, bench.budget.used()), (body.len(), 0));
        assert!(bench.disk.used() > 80_000);
        let in_memory: usize = ahead.last.iter().map(Bytes::len).sum();
        assert!(in_memory <= CHUNK_WITHOUT_BUDGET, "{in_memory}");
        assert!(read(&mut ahead).await == body);
    });
}

#[test]
fn without_memory_and_file_a_request_keeps_the_frame_in_hand_alone() {
    run(async {
        let bench = Bench::new(0, BIG);
        let mut ahead = Ahead::default();
        let body = bytes(100_000);
        let went = push(&mut ahead, &body, 5_000, &bench.bounds(64 << 10, 0)).await;
        assert_eq!(went, 5_000);
        assert!(read(&mut ahead).await == body[..went]);
    });
}

#[test]
fn a_disk_that_fails_at_once_loses_nothing() {
    run(async {
        let bench = Bench::without_disk(BIG);
        let mut ahead = Ahead::default();
        let body = bytes(300_000);
        let went = push(&mut ahead, &body, 5_000, &bench.bounds(64 << 10, BIG)).await;
        assert!(went < 64 * 1024 + CHUNK + 5_000, "{went}");
        assert!(read(&mut ahead).await == body[..went]);
        assert_eq!((bench.budget.used(), bench.disk.used()), (0, 0));
    });
}

#[test]
fn a_disk_that_is_used_up_in_the_middle_loses_nothing() {
    run(async {
        let bench = Bench::new(BIG, 3 * CHUNK);
        let mut ahead = Ahead::default();
        let body = bytes(300_000);
        let went = push(&mut ahead, &body, 5_000, &bench.bounds(10_000, BIG)).await;
        assert_eq!(bench.disk.used(), 3 * CHUNK);
        assert!(went < 10_000 + 4 * CHUNK + 5_000, "{went}");
        assert!(read(&mut ahead).await == body[..went]);
    });
}

#[test]
fn a_body_in_one_piece_is_kept_as_it_is_and_counted() {
    run(async {
        let bench = Bench::new(BIG, BIG);
        let mut ahead = Ahead::default();
        let body = Bytes::from(bytes(500));
        ahead.keep(body.clone(), &bench.bounds(100, 0));
        ahead.close();
        assert_eq!((ahead.len(), bench.budget.used()), (500, 500));
        assert!(!body.is_unique(), "not copied");
        assert!(read(&mut ahead).await == body);
        assert_eq!(bench.budget.used(), 0);
    });
}

const BIG: usize = 1 << 30;
