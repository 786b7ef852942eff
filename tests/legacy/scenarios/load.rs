//! The load generator: a thread for each connection, all released at the same moment.
//!
//! Guarantees: each request's time is taken on its own thread; an answer that did not come is a [`Reply`], too.

use std::time::{Duration, Instant};

use crate::http::{Client, at_the_same_moment};

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// 200.
    Served,
    /// 503 with Retry-After: whoever sent it knows that it was not worked on, and when to come again.
    Refused,
    /// 503 without it, any other status, or no answer at all.
    Failed,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply {
    pub(crate) fate: Fate,
    /// From the request to the end of its answer.
    pub(crate) took: Duration,
    /// When the answer ended.
    pub(crate) ended: Instant,
}

/// Requests that were sent at once.
#[derive(Clone, Debug)]
pub(crate) struct Volley {
    /// When the first was sent.
    pub(crate) began: Instant,
    /// In no order.
    pub(crate) replies: Vec<Reply>,
}

impl Volley {
    /// Until the last answer.
    pub(crate) fn total(&self) -> Duration {
        let ends = self.replies.iter().map(|reply| reply.ended);
        ends.max()
            .map_or(Duration::ZERO, |last| last.duration_since(self.began))
    }

    /// How many had this fate.
    pub(crate) fn number(&self, fate: Fate) -> usize {
        self.replies
            .iter()
            .filter(|reply| reply.fate == fate)
            .count()
    }

    /// How long each of them took.
    pub(crate) fn took(&self) -> Vec<Duration> {
        self.replies.iter().map(|reply| reply.took).collect()
    }
}

/// Each client asks once for `path`, all at the same moment.
pub(crate) fn together(clients: Vec<Client>, path: &str) -> Volley {
    let (began, replies) = at_the_same_moment(clients, |mut client| ask(&mut client, path));
    Volley { began, replies }
}

/// One request, timed.
pub(crate) fn ask(client: &mut Client, path: &str) -> Reply {
    let began = Instant::now();
    let answer = client.get(path);
    let ended = Instant::now();
    let fate = match answer {
        Ok(answer) if answer.status == 200 => Fate::Served,
        Ok(answer) if answer.status == 503 && answer.header("retry-after").is_some() => {
            Fate::Refused
        }
        Ok(_) | Err(_) => Fate::Failed,
    };
    Reply {
        fate,
        took: ended.duration_since(began),
        ended,
    }
}
