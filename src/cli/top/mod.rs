//! `onelane top`: the lanes of a running Onelane in a terminal.
//!
//! Guarantees: the terminal is given back as it was, also when the other end goes away; without a terminal one frame is
//! printed, without colours. Does not do: change anything.

mod frame;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, queue};
use http::Uri;

use super::admin::{Admin, Secret};
use super::ask::ask;
use crate::admin::state::State;
use frame::{Colours, Size, frame};

/// What `top` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    admin: Admin,
    /// The URL of the admin listener, instead; without both: http://127.0.0.1:9180
    #[arg(long)]
    url: Option<Uri>,
    /// Print once and end
    #[arg(long)]
    once: bool,
}

/// The terminal while it is ours; dropping it gives it back.
struct Screen;

/// Shows the lanes until `q`, or once; gives 0, 1 when nobody answers, or 64 when the arguments or the configuration
/// are wrong.
pub(super) fn top(arguments: &Arguments) -> ExitCode {
    let url = arguments.url.as_ref().map(of_state).transpose();
    let Ok(url) = url else {
        super::complain("the URL of the admin listener is like http://127.0.0.1:9180");
        return ExitCode::from(super::WRONG_INPUT);
    };
    let (url, token) = match arguments.admin.find(url.as_ref(), STATE) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let look = || look(&url, token.as_ref());
    let first = match look() {
        Ok(first) => first,
        Err(problem) => {
            super::complain(&problem);
            return ExitCode::FAILURE;
        }
    };
    if arguments.once || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        super::say(frame(&first, Size::ANY, Colours::Off).trim_end());
        return ExitCode::SUCCESS;
    }
    match show(first, look) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            super::complain(&format!("the terminal cannot be used: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The URL of the state, at the same host.
fn of_state(url: &Uri) -> Result<Uri, http::Error> {
    let builder = Uri::builder().scheme("http").path_and_query(STATE);
    let authority = url.authority().map_or("", |authority| authority.as_str());
    if url.scheme_str() == Some("https") {
        return Ok(url.clone()); // refused where it is asked
    }
    builder.authority(authority).build()
}

/// Asks for the state.
fn look(url: &Uri, token: Option<&Secret>) -> Result<State, String> {
    let answer = ask(url, token).map_err(|error| error.to_string())?;
    if answer.wants_token() {
        return Err(format!(
            "{url} wants a token: give it by --token or ONELANE_ADMIN_TOKEN"
        ));
    }
    if !answer.is_ok() {
        return Err(format!("{url} has no lanes: {}", answer.status_line));
    }
    serde_json::from_str(&answer.body)
        .map_err(|error| format!("{url} answers something else than lanes: {error}"))
}

/// Shows frames until `q`.
fn show(mut state: State, look: impl Fn() -> Result<State, String>) -> io::Result<()> {
    let _screen = Screen::take()?;
    let mut problem = None;
    loop {
        let (width, height) = terminal::size()?;
        let size = Size {
            width: usize::from(width),
            height: usize::from(height),
        };
        let mut text = frame(&state, size, Colours::On);
        if let Some(problem) = &problem {
            text = format!("{problem}\n{text}");
        }
        draw(&text, size)?;
        if quits(EVERY)? {
            return Ok(());
        }
        match look() {
            Ok(new) => {
                state = new;
                problem = None;
            }
            Err(what) => problem = Some(what), // the last frame stays, and says so
        }
    }
}

fn draw(text: &str, size: Size) -> io::Result<()> {
    let mut out = io::stdout().lock();
    queue!(out, cursor::MoveTo(0, 0))?;
    for line in text.lines().take(size.height) {
        queue!(out, Clear(ClearType::CurrentLine))?;
        write!(out, "{line}\r\n")?;
    }
    queue!(out, Clear(ClearType::FromCursorDown))?;
    out.flush()
}

/// Whether the person has had enough, within this time.
fn quits(time: Duration) -> io::Result<bool> {
    let end = Instant::now() + time;
    while let left = end.saturating_duration_since(Instant::now())
        && event::poll(left)?
    {
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                let interrupt = key.modifiers.contains(KeyModifiers::CONTROL);
                match key.code {
                    KeyCode::Char('q' | 'Q') | KeyCode::Esc => return Ok(true),
                    KeyCode::Char('c') if interrupt => return Ok(true),
                    _ => {}
                }
            }
            Event::Resize(..) => return Ok(false),
            _ => {}
        }
    }
    Ok(false)
}

impl Screen {
    fn take() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let screen = Self; // from here on it is given back
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(execute!(io::stdout(), cursor::Show, LeaveAlternateScreen));
        drop(terminal::disable_raw_mode());
    }
}

/// What is asked for.
const STATE: &str = "/api/v1/state?lanes=50";

/// From frame to frame.
const EVERY: Duration = Duration::from_secs(1);
