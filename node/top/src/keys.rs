//! Which key does what.

use ratatui::crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};

use crate::model::Command;

/// What an event of the terminal asks for.
pub(crate) fn command(event: &Event) -> Option<Command> {
    let key = event.as_key_event()?;
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Command::Quit);
    }
    Some(match key.code {
        KeyCode::Char('q') => Command::Quit,
        KeyCode::Char('?') => Command::Help,
        KeyCode::Char('p' | ' ') => Command::Pause,
        KeyCode::Char('r') => Command::Refresh,
        KeyCode::Char('n') => Command::NextNode,
        KeyCode::Char('s') => Command::Sort,
        KeyCode::Char('w') => Command::Window,
        KeyCode::Char('+' | '=') => Command::Faster,
        KeyCode::Char('-') => Command::Slower,
        KeyCode::Up | KeyCode::Char('k') => Command::Up,
        KeyCode::Down | KeyCode::Char('j') => Command::Down,
        KeyCode::Left | KeyCode::Char('h') => Command::Previous,
        KeyCode::Right | KeyCode::Char('l') => Command::Next,
        KeyCode::Enter => Command::Open,
        KeyCode::Esc | KeyCode::Backspace => Command::Back,
        _ => return None,
    })
}
