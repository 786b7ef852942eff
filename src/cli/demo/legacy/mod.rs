//! A legacy application that locks its sessions as ASP.NET does, and has a limited number of workers.
//!
//! Guarantees: real HTTP/1.1 over real sockets, on a thread and a runtime of its own, so that it shares nothing with
//! Onelane but the machine; the lock of [`store`] is held for exactly the page's time and released before the response
//! is sent, as ASP.NET's buffered pages do; a page runs to its end although its client has left; every store call is
//! counted by page. Dropping [`Application`] ends it.
//! Does not do: anything that a request could harm; it has no files, no secrets and no state but counters.

mod page;
mod session_id;
mod store;
#[cfg(test)]
mod tests;
mod workers;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep, sleep_until};

use self::page::{NoPage, SessionState, Visit, index_html};
use self::session_id::SessionId;
use self::store::{Locking, Store, StoreCalls};
use self::workers::{QueueFull, Workers};

pub(super) use self::page::Page;

/// A running application; dropping it ends it and waits for its thread.
#[derive(Debug)]
pub(super) struct Application {
    address: SocketAddr,
    site: Arc<Site>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The bounds of the application.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Requests in the application at a time, those that wait for their session included.
    pub(super) workers: usize,
    /// Requests that wait for a worker; more are answered 503.
    pub(super) queue: usize,
}

/// What the application has counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pages: [PageCounts; Page::COUNT],
    /// Writers that were let in while another one of their session was inside. The lock is to keep it 0.
    pub(super) overlaps: u64,
}

/// What one page has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PageCounts {
    /// Requests that reached it.
    pub(super) requests: u64,
    /// Store calls to get the session: `GetItem`, `GetItemExclusive`, `CreateUninitializedItem`.
    pub(super) gets: u64,
    /// Store calls to give it back: `SetAndReleaseItemExclusive`, `ReleaseItemExclusive`.
    pub(super) sets: u64,
}

#[derive(Debug)]
struct Site {
    store: Arc<Store>,
    workers: Workers,
    pages: [Tally; Page::COUNT],
}

#[derive(Debug, Default)]
struct Tally {
    requests: AtomicU64,
    calls: StoreCalls,
}

type Answer = Response<Full<Bytes>>;

impl Default for Settings {
    /// 25 workers and HTTP.sys's queue of 1000.
    fn default() -> Self {
        Self {
            workers: 25,
            queue: 1000,
        }
    }
}

impl Application {
    /// Serves on `listener` until it is dropped.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made, or the listener has no address.
    pub(super) fn start(listener: TcpListener, settings: Settings) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let site = Arc::new(Site {
            store: Store::new(Locking::On),
            workers: Workers::new(settings.workers, settings.queue),
            pages: Default::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&site);
        let serve = move || runtime.block_on(accept_until(stopped, listener, serving));
        let thread = std::thread::Builder::new()
            .name("legacy-application".to_owned())
            .spawn(serve)?;
        Ok(Self {
            address,
            site,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has counted so far.
    pub(super) fn counts(&self) -> Counts {
        self.site.counts()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed already.
            thread.join().ok();
        }
    }
}

impl Counts {
    /// What `page` has counted.
    pub(super) fn of(&self, page: Page) -> PageCounts {
        self.pages[page as usize]
    }

    /// What has been counted since `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        for (page, before) in since.pages.iter_mut().zip(&earlier.pages) {
            page.requests -= before.requests;
            page.gets -= before.gets;
            page.sets -= before.sets;
        }
        since.overlaps -= earlier.overlaps;
        since
    }
}

impl Site {
    /// Answers one request, in a task of its own: legacy applications finish a page although its client has left.
    async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, Infallible> {
        let (head, _body) = request.into_parts();
        let page = tokio::spawn(async move {
            match Visit::parse(&head.uri) {
                Ok(visit) => self.visit(visit, &head.headers).await,
                Err(NoPage::BadDuration) => {
                    plain(StatusCode::BAD_REQUEST, "ms is 0 to 10000\n".to_owned())
                }
                Err(NoPage::NotFound) => plain(StatusCode::NOT_FOUND, "no such page\n".to_owned()),
            }
        });
        Ok(page.await.unwrap_or_else(|_| {
            plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the page failed\n".to_owned(),
            )
        }))
    }

    async fn visit(&self, visit: Visit, headers: &HeaderMap) -> Answer {
        let tally = &self.pages[visit.page as usize];
        tally.requests.fetch_add(1, Ordering::Relaxed);
        let state = visit.page.session_state();
        if state == SessionState::Off {
            return answer(StatusCode::OK, "text/css", page::STYLE.to_owned());
        }
        let Ok(_worker) = self.workers.admit().await.map_err(|QueueFull| ()) else {
            return plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the request queue of the application is full\n".to_owned(),
            );
        };
        let asked = Instant::now();
        let Some(id) = SessionId::from_cookies(headers) else {
            return self.first_visit(visit, &tally.calls).await;
        };
        if state == SessionState::ReadOnly {
            let session = self.store.read(&id, &tally.calls).await;
            let waited = asked.elapsed();
            spend(visit.takes).await;
            return self.show(visit.page, session.visits, session.gets, waited);
        }
        let session = self.store.write(&id, &tally.calls).await;
        let waited = asked.elapsed();
        spend(visit.takes).await;
        let (visits, gets) = (session.visits() + 1, session.gets());
        session.set_and_release(visits);
        self.show(visit.page, visits, gets, waited)
    }

    /// A request without a session: a new id, and no lock, since nobody else can know it.
    async fn first_visit(&self, visit: Visit, calls: &StoreCalls) -> Answer {
        let id = SessionId::generate();
        spend(visit.takes).await;
        self.store.insert(&id, 1, calls);
        let mut answer = self.show(visit.page, 1, 0, Duration::ZERO);
        let cookie = id
            .set_cookie()
            .try_into()
            .expect("an id is letters and digits");
        answer.headers_mut().insert(SET_COOKIE, cookie);
        answer
    }

    fn show(&self, page: Page, visits: u64, gets: u64, waited: Duration) -> Answer {
        let mut shown = if page == Page::Index {
            let counts = self.counts();
            let (all_gets, all_requests) =
                counts.pages.iter().fold((0, 0), |(gets, requests), page| {
                    (gets + page.gets, requests + page.requests)
                });
            answer(
                StatusCode::OK,
                "text/html; charset=utf-8",
                index_html(visits, all_gets, all_requests),
            )
        } else {
            let waited = waited.as_millis();
            let text = format!(
                "counter {visits}, waited {waited} ms for the session, {gets} store calls to get it\n"
            );
            plain(StatusCode::OK, text)
        };
        shown.headers_mut().insert("x-store-calls", gets.into());
        shown
    }

    fn counts(&self) -> Counts {
        let page = |tally: &Tally| PageCounts {
            requests: tally.requests.load(Ordering::Relaxed),
            gets: tally.calls.gets(),
            sets: tally.calls.sets(),
        };
        Counts {
            pages: self.pages.each_ref().map(page),
            overlaps: self.store.overlaps(),
        }
    }
}

/// Accepts connections until `stopped`; what is under way then is cut off when the runtime ends.
async fn accept_until(
    mut stopped: oneshot::Receiver<()>,
    listener: tokio::net::TcpListener,
    site: Arc<Site>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                let Ok((stream, _)) = accepted else {
                    // Either that connection is gone already, or descriptors have run out for a while.
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                stream.set_nodelay(true).ok();
                let site = Arc::clone(&site);
                let service = service_fn(move |request| Arc::clone(&site).serve(request));
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        }
    }
}

/// The page's work: `takes`, measured from now. Tokio's timers round up to whole milliseconds, so the last of them is
/// passed by yielding: twenty pages of 50 ms take 1.00 s, not 1.02.
async fn spend(takes: Duration) {
    let end = Instant::now() + takes;
    sleep_until(end - TIMER_STEP.min(takes)).await;
    while Instant::now() < end {
        yield_now().await;
    }
}

fn plain(status: StatusCode, text: String) -> Answer {
    answer(status, "text/plain; charset=utf-8", text)
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, content_type)
        .header(CACHE_CONTROL, "private")
        .body(Full::from(body))
        .expect("all parts are valid")
}

/// The resolution of Tokio's timers, and of the wait for events below it.
const TIMER_STEP: Duration = Duration::from_millis(2);

/// The pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// More wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 2000;
