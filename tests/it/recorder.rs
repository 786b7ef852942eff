//! The scripted application's own checks, with no proxy in between: they find what they are there to find.

use crate::support::{Client, Closed, OnAccept, Request, Session, Step, Upstream, chunked, held};

#[test]
fn two_writers_inside_together_are_a_violation() {
    let app = Upstream::start();
    app.on("/hold", held());
    let session = Session::new(app.address(), "a");
    let mut first = session.post("/hold");
    let inside = app.arrival();
    let mut second = session.post("/x");
    assert_eq!(second.status(), 200);
    inside.release();
    assert_eq!(first.status(), 200);
    assert_eq!(app.exclusion_violations(), 1);
    assert_eq!(app.seen()[1].with, [0]);
}

#[test]
fn writers_one_after_another_or_of_two_sessions_are_none() {
    let app = Upstream::start();
    app.on("/hold", held());
    let mut first = Session::new(app.address(), "a").post("/hold");
    let inside = app.arrival();
    assert_eq!(Session::new(app.address(), "b").post("/x").status(), 200);
    inside.release();
    assert_eq!(first.status(), 200);
    assert_eq!(Session::new(app.address(), "a").post("/x").status(), 200);
    assert_eq!(app.exclusion_violations(), 0);
}

#[test]
fn a_sequence_that_arrives_backwards_is_an_inversion() {
    let app = Upstream::start();
    let session = Session::new(app.address(), "a");
    for seq in [1, 3, 2] {
        assert_eq!(
            session
                .send(Request::get("/").header("X-Seq", seq))
                .status(),
            200
        );
    }
    assert_eq!(app.fifo_inversions(), 1);
}

#[test]
fn bodies_are_read_as_they_are_framed() {
    let app = Upstream::start();
    app.on(
        "/chunked",
        [Step::ReadBody, Step::Send(chunked(&["ab", "c"]))],
    );
    let mut client = Client::connect(app.address());
    assert_eq!(
        client
            .call(&Request::post_chunked("/chunked", &["12", "3"]))
            .text(),
        "abc"
    );
    assert_eq!(client.call(&Request::post("/fixed", "four")).text(), "ok");
    let bodies: Vec<_> = app.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [b"123".to_vec(), b"four".to_vec()]);
    assert_eq!(app.connections(), 1);
}

#[test]
fn connections_end_as_they_are_told_to() {
    let app = Upstream::start();
    app.on("/reset", [Step::Reset]);
    app.on(
        "/close",
        [
            Step::Send(b"HTTP/1.1 200 OK\r\n\r\nhalf".to_vec()),
            Step::Close,
        ],
    );
    assert_eq!(
        Client::connect(app.address())
            .send(Request::get("/reset").bytes())
            .closed(),
        Closed::Reset
    );
    assert_eq!(
        Client::connect(app.address())
            .call(&Request::get("/close"))
            .text(),
        "half"
    );
    app.on_accept(OnAccept::Close);
    assert_eq!(Client::connect(app.address()).closed(), Closed::Fin);
}

#[test]
fn the_application_sees_a_peer_that_leaves() {
    let app = Upstream::start();
    app.on("/hold", held());
    let exchange = Session::new(app.address(), "a").get("/hold");
    let inside = app.arrival();
    exchange.leave();
    inside.peer_left();
    inside.release();
}
