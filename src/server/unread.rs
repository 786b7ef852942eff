//! Clients that ask and do not read.
//!
//! Guarantees: while bytes for a client wait and it does not take them at the lowest rate, its grace runs out, once;
//! time in which nothing waits for it does not count. One timer, made when a write first blocks.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

use super::watch::Watch;
use crate::pace::{Credit, Pace};

/// Watches over what one connection's client takes.
#[derive(Debug)]
pub(super) struct SendTimer {
    credit: Credit,
    blocked: Option<Blocked>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// A write that the client does not take.
#[derive(Clone, Copy, Debug)]
struct Blocked {
    since: Instant,
    /// Bytes that it had taken by then.
    written: usize,
}

impl SendTimer {
    /// For a new connection, whose client takes bytes at this pace at least.
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            credit: Credit::new(pace),
            blocked: None,
            timer: None,
        }
    }

    /// Ready when the client is too slow; to be polled after the connection has written.
    pub(super) fn poll(&mut self, watch: &Watch, cx: &mut Context<'_>) -> Poll<()> {
        let written = watch.written();
        if let Some(blocked) = self.blocked
            && (blocked.written != written || !watch.is_blocked())
        {
            let waited = Instant::now().saturating_duration_since(blocked.since);
            self.credit
                .moved(waited, written.wrapping_sub(blocked.written));
            self.blocked = None;
        }
        if !watch.is_blocked() {
            return Poll::Pending;
        }
        let since = match self.blocked {
            Some(blocked) => blocked.since,
            None => {
                let since = Instant::now();
                self.blocked = Some(Blocked { since, written });
                since
            }
        };
        let deadline = since + self.credit.left();
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio_test::task::spawn;

    use super::super::watch::Watched;
    use super::*;

    const PACE: Pace = Pace {
        grace: Duration::from_secs(60),
        rate: 240,
    };

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_has_its_grace_and_an_idle_one_for_ever() {
        let (ours, _theirs) = duplex(8);
        let (mut ours, watch) = Watched::new(ours);
        let mut timer = SendTimer::new(PACE);
        let mut late = spawn(std::future::poll_fn(|cx| timer.poll(&watch, cx)));
        assert!(late.poll().is_pending());
        tokio::time::advance(PACE.grace * 10).await;
        assert!(late.poll().is_pending(), "nothing waits for it");
        ours.write_all(b"12345678").await.unwrap();
        let mut more = spawn(ours.write_all(b"9"));
        assert!(more.poll().is_pending());
        assert!(late.poll().is_pending());
        tokio::time::advance(PACE.grace - Duration::from_millis(2)).await;
        assert!(late.poll().is_pending());
        tokio::time::advance(Duration::from_millis(4)).await;
        assert!(late.poll().is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_drips_is_too_slow_and_one_that_keeps_the_rate_is_not() {
        for (step, too_slow) in [(8, true), (8000, false)] {
            let (ours, mut theirs) = duplex(step);
            let (mut ours, watch) = Watched::new(ours);
            let mut timer = SendTimer::new(PACE);
            let mut late = spawn(std::future::poll_fn(|cx| timer.poll(&watch, cx)));
            let everything = vec![0; step * 20];
            let mut writing = spawn(ours.write_all(&everything));
            let mut ended = false;
            for _ in 0..10 {
                assert!(writing.poll().is_pending());
                ended |= late.poll().is_ready();
                if ended {
                    break;
                }
                tokio::time::advance(Duration::from_secs(20)).await;
                ended |= late.poll().is_ready();
                let mut taken = vec![0; step];
                theirs.read_exact(&mut taken).await.unwrap();
            }
            assert_eq!(ended, too_slow, "{step} bytes each 20 s");
        }
    }
}
