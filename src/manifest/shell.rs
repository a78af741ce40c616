//! Commands of a shell script, as far as rules must know them: which program, which words, and where they stand.

use std::borrow::Cow;
use std::ops::Range;

use super::container::Container;
use super::field::Field;

/// Shells whose `-c` takes a script.
const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "zsh", "ksh", "busybox"];

/// Programs and keywords that stand in front of the program that is run.
const PREFIXES: &[&str] = &[
    "if", "then", "elif", "else", "do", "while", "until", "!", "{", "time", "exec", "nohup", "setsid", "command", "env",
];

/// Programs that run another one for its user: one word comes between.
const USER_PREFIXES: &[&str] = &["su-exec", "gosu"];

/// Programs that run another one as the container's first process; they may have options.
const INIT_PREFIXES: &[&str] = &["tini", "dumb-init", "catatonit"];

/// A word of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word<'t> {
    /// Its bytes in the script, quotes included.
    pub range: Range<usize>,
    /// Its text without quotes; variables stay as they are written.
    pub text: Cow<'t, str>,
}

/// A simple command: words up to `;`, `|`, `&` or the line's end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command<'t> {
    /// Its words, without redirections.
    pub words: Vec<Word<'t>>,
    /// The end of the last word in front of the first redirection: further words can stand there.
    pub end: usize,
}

impl<'t> Command<'t> {
    /// The program and its arguments: without assignments, keywords and programs that only run it.
    pub fn program(&self) -> &[Word<'t>] {
        let texts: Vec<&str> = self.words.iter().map(|word| &*word.text).collect();
        &self.words[program(&texts)..]
    }

    /// True when the program takes the shell's place, so that nothing behind it is run.
    pub fn replaces_shell(&self) -> bool {
        let program = self.words.len() - self.program().len();
        self.words[..program].iter().any(|word| word.text == "exec")
    }
}

/// The last part of a path.
pub fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The index of the program that a command line runs in the end; its length where there is none.
pub fn program(words: &[&str]) -> usize {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let name = base_name(word);
        if USER_PREFIXES.contains(&name) && words.len() > at + 2 {
            at += 2;
        } else if INIT_PREFIXES.contains(&name) {
            at += 1 + words[at + 1..].iter().take_while(|word| word.starts_with('-')).count();
        } else if PREFIXES.contains(&name) || is_assignment(word) {
            at += 1;
        } else {
            break;
        }
    }
    at.min(words.len())
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

impl<'a> Container<'a> {
    /// The script that a shell is given to run, where the container starts one with `-c`.
    pub fn script(self) -> Option<Field<'a>> {
        let words: Vec<Field<'a>> = self.command().chain(self.args()).collect();
        let texts: Vec<&str> = words.iter().map(|word| word.text().unwrap_or_default()).collect();
        let shell = program(&texts);
        let name = base_name(texts.get(shell)?);
        if !SHELLS.contains(&name) {
            return None;
        }
        let applet = usize::from(name == "busybox");
        let mut options = texts.iter().enumerate().skip(shell + 1 + applet);
        let (flag, _) = options
            .by_ref()
            .take_while(|(_, word)| word.starts_with(['-', '+']))
            .find(|(_, word)| word.starts_with('-') && !word.starts_with("--") && word.contains('c'))?;
        // Between `-c` and the script there may be further options.
        let script = (flag + 1..words.len()).find(|i| !texts[*i].starts_with('-'))?;
        words.get(script).copied()
    }
}

/// The simple commands of a script, first to last; `None` for what is not understood: open quotes, here-documents.
pub fn commands(script: &str) -> Option<Vec<Command<'_>>> {
    let mut reader = Reader { script, at: 0, commands: Vec::new(), command: Command::default(), redirected: false };
    reader.read()?;
    Some(reader.commands)
}

struct Reader<'t> {
    script: &'t str,
    at: usize,
    commands: Vec<Command<'t>>,
    command: Command<'t>,
    redirected: bool,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.script[self.at..]
    }

    fn read(&mut self) -> Option<()> {
        while let Some(c) = self.rest().chars().next() {
            match c {
                _ if self.rest().starts_with("\\\n") => self.at += 2,
                '\n' | ';' | '&' | '|' | '(' | ')' => {
                    self.at += 1;
                    self.end_command();
                }
                '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                '<' | '>' => self.redirection()?,
                c if c.is_whitespace() => self.at += c.len_utf8(),
                _ => {
                    let word = self.word()?;
                    let is_descriptor =
                        self.rest().starts_with(['<', '>']) && word.text.bytes().all(|b| b.is_ascii_digit());
                    if !is_descriptor {
                        if !self.redirected {
                            self.command.end = word.range.end;
                        }
                        self.command.words.push(word);
                    }
                }
            }
        }
        self.end_command();
        Some(())
    }

    fn end_command(&mut self) {
        self.redirected = false;
        let command = std::mem::take(&mut self.command);
        if !command.words.is_empty() {
            self.commands.push(command);
        }
    }

    /// Passes an operator such as `>>` or `2>&1` and the word behind it.
    fn redirection(&mut self) -> Option<()> {
        if self.rest().starts_with("<<") {
            return None;
        }
        self.redirected = true;
        let operator = self.rest().len() - self.rest().trim_start_matches(['<', '>', '&', '|']).len();
        self.at += operator;
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        self.word().map(|_| ())
    }

    fn word(&mut self) -> Option<Word<'t>> {
        let start = self.at;
        let mut text = String::new();
        while let Some(c) = self.rest().chars().next() {
            match c {
                '\'' => {
                    let length = self.rest()[1..].find('\'')?;
                    text.push_str(&self.rest()[1..1 + length]);
                    self.at += length + 2;
                }
                '"' => self.double_quoted(&mut text)?,
                '\\' => {
                    let next = self.rest()[1..].chars().next()?;
                    if next != '\n' {
                        text.push(next);
                    }
                    self.at += 1 + next.len_utf8();
                }
                '$' | '`' => self.expansion(&mut text)?,
                ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                c if c.is_whitespace() => break,
                c => {
                    text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        let range = start..self.at;
        let written = &self.script[range.clone()];
        let text = if written == text { Cow::Borrowed(written) } else { Cow::Owned(text) };
        (!range.is_empty()).then_some(Word { range, text })
    }

    fn double_quoted(&mut self, text: &mut String) -> Option<()> {
        self.at += 1;
        loop {
            match self.rest().chars().next()? {
                '"' => {
                    self.at += 1;
                    return Some(());
                }
                '\\' => {
                    let next = self.rest()[1..].chars().next()?;
                    text.push(next);
                    self.at += 1 + next.len_utf8();
                }
                '$' | '`' => self.expansion(text)?,
                c => {
                    text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
    }

    /// Passes a variable, `$(...)` or backticks as they are written.
    fn expansion(&mut self, text: &mut String) -> Option<()> {
        let rest = self.rest();
        let length = if rest.starts_with('`') {
            rest[1..].find('`')? + 2
        } else if rest.starts_with("${") {
            rest.find('}')? + 1
        } else if rest.starts_with("$(") {
            let mut depth = 0_usize;
            let close = rest.char_indices().skip(1).find(|(_, c)| {
                match c {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            close?.0 + 1
        } else {
            1
        };
        text.push_str(&rest[..length]);
        self.at += length;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<Vec<String>> {
        let texts = |command: &Command<'_>| command.words.iter().map(|word| word.text.to_string()).collect();
        commands(script).expect("understood").iter().map(texts).collect()
    }

    #[test]
    fn words_are_those_of_the_shell() {
        assert_eq!(
            words("set -e; exec a -c \"x y\" 'z' > /log 2>&1 &"),
            [vec!["set", "-e"], vec!["exec", "a", "-c", "x y", "z"]]
        );
        assert_eq!(words("a \\\n  b # c\nd"), [vec!["a", "b"], vec!["d"]]);
        assert_eq!(words("x=$(cat f | wc -l) run \"$@\""), [["x=$(cat f | wc -l)", "run", "$@"]]);
        assert!(commands("cat <<EOF\nx\nEOF\n").is_none());
        assert!(commands("echo 'open").is_none());
    }

    #[test]
    fn the_program_is_behind_what_runs_it() {
        let script = "A=1 exec su-exec app /usr/bin/serve -p 80 > log";
        let commands = commands(script).expect("understood");
        assert_eq!(commands[0].program()[0].text, "/usr/bin/serve");
        assert!(commands[0].replaces_shell());
        assert_eq!(&script[..commands[0].end], "A=1 exec su-exec app /usr/bin/serve -p 80");
        assert_eq!(program(&["/tini", "-g", "--", "serve"]), 3);
    }
}
