//! Slow attacks: 5,000 connections of slowhttptest, in each of its modes, while others browse.
//!
//! All limits are the defaults, and Onelane starts with 1,024 open files. The others' latency is measured before the
//! attack and for as long as its connections last, and then with the same attack, for as long, aimed at an nginx beside:
//! what an attack costs the machine, and not Onelane's clients. Attackers have machines of their own: here slowhttptest has
//! the last core to itself, and the site what is left. Guarantees: an attack counts as ended only when no
//! connection but the others' is left, for two seconds; what slowhttptest itself says of it is shown.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::application::Application;
use crate::browsers::{Browsers, Seen, saturation};
use crate::cores::Site;
use crate::nginx::Nginx;
use crate::proc::{self, Machine};
use crate::process::{Onelane, until};
use crate::report::{Sample, Section, count, megabytes, ratio, time};
use crate::slowhttptest::{
    Attack, BODIES, CONNECTIONS, HEADERS, RANGES, READS, Running, SESSION_BODIES, is_installed,
};

/// The most that was seen while an attack lasted.
#[derive(Debug, Default)]
struct Most {
    connections: usize,
    /// When the last of them was opened, as far as can be seen.
    opened: Duration,
    /// Bytes that are reserved for buffers.
    buffers: usize,
    /// Bytes of the kernel, for all sockets of the machine.
    kernel: f64,
    /// Connections to the application.
    upstream: usize,
    /// When all of the attackers' connections had been closed.
    gone: Option<Duration>,
    /// Processor time of slowhttptest.
    tool: Duration,
}

/// Heads that come slowly.
pub(crate) fn headers(application: &Application) -> io::Result<Section> {
    run(application, &[HEADERS])
}

/// Bodies that come slowly, outside of a session and within one.
pub(crate) fn bodies(application: &Application) -> io::Result<Section> {
    run(application, &[BODIES, SESSION_BODIES])
}

/// Requests for thousands of ranges.
pub(crate) fn ranges(application: &Application) -> io::Result<Section> {
    run(application, &[RANGES])
}

/// Responses that are taken slowly.
pub(crate) fn reads(application: &Application) -> io::Result<Section> {
    run(application, &[READS])
}

fn run(application: &Application, attacks: &[Attack]) -> io::Result<Section> {
    let mut section = Section::default();
    if !is_installed() {
        section.note("skipped: on Debian: apt-get install slowhttptest");
        return Ok(section);
    }
    let site = Site::settle()?;
    for attack in attacks {
        one(application, &site, attack, &mut section)?;
    }
    section.note(format!(
        "{CONNECTIONS} connections, 1,000 a second, from a core of their own; on the others the site, and {BROWSERS} others in \
         an open loop at 30 % of what is answered to them when they send as fast as they can; all limits at their defaults"
    ));
    Ok(section)
}

fn one(
    application: &Application,
    site: &Site,
    attack: &Attack,
    section: &mut Section,
) -> io::Result<()> {
    let onelane = Onelane::start(application.address(), CONFIG)?;
    let mut browsers = Browsers::connect(onelane.address(), BROWSERS)?;
    let offered = saturation(&onelane, BROWSERS)? * ENOUGH;
    let rate = browsers.saturation(offered, TURN) * SHARE;
    drop(browsers.browse(rate, TURN)); // a warm-up
    let (mut without, mut with) = (Seen::default(), Seen::default());
    let calm = Machine::now()?;
    for _ in 0..BEFORE {
        without.add(browsers.browse(rate, TURN));
    }
    let busy_before = Machine::now()?.busy_since(calm);
    let (base, before) = (onelane.peak()?, Machine::now()?);
    let Some(mut running) = attack.start(onelane.address(), site)? else {
        return Err(io::Error::other("slowhttptest is gone"));
    };
    let over = AtomicBool::new(false);
    let started = Instant::now();
    let most = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let most = watch(application, &onelane, &running, attack);
            over.store(true, Ordering::Relaxed);
            most
        });
        while !over.load(Ordering::Relaxed) {
            with.add(browsers.browse(rate, TURN));
        }
        watching.join().expect("the watch does not panic")
    })?;
    let busy = Machine::now()?.busy_since(before);
    let lasted = started.elapsed();
    let mut words = None;
    let said = until("slowhttptest ends", || {
        words = running.ended()?;
        Ok(words.is_some())
    });
    let words = words.unwrap_or_else(|| format!("{said:?}"));
    section.figure(format!("{}: its own last words", attack.name), words);
    report(attack, &onelane, base, &most, section)?;
    let beside = beside(application, site, attack, &mut browsers, rate, lasted)?;
    latencies(attack, [without, with], beside, section);
    let share = most.tool.as_secs_f64() / lasted.as_secs_f64();
    section.note(format!(
        "{}: others at {rate:.0}/s; the machine was {busy_before} % busy before and {busy} % during the attack, \
         slowhttptest used {:.0} % of one core",
        attack.name,
        100.0 * share
    ));
    Ok(())
}

/// What the others see while the same attack goes on, for as `long`, against somebody else on this machine: its own part
/// in what they saw. None without nginx.
fn beside(
    application: &Application,
    site: &Site,
    attack: &Attack,
    browsers: &mut Browsers,
    rate: f64,
    long: Duration,
) -> io::Result<Option<Seen>> {
    let Some(nginx) = Nginx::start(application.address(), None)? else {
        return Ok(None);
    };
    let mut seen = Seen::default();
    let _running = attack.start(nginx.address(), site)?;
    let started = Instant::now();
    while started.elapsed() < long {
        seen.add(browsers.browse(rate, TURN));
    }
    Ok(Some(seen))
}

/// Looks at Onelane until the attackers are gone, or should have been for long.
fn watch(
    application: &Application,
    onelane: &Onelane,
    running: &Running,
    attack: &Attack,
) -> io::Result<Most> {
    let (started, mut most) = (Instant::now(), Most::default());
    let patience = Duration::from_secs(attack.limit + MARGIN);
    let mut alone = 0;
    while alone < LOOKS && started.elapsed() < most.opened + patience {
        let (connections, at) = (onelane.metric("onelane_connections")?, started.elapsed());
        if connections > most.connections {
            (most.connections, most.opened) = (connections, at);
        }
        if connections > BROWSERS.into() || most.connections <= BROWSERS.into() {
            (alone, most.gone) = (0, None);
        } else {
            alone += 1;
            most.gone = most.gone.or(Some(at));
        }
        most.tool = proc::used(running.id()).unwrap_or(most.tool);
        most.buffers = most
            .buffers
            .max(onelane.metric("onelane_buffer_memory_bytes")?);
        most.kernel = most.kernel.max(proc::tcp_memory()?);
        most.upstream = most.upstream.max(application.connections());
        thread::park_timeout(LOOK_EVERY);
    }
    Ok(most)
}

fn report(
    attack: &Attack,
    onelane: &Onelane,
    base: f64,
    most: &Most,
    section: &mut Section,
) -> io::Result<()> {
    let name = attack.name;
    let attackers = most.connections.saturating_sub(BROWSERS.into());
    section.figure(format!("{name}: connections at once"), count(attackers));
    let opened = most.opened.as_secs_f64();
    section.figure(
        format!("{name}: all opened after"),
        format!("{opened:.0} s"),
    );
    let took = most
        .gone
        .map_or(f64::INFINITY, |gone| gone.as_secs_f64() - opened);
    let bound = (attack.limit + MARGIN) as f64;
    section.at_most(
        format!("{name}: all ended so long after that"),
        took,
        bound,
        |seconds| format!("{seconds:.0} s"),
    );
    if let Some((metric, label)) = attack.counted {
        let counted = onelane.metric_where(metric, label)?;
        let others = CONNECTIONS.saturating_sub(counted);
        section.at_most(format!("{name}: not counted as {label}"), others, 0, count);
    }
    let buffers = most.buffers as f64;
    let (memory, bound) = (
        onelane.peak()? - base,
        buffers + attack.memory * attackers as f64 + SLACK,
    );
    section.at_most(format!("{name}: memory"), memory, bound, megabytes);
    section.figure(format!("{name}: of it buffers"), megabytes(buffers));
    section.figure(
        format!("{name}: the kernel's, all sockets"),
        megabytes(most.kernel),
    );
    section.figure(
        format!("{name}: connections to the application"),
        count(most.upstream),
    );
    Ok(())
}

fn latencies(
    attack: &Attack,
    [without, with]: [Seen; 2],
    beside: Option<Seen>,
    section: &mut Section,
) {
    let name = attack.name;
    let errors = without.errors + without.refused + with.errors + with.refused;
    section.at_most(format!("{name}: errors of others"), errors, 0, count);
    if without.latencies.is_empty() || with.latencies.is_empty() {
        return;
    }
    let (without, with) = (Sample::new(without.latencies), Sample::new(with.latencies));
    let beside = beside
        .filter(|seen| !seen.latencies.is_empty())
        .map(|seen| Sample::new(seen.latencies));
    let samples = [
        ("before", Some(&without)),
        ("during", Some(&with)),
        ("attack on nginx beside", beside.as_ref()),
    ];
    for (when, sample) in samples {
        let Some(sample) = sample else { continue };
        section.figure(
            format!("{name}: {when}, median, p99"),
            format!("{}, {}", time(sample.median()), time(sample.p99())),
        );
    }
    let to = |base: &Sample| with.median().as_secs_f64() / base.median().as_secs_f64();
    section.at_most(
        format!("{name}: ratio of the medians"),
        to(&without),
        RATIO,
        ratio,
    );
    if let Some(beside) = beside {
        let name = format!("{name}: ratio to the attack on nginx beside");
        section.figure(name, ratio(to(&beside)));
    }
}

const BROWSERS: u8 = 32;
/// Of saturation.
const SHARE: f64 = 0.3;
/// So many times what a closed loop gets is more than an open one can.
const ENOUGH: f64 = 2.0;
const RATIO: f64 = 1.2;
const TURN: Duration = Duration::from_secs(2);
/// What the others may still add, bytes.
const SLACK: f64 = 8e6;
/// Turns before the attack.
const BEFORE: u32 = 6;
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// So many looks in a row must show nobody else.
const LOOKS: u32 = 8;
/// Seconds that the ends may take on a busy machine.
const MARGIN: u64 = 10;
const CONFIG: &str = "session: { preset: aspnet }\n";
