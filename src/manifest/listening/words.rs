//! Settings in command lines: flags, assignments, and shell text inside one word.

use std::ops::Range;

/// A setting: a name with the stretch of text that is its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) struct Setting<'a> {
    /// The name as it stands, dashes included; "" for a bare word.
    pub(in crate::manifest) name: &'a str,
    /// Which of the texts holds the value.
    pub(in crate::manifest) text: usize,
    /// The value in that text.
    pub(in crate::manifest) value: Range<usize>,
}

/// A word of a command line, without quotes of the shell.
struct Word<'a> {
    text: usize,
    start: usize,
    word: &'a str,
}

/// The settings of a command line that is given as a list of texts, each with one or more words.
pub(in crate::manifest) fn settings<'a>(texts: &[&'a str]) -> Vec<Setting<'a>> {
    let words: Vec<Word<'a>> = texts.iter().enumerate().flat_map(|(i, text)| split(i, text)).collect();
    let mut settings = Vec::new();
    let mut flag: Option<&'a str> = None;
    for word in &words {
        let end = word.start + word.word.len();
        let value = |from: usize| word.start + from..end;
        let name = flag.take();
        if let Some((key, _)) = word.word.split_once('=').filter(|(key, _)| is_name(key)) {
            // `-Dserver.port=1`, `--port=1`, `PORT=1`, `--set server.port=1`.
            let name = key.strip_prefix("-D").unwrap_or(key);
            settings.push(Setting { name, text: word.text, value: value(key.len() + 1) });
        } else if word.word.starts_with('-')
            && word.word.len() > 1
            && !word.word[1..].starts_with(|c: char| c.is_ascii_digit())
        {
            flag = Some(word.word);
        } else {
            settings.push(Setting { name: name.unwrap_or_default(), text: word.text, value: value(0) });
        }
    }
    settings
}

fn is_name(key: &str) -> bool {
    let name = key.trim_start_matches('-');
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn split(text: usize, line: &str) -> Vec<Word<'_>> {
    let is_edge = |c: char| c.is_whitespace() || ";&|()<>\"'`\\".contains(c);
    let mut words = Vec::new();
    let mut start = None;
    for (i, c) in line.char_indices() {
        // `$(NAME)` is a variable, no sub-shell.
        let edge = is_edge(c) && !(c == '(' && line[..i].ends_with('$')) && !(c == ')' && is_variable(&line[..i]));
        match (edge, start) {
            (false, None) => start = Some(i),
            (true, Some(from)) => {
                words.push(Word { text, start: from, word: &line[from..i] });
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        words.push(Word { text, start: from, word: &line[from..] });
    }
    words
}

fn is_variable(before: &str) -> bool {
    let name = before.rsplit("$(").next().unwrap_or_default();
    name.len() < before.len() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(texts: &[&'a str]) -> Vec<(&'a str, &'a str)> {
        settings(texts).into_iter().map(|setting| (setting.name, &texts[setting.text][setting.value])).collect()
    }

    #[test]
    fn command_lines_have_settings() {
        assert_eq!(
            of(&["serve", "--port", "1", "-v", "--bind=:2"]),
            [("", "serve"), ("--port", "1"), ("--bind", ":2")]
        );
        assert_eq!(
            of(&["-c", "exec app -port 15000 \"--admin=:1\" && PORT=3 x"]),
            [("-c", "exec"), ("", "app"), ("-port", "15000"), ("--admin", ":1"), ("PORT", "3"), ("", "x"),]
        );
        assert_eq!(of(&["-Dserver.port=1 --listen $(POD_IP):2"]), [("server.port", "1"), ("--listen", "$(POD_IP):2")]);
    }
}
