//! What goes into a temporary file comes out of it, once, and nothing stays behind.

use std::fs;

use futures_util::FutureExt;
use tempfile::TempDir;

use super::*;
use crate::metrics::{Gauges, Labels, Metrics};

/// A disk in a folder of its own, with the counters of one core.
struct Bench {
    folder: TempDir,
    metrics: Metrics,
    disk: Arc<Disk>,
}

impl Bench {
    fn new(limit: usize) -> Self {
        let folder = TempDir::new().unwrap();
        Self {
            metrics: Metrics::new(1, Labels::default()),
            disk: Disk::new(folder.path().to_owned(), limit),
            folder,
        }
    }

    fn spooler(&self) -> Rc<Spooler> {
        Spooler::new(Arc::clone(&self.disk), self.metrics.core(0))
    }

    /// Keeps all others from the disk.
    fn all_turns(&self) -> Vec<OwnedSemaphorePermit> {
        let slots = &self.disk.slots;
        let turn = || Arc::clone(slots).try_acquire_owned().ok();
        std::iter::from_fn(turn).collect()
    }

    fn errors(&self) -> bool {
        let text = self.metrics.encode(Gauges::default());
        !text.contains("onelane_spool_errors_total 0")
    }
}

async fn next(spool: &mut Spool, most: usize) -> Option<Result<Bytes, Lost>> {
    std::future::poll_fn(|cx| spool.poll_read(cx, most)).await
}

async fn rest(spool: &mut Spool, most: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(piece) = next(spool, most).await {
        let piece = piece.expect("it can be read back");
        assert!(!piece.is_empty() && piece.len() <= most);
        all.extend_from_slice(&piece);
    }
    all
}

fn run(test: impl Future<Output = ()>) {
    tokio_test::block_on(test);
}

/// Files that were dropped are closed on another thread.
async fn until_free(disk: &Disk) {
    while disk.used() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn chunks_come_out_as_one_stream_in_order_and_the_space_is_free_again() {
    run(async {
        let bench = Bench::new(100);
        let mut spool = Spool::new(bench.spooler());
        for chunk in [&b"one "[..], b"two ", b"three"] {
            spool.write(&Bytes::from_static(chunk)).await.unwrap();
        }
        assert_eq!((spool.left(), bench.disk.used()), (13, 13));
        assert_eq!(rest(&mut spool, 5).await, b"one two three");
        assert_eq!(bench.disk.used(), 0, "before the spool itself is dropped");
        assert!(next(&mut spool, 5).await.is_none());
        assert!(!bench.errors());
    });
}

#[test]
fn a_file_has_no_name_while_it_is_open() {
    run(async {
        let bench = Bench::new(100);
        let mut spool = Spool::new(bench.spooler());
        spool.write(&Bytes::from_static(b"secret")).await.unwrap();
        if cfg!(unix) {
            assert_eq!(fs::read_dir(bench.folder.path()).unwrap().count(), 0);
        }
        drop(spool);
        until_free(&bench.disk).await;
        assert_eq!(fs::read_dir(bench.folder.path()).unwrap().count(), 0);
    });
}

#[test]
fn a_reader_that_goes_in_the_middle_leaves_nothing_behind() {
    run(async {
        let bench = Bench::new(100);
        let mut spool = Spool::new(bench.spooler());
        spool.write(&Bytes::from_static(b"secret")).await.unwrap();
        let turns = bench.all_turns();
        assert!(next(&mut spool, 2).now_or_never().is_none());
        drop((spool, turns));
        until_free(&bench.disk).await;
    });
}

#[test]
fn a_writer_that_goes_in_the_middle_leaves_nothing_behind() {
    run(async {
        let bench = Bench::new(100);
        let mut spool = Spool::new(bench.spooler());
        let chunk = Bytes::from_static(b"secret");
        let _most_likely_under_way = spool.write(&chunk).now_or_never();
        drop(spool);
        until_free(&bench.disk).await;
    });
}

#[test]
fn beyond_the_space_of_all_files_nothing_is_written_and_what_is_there_stays() {
    run(async {
        let bench = Bench::new(10);
        let (mut one, mut other) = (Spool::new(bench.spooler()), Spool::new(bench.spooler()));
        one.write(&Bytes::from_static(b"123456")).await.unwrap();
        let more = Bytes::from_static(b"78901");
        assert_eq!(other.write(&more).await, Err(Unwritten::NoSpace));
        assert_eq!(one.write(&more).await, Err(Unwritten::NoSpace));
        assert_eq!(rest(&mut one, 100).await, b"123456");
        assert_eq!(rest(&mut other, 100).await, b"");
        other.write(&more).await.unwrap();
        assert!(!bench.errors(), "the disk did nothing wrong");
    });
}

#[test]
fn a_folder_that_cannot_be_written_is_counted() {
    run(async {
        let bench = Bench::new(100);
        let disk = Disk::new(bench.folder.path().join("absent"), 100);
        let spooler = Spooler::new(Arc::clone(&disk), bench.metrics.core(0));
        let mut spool = Spool::new(spooler);
        let chunk = Bytes::from_static(b"x");
        assert_eq!(spool.write(&chunk).await, Err(Unwritten::Failed));
        assert_eq!((spool.left(), disk.used()), (0, 0));
        assert!(bench.errors());
    });
}

/// A disk whose every write fails, as a full one's does.
#[cfg(target_os = "linux")]
fn full(disk: &Arc<Disk>) -> TempFile {
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/full")
        .unwrap();
    TempFile(Some(Open {
        file,
        space: disk.space.take(0).unwrap(),
        disk: Arc::clone(disk),
    }))
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_is_counted_and_gives_the_space_back() {
    run(async {
        let bench = Bench::new(100);
        let mut spool = Spool::new(bench.spooler());
        spool.file = Place::Here(full(&bench.disk));
        let chunk = Bytes::from_static(b"x");
        assert_eq!(spool.write(&chunk).await, Err(Unwritten::Failed));
        assert!(bench.errors());
        assert!(next(&mut spool, 1).await.is_none());
        until_free(&bench.disk).await;
    });
}

#[test]
fn what_cannot_be_read_back_is_an_error_and_never_an_early_end() {
    run(async {
        let bench = Bench::new(100);
        let mut spool = Spool::new(bench.spooler());
        spool.write(&Bytes::from_static(b"12345678")).await.unwrap();
        if let Place::Here(TempFile(Some(open))) = &spool.file {
            open.file.set_len(5).unwrap();
        }
        assert_eq!(
            next(&mut spool, 4).await,
            Some(Ok(Bytes::from_static(b"1234")))
        );
        assert_eq!(next(&mut spool, 4).await, Some(Err(Lost)));
        assert!(bench.errors());
    });
}

#[test]
fn a_disk_without_a_turn_is_not_waited_for_and_what_it_has_is_read_later() {
    run(async {
        let bench = Bench::new(100);
        let mut spool = Spool::new(bench.spooler());
        spool.write(&Bytes::from_static(b"kept")).await.unwrap();
        let turns = bench.all_turns();
        tokio::time::pause();
        let chunk = Bytes::from_static(b"late");
        assert_eq!(spool.write(&chunk).await, Err(Unwritten::Failed));
        assert!(bench.errors());
        drop(turns);
        assert_eq!(rest(&mut spool, 100).await, b"kept");
        assert_eq!(bench.disk.used(), 0);
    });
}

#[test]
fn what_a_hanging_operation_has_is_read_when_it_ends() {
    run(async {
        let bench = Bench::new(100);
        let mut spool = Spool::new(bench.spooler());
        spool.write(&Bytes::from_static(b"kept")).await.unwrap();
        let Place::Here(file) = std::mem::replace(&mut spool.file, Place::Nowhere) else {
            panic!("it is written");
        };
        let (end, ended) = std::sync::mpsc::channel();
        spool.file = Place::Away(spawn_blocking(move || {
            ended.recv().unwrap();
            (Some(file), Err(io::ErrorKind::StorageFull.into()))
        }));
        assert!(next(&mut spool, 4).now_or_never().is_none());
        end.send(()).unwrap();
        assert_eq!(rest(&mut spool, 4).await, b"kept");
    });
}

#[test]
fn a_file_is_closed_when_it_is_its_turn() {
    run(async {
        let bench = Bench::new(100);
        let mut spool = Spool::new(bench.spooler());
        spool.write(&Bytes::from_static(b"x")).await.unwrap();
        let turns = bench.all_turns();
        drop(spool);
        tokio::task::yield_now().await;
        assert_eq!(bench.disk.used(), 1);
        drop(turns);
        until_free(&bench.disk).await;
    });
}
