//! Where a finding stands, with a start and an end, in the columns that a format counts.

use std::borrow::Cow;

use super::View;
use crate::text::{Loc, Position, Span, Unit};

/// A place in a file of the repository.
pub(super) struct Spot<'v> {
    /// The file's name, with `/` between the parts.
    pub(super) file: Cow<'v, str>,
    /// Its start and its end, the latter excluded, on one line; `None` where only a stream says which file it is.
    pub(super) region: Option<(Position, Position)>,
}

impl Spot<'_> {
    /// The region; for formats that want one, a file stands for itself by its start.
    pub(super) fn region_or_start(&self) -> (Position, Position) {
        let start = Position { line: 1, column: 1 };
        self.region.unwrap_or((start, start))
    }
}

impl View<'_> {
    /// A place, with columns in this unit. Of several lines the first one speaks for all: whoever reviews a change sees
    /// a finding only where all its lines are part of the change.
    pub(super) fn spot(&self, loc: Loc, unit: Unit) -> Spot<'_> {
        let place = self.place(loc);
        let is_known = place.line().is_some();
        let at = self.loc(loc).span;
        let text = self.text(loc.file);
        let lines = self.lines(loc.file);
        let end = at.end.min(lines.index.line_span(text, at.start).end).max(at.start);
        let position = |at: u32| lines.index.position_in(unit, text, at);
        Spot { file: place.file, region: is_known.then(|| (position(at.start), position(end))) }
    }

    /// Where a span of the text before the run starts and ends, over any number of lines.
    pub(super) fn region_before(&self, loc: Loc, unit: Unit) -> (Position, Position) {
        debug_assert!(!self.written, "what is written has another text");
        let (lines, text) = (self.lines(loc.file), self.text(loc.file));
        let Span { start, end } = loc.span;
        (lines.index.position_in(unit, text, start), lines.index.position_in(unit, text, end))
    }
}
