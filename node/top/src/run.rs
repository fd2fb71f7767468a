//! The terminal: keys in, the screen out, and a round of questions now and then.

use std::io;
use std::pin::pin;
use std::time::Duration;

use pga_client::{ReadError, Reader};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event;

use crate::draw::draw;
use crate::gather::Gatherer;
use crate::keys;
use crate::model::{Model, Wish};

/// Between two looks at the keyboard.
const LOOK: Duration = Duration::from_millis(50);
/// Between two drawings when nothing happens: the ages go on.
const DRAW: Duration = Duration::from_millis(500);

/// What is shown, and how often it is asked for.
#[derive(Clone, Debug)]
pub struct TopOptions {
    /// Between two rounds of questions.
    pub interval: Duration,
    /// The server to begin with, by name or number; the cluster without it.
    pub server: Option<String>,
}

/// Why there is no screen (any more).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TopError {
    /// The first questions were not answered. Later ones may fail: the screen says so.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No server has that name or number.
    #[error("there is no server {name:?}: known are {known}")]
    NoServer {
        /// What was asked for.
        name: String,
        /// Names of servers.
        known: String,
    },
    /// The terminal cannot be used.
    #[error("cannot use the terminal")]
    Terminal(#[from] io::Error),
}

/// Shows the cluster until somebody presses `q`, or `stop` resolves.
///
/// # Errors
/// [`TopError`]; the terminal is as before then.
pub async fn run(
    reader: Reader,
    options: &TopOptions,
    stop: impl Future<Output = ()>,
) -> Result<(), TopError> {
    let (mut gatherer, mut model) = begin(reader, options).await?;
    let mut terminal = ratatui::try_init()?;
    let outcome = tokio::select! {
        outcome = turns(&mut gatherer, &mut model, &mut terminal) => outcome,
        () = stop => Ok(()),
    };
    ratatui::try_restore()?;
    Ok(outcome?)
}

/// The screen once, as text of at most so many columns and lines: for where there is no terminal.
///
/// # Errors
/// [`TopError::Read`] and [`TopError::NoServer`].
pub async fn once(
    reader: Reader,
    options: &TopOptions,
    (columns, lines): (u16, u16),
) -> Result<String, TopError> {
    let (_, model) = begin(reader, options).await?;
    let text = crate::text::text(&model, columns, lines);
    let mut lines: Vec<&str> = text.lines().collect();
    // The line of keys.
    lines.pop();
    lines.dedup_by(|line, before| line.is_empty() && before.is_empty());
    Ok(lines.join("\n"))
}

/// The first round, and that of the server to begin with.
async fn begin(reader: Reader, options: &TopOptions) -> Result<(Gatherer, Model), TopError> {
    let mut gatherer = Gatherer::new(reader);
    let mut model = Model {
        interval_seconds: options.interval.as_secs_f64(),
        ..Model::default()
    };
    round(&mut gatherer, &mut model).await?;
    if let Some(name) = &options.server {
        if !model.look_at(name) {
            let known = model.snapshot.servers.iter().take(20);
            let known: Vec<&str> = known.map(|server| &server.name[..]).collect();
            return Err(TopError::NoServer {
                name: name.clone(),
                known: known.join(", "),
            });
        }
        round(&mut gatherer, &mut model).await?;
    }
    Ok((gatherer, model))
}

async fn round(gatherer: &mut Gatherer, model: &mut Model) -> Result<(), ReadError> {
    let wish = model.wish();
    let known = model.snapshot.clone();
    let snapshot = gatherer.round(&wish, unix_seconds(), known).await?;
    model.take(&wish, Ok(snapshot), unix_seconds());
    Ok(())
}

/// Asks, and waits, until somebody quits.
async fn turns(
    gatherer: &mut Gatherer,
    model: &mut Model,
    terminal: &mut DefaultTerminal,
) -> io::Result<()> {
    let mut wish = model.wish();
    terminal.draw(|frame| draw(model, frame))?;
    loop {
        // Pauses the questions, not the keys.
        let begun = pga_runtime::now();
        while model.wish() == wish
            && (model.is_paused || begun.elapsed().as_secs_f64() < model.interval_seconds)
        {
            if !look(model, terminal).await? {
                return Ok(());
            }
        }
        if model.asked.1 != wish.asked.1 {
            gatherer.reader.next_node();
        }
        wish = model.wish();
        if !ask(gatherer, model, terminal, &wish).await? {
            return Ok(());
        }
    }
}

/// One round; another wish ends it early. False if somebody quits meanwhile.
async fn ask(
    gatherer: &mut Gatherer,
    model: &mut Model,
    terminal: &mut DefaultTerminal,
    wish: &Wish,
) -> io::Result<bool> {
    let known = model.snapshot.clone();
    let mut asking = pin!(gatherer.round(wish, unix_seconds(), known));
    loop {
        tokio::select! {
            outcome = &mut asking => {
                let outcome = outcome.map_err(|error| pga_runtime::error_chain(&error));
                model.take(wish, outcome, unix_seconds());
                return Ok(true);
            }
            goes_on = look(model, terminal) => match goes_on? {
                false => return Ok(false),
                true if model.wish() != *wish => return Ok(true),
                true => {}
            }
        }
    }
}

/// Obeys the keys of the next moment, and draws. False if somebody quits.
async fn look(model: &mut Model, terminal: &mut DefaultTerminal) -> io::Result<bool> {
    let begun = pga_runtime::now();
    loop {
        let mut has_changed = false;
        while event::poll(Duration::ZERO)? {
            let event = event::read()?;
            has_changed = true;
            if let Some(command) = keys::command(&event)
                && !model.obey(command)
            {
                return Ok(false);
            }
        }
        if has_changed || begun.elapsed() >= DRAW {
            model.now = unix_seconds();
            terminal.draw(|frame| draw(model, frame))?;
            return Ok(true);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn unix_seconds() -> f64 {
    pga_runtime::unix_time().as_secs_f64()
}
