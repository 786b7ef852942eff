//! The admin listener: who may see and change what, what is shown of the lanes, and what is never shown.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{Client, Proxy, Request, Response, Upstream, eventually, held};

const TOKEN: &str = "0123456789abcdef-the-token";

/// An id that must not be in any answer, and the path it is used on.
const ID: &str = "knownsessionidknownsess";

fn with_token(more: &str) -> String {
    format!("admin: {{ listen: '127.0.0.1:0', token: {TOKEN} }}\n{more}")
}

fn ask(proxy: &Proxy, method: &str, path: &str, headers: &[&str], body: &str) -> Response {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        request.push_str("Host: localhost\r\n");
    }
    for header in headers {
        request.push_str(&format!("{header}\r\n"));
    }
    if method == "POST" {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    let request = format!("{request}\r\n{body}");
    Client::connect(proxy.admin_address()).send(request).response()
}

fn post(proxy: &Proxy, path: &str, body: &str) -> Response {
    let token = format!("Authorization: Bearer {TOKEN}");
    ask(proxy, "POST", path, &["Content-Type: application/json", &token], body)
}

fn json_of(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_else(|_| panic!("{}", response.text()))
}

fn state(proxy: &Proxy) -> Value {
    let response = proxy.admin("/api/v1/state");
    assert_eq!(response.status, 200);
    json_of(&response)
}

/// A session whose first request is in the application, and whose second waits for it.
fn one_waits(app: &Upstream, proxy: &Proxy) -> [crate::support::Exchange; 2] {
    app.on("/report/12345.aspx", held("done"));
    let first = proxy.session(ID).send(&Request::post("/report/12345.aspx?secret=query", "x"));
    proxy.until_holding(1);
    let second = proxy.session(ID).send(&Request::get("/cart/777"));
    proxy.until_waiting(1);
    [first, second]
}
