//! The pages of the application: what each does to its session, and how long it takes.

use std::time::Duration;

use http::Uri;

/// A page of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::demo) enum Page {
    /// `/browse`: what another user looks at; quick.
    Browse,
    /// `/`: for people, with links and the visitor's counter.
    Index,
    /// `/report?ms=20`: reads the session.
    Report,
    /// `/slow?ms=50`: writes to the session.
    Slow,
    /// `/static.css`: a file.
    Style,
}

/// `EnableSessionState` of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionState {
    /// Without a session: takes no worker, since IIS serves files itself.
    Off,
    /// Waits for writers and locks nothing.
    ReadOnly,
    /// Locks the session; ASP.NET's default.
    ReadWrite,
}

/// One request, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    pub(super) page: Page,
    /// How long the page takes, from when it has its session.
    pub(super) takes: Duration,
}

/// Why a request is for no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPage {
    /// `ms` is not a number, or longer than [`LONGEST`].
    BadDuration,
    /// There is no such page.
    NotFound,
}

impl Page {
    pub(super) const COUNT: usize = 5;

    pub(super) fn session_state(self) -> SessionState {
        match self {
            Self::Browse | Self::Index | Self::Slow => SessionState::ReadWrite,
            Self::Report => SessionState::ReadOnly,
            Self::Style => SessionState::Off,
        }
    }

    fn usually_takes(self) -> Duration {
        Duration::from_millis(match self {
            Self::Browse | Self::Index => 5,
            Self::Report => 20,
            Self::Slow => 50,
            Self::Style => 0,
        })
    }
}

impl Visit {
    pub(super) fn parse(uri: &Uri) -> Result<Self, NoPage> {
        let page = match uri.path() {
            "/" => Page::Index,
            "/browse" => Page::Browse,
            "/report" => Page::Report,
            "/slow" => Page::Slow,
            "/static.css" => Page::Style,
            _ => return Err(NoPage::NotFound),
        };
        let asked = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .find_map(|pair| pair.strip_prefix("ms="));
        let takes = match asked {
            None => page.usually_takes(),
            Some(milliseconds) => milliseconds
                .parse()
                .map(Duration::from_millis)
                .map_err(|_| NoPage::BadDuration)?,
        };
        if takes > LONGEST {
            return Err(NoPage::BadDuration);
        }
        Ok(Self { page, takes })
    }
}

/// The index page for people: the visitor's counter, links, and a button that sends a burst.
pub(super) fn index_html(visits: u64, gets: u64, requests: u64) -> String {
    INDEX
        .replace("{visits}", &visits.to_string())
        .replace("{gets}", &gets.to_string())
        .replace("{requests}", &requests.to_string())
}

/// What `/static.css` holds.
pub(super) const STYLE: &str = "body { font: 16px/1.5 system-ui, sans-serif; max-width: 44em; margin: 3em auto; padding: 0 1em }\n\
    button { font: inherit; padding: .3em 1em } pre { background: #f4f4f4; padding: 1em; min-height: 6em }\n";

/// The longest page.
const LONGEST: Duration = Duration::from_secs(10);

/// A browser opens six connections to a site at most, so six of the twenty requests are under way at a time.
const INDEX: &str = r#"<!doctype html>
<html lang="en"><meta charset="utf-8"><title>A legacy application</title>
<link rel="stylesheet" href="/static.css">
<h1>A legacy application</h1>
<p>You have changed your session <b>{visits}</b> times. All visitors: <b>{requests}</b> requests, <b>{gets}</b> store calls to read sessions.</p>
<p>It locks your session for the whole of each request, as ASP.NET does; a request that finds it locked asks the
session store every 500 ms. Open this page straight and through Onelane, and press the button on both.</p>
<ul>
<li><a href="/slow?ms=2000">/slow?ms=2000</a> writes to the session for two seconds; meanwhile open
<li><a href="/report">/report</a>, which reads it, and
<li><a href="/browse">/browse</a>, which writes to it for 5 ms
</ul>
<button>Send 20 writes of 50 ms</button>
<pre></pre>
<script>
const out = document.querySelector('pre');
document.querySelector('button').onclick = async ({ target: button }) => {
  button.disabled = true;
  const start = performance.now(), seconds = () => ((performance.now() - start) / 1000).toFixed(2) + ' s';
  let calls = 0, done = 0;
  await Promise.all([...Array(20).keys()].map(async n => {
    const answer = await fetch('/slow?ms=50&n=' + n, { cache: 'no-store' });
    calls += Number(answer.headers.get('x-store-calls')); done += 1;
    out.textContent = `${done} of 20 answered after ${seconds()}, ${calls} store calls (ideal: 1.00 s, 20 calls)`;
  }));
  button.disabled = false;
};
</script>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(uri: &str) -> Result<Visit, NoPage> {
        Visit::parse(&uri.parse().unwrap())
    }

    #[test]
    fn a_page_takes_as_long_as_it_is_asked_to() {
        let takes = |uri: &str| visit(uri).unwrap().takes.as_millis();
        assert_eq!(takes("/slow"), 50);
        assert_eq!(takes("/slow?n=3&ms=200"), 200);
        assert_eq!(takes("/report?ms=7"), 7);
    }

    #[test]
    fn what_is_no_page_is_said_to_be_none() {
        assert_eq!(visit("/other"), Err(NoPage::NotFound));
        for uri in [
            "/slow?ms=",
            "/slow?ms=x",
            "/slow?ms=-1",
            "/slow?ms=10001",
            "/slow?ms=99999999999999999999",
        ] {
            assert_eq!(visit(uri), Err(NoPage::BadDuration), "{uri}");
        }
    }
}
