//! The terminal, which is as it was when the program has ended, however it ends.

use std::io::{Stdout, Write, stdout};

use crossterm::style::{
    Attribute, Color, Print, ResetColor, SetAttribute, SetBackgroundColor, SetForegroundColor,
};
use crossterm::{cursor, execute, queue, terminal};

use super::cover::{Colour, Cover};
use super::view::{self, Line};

/// Shows a screen of its own, and hands out each key.
pub(crate) struct Terminal {
    out: Stdout,
    has_colours: bool,
    /// What is on it, so that only what changes is sent: it may be far away.
    drawn: Drawn,
}

#[derive(Default, PartialEq)]
struct Drawn {
    columns: usize,
    cover: Option<Cover>,
    lines: Vec<Line>,
}

impl Terminal {
    pub(crate) fn open() -> std::io::Result<Self> {
        let tells = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            tells(panic);
        }));
        terminal::enable_raw_mode()?;
        let terminal = Self { out: stdout(), has_colours: has_colours(), drawn: Drawn::default() };
        execute!(stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        Ok(terminal)
    }

    pub(crate) fn draw(&mut self, lines: Vec<Line>, cover: Option<&Cover>) -> std::io::Result<()> {
        let columns = usize::from(terminal::size().map_or(80, |(columns, _)| columns));
        let cover = cover.filter(|_| self.has_colours && columns >= WIDE).cloned();
        if (columns, &cover) != (self.drawn.columns, &self.drawn.cover) {
            queue!(self.out, terminal::Clear(terminal::ClearType::All))?;
            cover.iter().try_for_each(|cover| self.draw_cover(cover))?;
            self.drawn.lines.clear();
        }
        let left = if cover.is_some() { Cover::SIZE + 2 * MARGIN } else { MARGIN };
        for (at, line) in lines.iter().enumerate() {
            if self.drawn.lines.get(at) != Some(line) {
                queue!(self.out, place(left, at))?;
                let accent = cover.as_ref().map(Cover::accent);
                self.draw_line(line, columns.saturating_sub(left + 1), accent)?;
                queue!(self.out, terminal::Clear(terminal::ClearType::UntilNewLine))?;
            }
        }
        self.drawn = Drawn { columns, cover, lines };
        self.out.flush()
    }

    /// Two pixels above each other are the upper half of a letter and what is behind it.
    fn draw_cover(&mut self, cover: &Cover) -> std::io::Result<()> {
        for line in 0..Cover::SIZE / 2 {
            queue!(self.out, place(MARGIN, line))?;
            for (upper, lower) in cover.line(line) {
                let upper = SetForegroundColor(rgb(upper));
                queue!(self.out, upper, SetBackgroundColor(rgb(lower)), Print('▀'))?;
            }
            queue!(self.out, ResetColor)?;
        }
        Ok(())
    }

    fn draw_line(
        &mut self,
        line: &Line,
        columns: usize,
        accent: Option<Colour>,
    ) -> std::io::Result<()> {
        let (attribute, text) = match line {
            Line::Title(text) => (Attribute::Bold, text),
            Line::Plain(text) => (Attribute::Reset, text),
            Line::Faint(text) => (Attribute::Dim, text),
            Line::Bar { before, part, after } => {
                let width =
                    columns.saturating_sub(before.chars().count() + after.len() + 2).min(WIDEST);
                let (filled, rest) = view::bar(*part, width);
                queue!(self.out, Print(before), Print(' '))?;
                match accent {
                    Some(accent) => queue!(self.out, SetForegroundColor(rgb(accent)))?,
                    None => queue!(self.out, SetAttribute(Attribute::Bold))?,
                }
                queue!(self.out, Print(filled), ResetColor, SetAttribute(Attribute::Reset))?;
                return queue!(self.out, Print(rest), Print(' '), Print(after));
            }
        };
        let text = view::cut(text, columns);
        queue!(self.out, SetAttribute(attribute), Print(text), SetAttribute(Attribute::Reset))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Nothing more can be done where it fails.
fn restore() {
    let _ = terminal::disable_raw_mode();
    let _ = execute!(stdout(), cursor::Show, terminal::LeaveAlternateScreen);
}

/// There is no other way to know, and programs agree on this one. `NO_COLOR` says that the user
/// wants none.
fn has_colours() -> bool {
    let is_true = |value: &str| matches!(value, "truecolor" | "24bit");
    std::env::var("COLORTERM").is_ok_and(|value| is_true(&value))
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Below a line that stays free.
fn place(column: usize, line: usize) -> cursor::MoveTo {
    let at = |place: usize| u16::try_from(place).unwrap_or(u16::MAX);
    cursor::MoveTo(at(column), at(line + 1))
}

fn rgb([r, g, b]: Colour) -> Color {
    Color::Rgb { r, g, b }
}

/// Columns beside the cover and the text.
const MARGIN: usize = 2;
/// Narrower terminals have no room for a cover.
const WIDE: usize = 60;
const WIDEST: usize = 60;
