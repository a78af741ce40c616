//! Where a finding stands, as other programs want to know it.

use super::View;
use crate::text::{Loc, Position, Span, Unit, line_at};

/// A place in a file of the repository.
pub(super) struct Place<'v> {
    /// The file's name, with `/` between the parts.
    pub(super) file: &'v str,
    /// Its start and its end, the latter excluded, on one line; `None` where only the file is known.
    pub(super) region: Option<(Position, Position)>,
}

impl View<'_> {
    /// A place, with columns in this unit. Of several lines the first one speaks for all: whoever reviews a change sees
    /// a finding only where all its lines are part of the change.
    pub(super) fn place(&self, loc: Loc, unit: Unit) -> Place<'_> {
        let at = self.loc(loc).span;
        let text = self.text(loc.file);
        let line = line_at(text, at.start as usize);
        let end = at.end.min(line.end).max(at.start);
        let lines = self.lines(loc.file);
        let position = |at: u32| lines.index.position_in(unit, text, at);
        Place { file: self.name(loc.file), region: Some((position(at.start), position(end))) }
    }

    /// Where a span of the text before the run starts and ends, over any number of lines.
    pub(super) fn region_before(&self, loc: Loc, unit: Unit) -> (Position, Position) {
        debug_assert!(!self.written, "what is written has another text");
        let (lines, text) = (self.lines(loc.file), self.text(loc.file));
        let Span { start, end } = loc.span;
        (lines.index.position_in(unit, text, start), lines.index.position_in(unit, text, end))
    }
}
