//! Real applications, each with the same pages, started on free ports.
//!
//! The pages, whatever their spelling on each stack ([`Application::page`]):
//!
//! | page | what it does |
//! |---|---|
//! | `Write` `?ms=N` | reads the counter of the session, works N ms, stores it plus one, answers with it |
//! | `Read` `?ms=N` | reads the session without writing it, works N ms, answers with the counter |
//! | `None` `?ms=N` | works N ms without a session |
//! | `Login` | changes the session's id and keeps what is in it (where the stack can), answers with the counter |
//! | `Inner` | calls the `Write` page of its own site through the address in the Host header, with the user's cookies (and `X-Onelane-Ticket`, if it got one), answers with what that said |
//! | `Stats` | without a session: JSON of [`Stats`], of the whole application |
//! | `Reset` | without a session: sets the stats to 0 |
//!
//! Guarantees: an application serves when its value is given out, and ends when that is dropped.

pub(crate) mod aspnet;
pub(crate) mod aspnetcore;
pub(crate) mod django;
pub(crate) mod java;
pub(crate) mod laravel;
pub(crate) mod node;
mod npm;
pub(crate) mod php;
pub(crate) mod rails;

use std::io;
use std::net::SocketAddr;

use crate::http::Client;

/// One of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Write,
    Read,
    None,
    Login,
    Inner,
    Stats,
    Reset,
}

/// What the application itself has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    /// Times that a writer of a session found another of that session inside.
    pub(crate) overlaps: u64,
    /// Calls of the session store: `GetItem` and `GetItemExclusive`; 0 where the stack does not count them.
    pub(crate) gets: u64,
    /// Of them `GetItemExclusive`.
    pub(crate) exclusive: u64,
}

/// A running application.
#[derive(Debug)]
pub(crate) struct Application {
    /// As the tables call it.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What Onelane is told of it: YAML of `session:` and, where it needs them, routes.
    pub(crate) yaml: &'static str,
    /// The paths of its pages.
    pub(crate) spell: fn(Page) -> &'static str,
    /// What has to live as long as it: processes, directories.
    #[expect(dead_code, reason = "kept only to be dropped")]
    pub(crate) parts: Vec<Part>,
}

/// What an application is made of; dropped in order.
#[derive(Debug)]
#[expect(dead_code, reason = "kept only to be dropped")]
pub(crate) enum Part {
    Process(crate::process::Process),
    Directory(crate::process::Directory),
}

impl Application {
    /// The path of a page that works for so many milliseconds.
    pub(crate) fn page(&self, page: Page, ms: u64) -> String {
        format!("{}?ms={ms}", (self.spell)(page))
    }

    /// A user of it, directly or through whatever listens on `address`, who has a session already.
    pub(crate) fn user(&self, address: SocketAddr) -> io::Result<Client> {
        let mut user = Client::new(address);
        user.get(&self.page(Page::Write, 0))?;
        Ok(user)
    }

    /// What it has seen since [`Application::reset`].
    pub(crate) fn stats(&self) -> io::Result<Stats> {
        let body = Client::new(self.address)
            .get(&self.page(Page::Stats, 0))?
            .body;
        let json: serde_json::Value = serde_json::from_str(&body).map_err(io::Error::other)?;
        let number = |name: &str| json[name].as_u64().unwrap_or_default();
        Ok(Stats {
            overlaps: number("overlaps"),
            gets: number("gets"),
            exclusive: number("exclusive"),
        })
    }

    /// Forgets what it has seen.
    pub(crate) fn reset(&self) -> io::Result<()> {
        Client::new(self.address).get(&self.page(Page::Reset, 0))?;
        Ok(())
    }
}

/// The pages of applications that name them as they like.
fn lower_case(page: Page) -> &'static str {
    match page {
        Page::Write => "/write",
        Page::Read => "/read",
        Page::None => "/none",
        Page::Login => "/login",
        Page::Inner => "/inner",
        Page::Stats => "/stats",
        Page::Reset => "/reset",
    }
}
