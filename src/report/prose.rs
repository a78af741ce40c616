//! A rule's page on a terminal: the same Markdown, in lines that fit.

use super::escape::visible;
use super::text::{Layout, Paint, painted, wrap};

/// Longer lines are hard to read, however wide the terminal is.
const WIDEST: usize = 100;

/// The page as a terminal shows it; a pipe gets it as it is.
pub fn shown(page: &str, layout: Layout) -> String {
    if layout.width.is_none() && layout.paint.is_none() {
        return page.to_owned();
    }
    let layout = Layout { width: layout.width.map(|width| width.min(WIDEST)), ..layout };
    let mut out = String::new();
    let mut paragraph = Paragraph::default();
    let mut is_code = false;
    for line in page.lines() {
        let is_fence = line.trim_start().starts_with("```");
        if is_code || is_fence || line.trim().is_empty() || line.starts_with('#') {
            paragraph.end(&mut out, layout);
            let style = layout.paint.and_then(|paint| style(line, is_code, paint));
            out.push_str(&painted(&visible(line), style));
            out.push('\n');
            is_code ^= is_fence;
        } else if layout.width.is_none() || is_item(line) {
            paragraph.end(&mut out, layout);
            paragraph.add(line);
        } else {
            paragraph.add(line);
        }
    }
    paragraph.end(&mut out, layout);
    out
}

/// Headings are bold; a diff has its colours.
fn style(line: &str, is_code: bool, paint: Paint) -> Option<(&'static str, &'static str)> {
    match line.chars().next() {
        Some('#') if !is_code => Some(paint.bold()),
        Some('-') if is_code => Some(paint.red()),
        Some('+') if is_code => Some(paint.green()),
        Some('@') if is_code => Some(paint.cyan()),
        _ => None,
    }
}

/// True for the first line of a list's item.
fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with("- ") || line.starts_with("* ") || number.len() < line.len() && number.starts_with(". ")
}

/// Lines that are one to the reader.
#[derive(Default)]
struct Paragraph {
    text: String,
    /// Blanks in front of the first line.
    lead: usize,
    /// Blanks in front of the others.
    indent: usize,
}

impl Paragraph {
    fn add(&mut self, line: &str) {
        let text = line.trim();
        if self.text.is_empty() {
            self.lead = line.len() - line.trim_start().len();
            let mark = if is_item(line) { text.find(' ').map_or(0, |at| at + 1) } else { 0 };
            self.indent = self.lead + mark;
        } else {
            self.text.push(' ');
        }
        self.text.push_str(text);
    }

    fn end(&mut self, out: &mut String, layout: Layout) {
        let text = std::mem::take(&mut self.text);
        let mut words = text.splitn(2, ' ');
        let Some(first) = words.next().filter(|first| !first.is_empty()) else { return };
        let first = visible(first);
        out.push_str(&format!("{:lead$}{first}", "", lead = self.lead));
        match words.next() {
            Some(rest) => wrap(out, self.lead + first.chars().count(), rest, self.indent, layout),
            None => out.push('\n'),
        }
    }
}
