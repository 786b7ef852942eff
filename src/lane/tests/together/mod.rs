//! Requests with several lanes at random, and the ways to take lanes that are wrong.
//!
//! The same checks are run on the product and on each wrong way, and must find that.

mod histories;
mod races;

use std::collections::HashSet;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::runtime;
use tokio::time::{Instant, advance};
use tokio_test::task;

use super::super::{Full, Hold, Joined, Lanes, Limits, OnHoldLimit, Overdue, Permit, WaitEnded};
use super::cores::{flood, on_each_core};
use super::{limits, seconds};
use crate::session::SessionKey;

const LANES: u64 = 4;
const MAX_WAITING: usize = 12;

/// A wrong way to take several lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Each only when the one before it is held.
    OneByOne,
    /// Who is refused by its last lane remains in the others.
    StaysBehind,
    /// The first alone.
    TakesOne,
}

/// What taking lanes gave.
enum Taken {
    Inside(Vec<Permit>),
    Waiting(std::pin::Pin<Box<dyn Future<Output = Result<Vec<Permit>, WaitEnded>>>>),
}

/// Takes several lanes as the product does, or in a wrong way.
fn take(
    lanes: &Arc<Lanes>,
    numbers: &[u64],
    hold: Hold,
    limits: &Limits,
    fault: Option<Fault>,
    behind: &mut Vec<Joined>,
) -> Result<Taken, Full> {
    let keys: Vec<_> = numbers.iter().copied().map(SessionKey::for_test).collect();
    let mut also = &keys[1..];
    match fault {
        Some(Fault::TakesOne) => also = &[],
        Some(Fault::StaysBehind) => {
            let joined = lanes.join_all(keys[0], also, hold, limits, MAX_WAITING);
            if joined.is_err() {
                behind.extend(lanes.join(keys[0], hold, limits, MAX_WAITING));
            }
            return joined.map(taken);
        }
        Some(Fault::OneByOne) => {
            let first = lanes.join(keys[0], hold, limits, MAX_WAITING)?;
            let (lanes, limits) = (Arc::clone(lanes), limits.clone());
            return Ok(Taken::Waiting(Box::pin(async move {
                one_by_one(&lanes, &keys, hold, &limits, first).await
            })));
        }
        None => {}
    }
    let joined = lanes.join_all(keys[0], also, hold, limits, MAX_WAITING)?;
    Ok(taken(joined))
}

fn taken(joined: Joined) -> Taken {
    match joined {
        Joined::Granted(permit) => Taken::Inside(vec![permit]),
        Joined::Waiting(waiting) => Taken::Waiting(Box::pin(async {
            let permit = waiting.turn().await?;
            Ok(vec![permit])
        })),
    }
}

async fn one_by_one(
    lanes: &Arc<Lanes>,
    keys: &[SessionKey],
    hold: Hold,
    limits: &Limits,
    first: Joined,
) -> Result<Vec<Permit>, WaitEnded> {
    let mut permits = vec![turn(first).await?];
    for (at, key) in keys.iter().enumerate().skip(1) {
        if keys[..at].contains(key) {
            continue;
        }
        let joined = lanes.join(*key, hold, limits, usize::MAX);
        permits.push(turn(joined.map_err(|_| WaitEnded::Closed)?).await?);
    }
    Ok(permits)
}

async fn turn(joined: Joined) -> Result<Permit, WaitEnded> {
    match joined {
        Joined::Granted(permit) => Ok(permit),
        Joined::Waiting(waiting) => waiting.turn().await,
    }
}

/// One to three lanes, in any order.
fn some_lanes(random: u8) -> Vec<u64> {
    let random = u64::from(random);
    let lanes = [
        random % LANES,
        random / LANES % LANES,
        random / LANES / LANES % LANES,
    ];
    let count = match random / 64 {
        0 => 1,
        1 | 2 => 2,
        _ => 3,
    };
    lanes[..count].to_vec()
}
