//! The ideal and the measured figures; the latter against the application alone.

use std::net::TcpListener;

use socket2::{Domain, Socket, Type};

use super::*;
use crate::cli::demo::legacy::Settings;

const MS: Duration = Duration::from_millis(1);

fn application() -> Application {
    Application::start(
        TcpListener::bind("127.0.0.1:0").unwrap(),
        Settings::default(),
    )
    .unwrap()
}

fn answer(latency: Duration, outcome: Outcome) -> Answer {
    Answer { latency, outcome }
}

#[test]
fn writes_take_the_sum_of_their_pages_at_best() {
    let ideal = Scenario::writes(20, 50 * MS).ideal();
    assert_eq!(ideal.total, 1000 * MS);
    assert_eq!((ideal.wait.median, ideal.wait.worst), (475 * MS, 950 * MS));
}

#[test]
fn reads_go_together_when_the_write_has_ended() {
    let ideal = Scenario::reads_behind_a_write().ideal();
    assert_eq!(ideal.total, 2020 * MS);
    assert_eq!(
        ideal.wait.worst,
        1950 * MS,
        "the first read came 50 ms after the write"
    );
}

#[test]
fn only_what_was_served_counts_as_work() {
    let refused = answer(MS, Outcome::Refused);
    let failed = answer(9000 * MS, Outcome::Failed("broken".to_owned()));
    let served = [
        answer(51 * MS, Outcome::Served),
        answer(102 * MS, Outcome::Served),
    ];
    let [first, second] = served;
    let measured = Scenario::writes(4, 50 * MS).summary(&[first, refused, failed, second]);
    assert_eq!((measured.total, measured.ideal_total), (102 * MS, 100 * MS));
    assert_eq!(
        (measured.wait.median, measured.wait.worst),
        (26 * MS + MS / 2, 52 * MS)
    );
    assert_eq!(
        (measured.served, measured.refused, measured.failed.len()),
        (2, 1, 1)
    );
    assert_eq!(measured.lost, None);
}

#[test]
fn a_read_is_late_by_what_it_waits_after_the_write_has_ended() {
    let scenario = Scenario::reads_behind_a_write();
    let mut answers = vec![answer(2000 * MS, Outcome::Served)];
    answers.extend((0..10).map(|n| answer((1970 - 100 * n + 10 * n) * MS, Outcome::Served)));
    let lost = scenario.summary(&answers).lost.unwrap();
    assert_eq!((lost.median, lost.worst), (45 * MS, 90 * MS));
}

#[tokio::test]
async fn straight_writes_poll_and_everything_is_counted() {
    let application = application();
    let others = Some(Browsing {
        users: 2,
        every: 20 * MS,
        requests: 3,
    });
    let scenario = Scenario {
        others,
        ..Scenario::writes(3, 5 * MS)
    };
    let answered = Answered::default();
    let deadline = Instant::now() + Duration::from_secs(30);
    let measured = scenario
        .run(application.address(), &application, deadline, &answered)
        .await
        .unwrap();

    assert_eq!(answered.count(), scenario.requests());
    assert_eq!(
        (measured.served, measured.refused, measured.failed.len()),
        (3, 0, 0)
    );
    assert_eq!(
        (measured.reached, measured.gets, measured.sets),
        (3, 3 + 2 + 1, 3)
    );
    assert!(
        measured.total >= 1005 * MS,
        "two polls: {:?}",
        measured.total
    );
    assert_eq!(measured.overlaps, 0);
    let others = measured.others.unwrap();
    assert_eq!((others.served, others.failed.len()), (6, 0));
}

#[tokio::test]
async fn an_address_where_nobody_listens_gives_no_session() {
    // Bound and not listening: the port stays taken, and refuses.
    let gone = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    gone.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    let address = gone.local_addr().unwrap().as_socket().unwrap();
    let application = application();
    let deadline = Instant::now() + Duration::from_secs(30);
    let scenario = Scenario::writes(1, MS);
    let outcome = scenario
        .run(address, &application, deadline, &Answered::default())
        .await;
    assert!(
        matches!(outcome, Err(NoSession::Failed { .. })),
        "{outcome:?}"
    );
}
