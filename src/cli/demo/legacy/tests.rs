//! The application over real sockets, as a client sees it.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

fn application() -> Application {
    Application::start(
        TcpListener::bind("127.0.0.1:0").unwrap(),
        Settings::default(),
    )
    .unwrap()
}

/// Sends `GET target` with `cookie` on a new connection; gives the whole answer.
async fn get(application: &Application, target: &str, cookie: &str) -> String {
    let mut stream = TcpStream::connect(application.address()).await.unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: demo\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The value of a header in an answer.
fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = answer.lines().take_while(|line| !line.is_empty());
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn a_visitor_without_a_cookie_gets_a_session_that_lasts() {
    let application = application();
    let first = get(&application, "/browse", "").await;
    let set_cookie = header(&first, "set-cookie").unwrap();
    let (cookie, attributes) = set_cookie.split_once(';').unwrap();
    assert!(cookie.starts_with("ASP.NET_SessionId="), "{set_cookie}");
    assert_eq!(attributes, " path=/; HttpOnly; SameSite=Lax");
    assert_eq!(
        application.counts().of(Page::Browse),
        PageCounts {
            requests: 1,
            gets: 0,
            sets: 1
        }
    );

    let second = get(&application, "/", cookie).await;
    assert_eq!(header(&second, "set-cookie"), None);
    assert_eq!(header(&second, "x-store-calls"), Some("1"));
    assert!(
        second.contains("changed your session <b>2</b> times"),
        "{second}"
    );
}

#[tokio::test]
async fn every_page_counts_its_own_store_calls() {
    let application = application();
    let cookie = "ASP.NET_SessionId=abcdefghijklmnopqrst0123";
    for target in [
        "/slow?ms=1",
        "/slow?ms=1",
        "/report?ms=1",
        "/browse?ms=1",
        "/static.css",
    ] {
        let answer = get(&application, target, cookie).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    let counts = application.counts();
    assert_eq!(
        counts.of(Page::Slow),
        PageCounts {
            requests: 2,
            gets: 3 + 1,
            sets: 2
        },
        "the session was new"
    );
    assert_eq!(
        counts.of(Page::Report),
        PageCounts {
            requests: 1,
            gets: 1,
            sets: 0
        }
    );
    assert_eq!(
        counts.of(Page::Browse),
        PageCounts {
            requests: 1,
            gets: 1,
            sets: 1
        }
    );
    assert_eq!(
        counts.of(Page::Style),
        PageCounts {
            requests: 1,
            gets: 0,
            sets: 0
        }
    );
    assert_eq!(counts.since(&counts), Counts::default());
}

#[tokio::test]
async fn a_page_takes_no_less_than_its_time() {
    let start = Instant::now();
    spend(Duration::from_millis(20)).await;
    spend(Duration::ZERO).await;
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[tokio::test]
async fn bad_requests_are_answered_and_leave_nothing() {
    let application = application();
    assert!(
        get(&application, "/none", "")
            .await
            .starts_with("HTTP/1.1 404 ")
    );
    assert!(
        get(&application, "/slow?ms=1h", "")
            .await
            .starts_with("HTTP/1.1 400 ")
    );
    assert_eq!(application.counts(), Counts::default());
}

#[tokio::test]
async fn an_application_without_workers_or_queue_answers_503() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let application = Application::start(
        listener,
        Settings {
            workers: 0,
            queue: 0,
        },
    )
    .unwrap();
    assert!(
        get(&application, "/browse", "")
            .await
            .starts_with("HTTP/1.1 503 ")
    );
    assert!(
        get(&application, "/static.css", "")
            .await
            .starts_with("HTTP/1.1 200 "),
        "files take no worker"
    );
}

#[tokio::test]
async fn a_dropped_application_leaves_nothing_behind() {
    let application = application();
    let site = Arc::downgrade(&application.site);
    let mut stream = TcpStream::connect(application.address()).await.unwrap();
    stream
        .write_all(b"GET /slow?ms=10000 HTTP/1.1\r\nHost: demo\r\n\r\n")
        .await
        .unwrap();
    drop(application);
    assert!(
        site.upgrade().is_none(),
        "a page or a connection is still there"
    );
}
