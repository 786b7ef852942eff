//! Laravel: its cookie changes with each response, and of concurrent updates of a session most are lost; behind Onelane
//! none is.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;

use crate::applications::laravel::{Cookie, start};
use crate::applications::{Application, Page};
use crate::http::Client;
use crate::load::{counter, eventually, loses_updates_and_behind_onelane_none, onelane};

#[test]
fn laravel_loses_updates_and_behind_onelane_none() {
    loses_updates_and_behind_onelane_none(&start(Cookie::Encrypted).unwrap());
}
