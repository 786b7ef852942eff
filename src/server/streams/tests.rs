//! When a connection of HTTP/2 is ended, and when not.

use super::super::tests::limits;
use super::*;

#[tokio::test(start_paused = true)]
async fn the_first_request_has_the_time_of_a_head() {
    let (limits, now) = (limits(), Instant::now());
    let live = Live::new(&limits, now);
    assert_eq!(live.next_check(), now + limits.header_timeout);
    assert_eq!(live.check(live.next_check()), Verdict::End);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_stream_is_told_to_end_then_ended() {
    let limits = limits();
    let live = Live::new(&limits, Instant::now());
    drop(live.enter(Instant::now()));
    tokio::time::advance(limits.idle_timeout).await;
    assert_eq!(live.check(Instant::now()), Verdict::Idle);
    assert_eq!(live.check(live.next_check()), Verdict::End);
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_takes_long_is_not_idle() {
    let limits = limits();
    let live = Live::new(&limits, Instant::now());
    let stream = live.enter(Instant::now());
    for _ in 0..100 {
        tokio::time::advance(limits.idle_timeout).await;
        assert_eq!(live.check(Instant::now()), Verdict::Fine);
    }
    drop(stream);
    assert_eq!(live.next_check(), Instant::now() + limits.idle_timeout);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_uses_up_its_grace() {
    let limits = limits();
    let live = Live::new(&limits, Instant::now());
    let stream = live.enter(Instant::now());
    stream.gave(1000);
    let begin = Instant::now();
    let verdict = loop {
        tokio::time::advance(CHECK_EVERY).await;
        match live.check(Instant::now()) {
            Verdict::Fine => {}
            verdict => break verdict,
        }
    };
    assert_eq!(verdict, Verdict::Unread);
    assert!(begin.elapsed() >= limits.send_pace.grace);
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_the_application_does_not() {
    let limits = limits();
    let live = Live::new(&limits, Instant::now());
    let stream = live.enter(Instant::now());
    stream.gave(1000);
    stream.asked();
    for _ in 0..1000 {
        tokio::time::advance(CHECK_EVERY).await;
        assert_eq!(live.check(Instant::now()), Verdict::Fine);
    }
    drop(stream);
}

#[test]
fn streams_that_were_reset_count_while_the_application_works_on_them() {
    let limits = limits();
    let live = Live::new(&limits, Instant::now());
    let most = 2 * limits.streams as usize;
    let mut all: Vec<_> = (0..most).map(|_| live.enter(Instant::now())).collect();
    assert!(!live.is_overrun());
    all.push(live.enter(Instant::now()));
    assert!(live.is_overrun());
    all.truncate(1);
    assert!(!live.is_overrun());
}
