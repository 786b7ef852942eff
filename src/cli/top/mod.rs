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

use super::admin::Admin;
use crate::admin::state::State;
use frame::{Colours, Size, frame};

/// What `top` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    admin: Admin,
    /// Print once and end
    #[arg(long)]
    once: bool,
}

/// The terminal while it is ours; dropping it gives it back.
struct Screen;

/// Shows the lanes until `q`, or once; gives 0, 1 when nobody answers, or 64 when the arguments or the configuration
/// are wrong.
pub(super) fn top(arguments: &Arguments) -> ExitCode {
    let question = match arguments.admin.question("lanes", STATE) {
        Ok(question) => question,
        Err(code) => return code,
    };
    let look = || question.ask::<State>();
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
