//! The results of a run: each `--format`, with the file that the `-o` behind it names.

use std::path::PathBuf;

use clap::{ArgMatches, Args, ValueEnum};

/// Formats of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Diff and findings for people
    Text,
    /// The report as JSON
    Json,
    /// SARIF 2.1.0, for code scanning and editors
    Sarif,
    /// Annotations of GitHub Actions, and the job's summary
    Github,
    /// Code quality of GitLab
    Gitlab,
    /// Test results in XML, for nearly every CI
    Junit,
    /// Comments and suggestions for reviewdog
    Rdjson,
    /// A page for comments on pull requests
    Markdown,
}

/// One result: a format, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The format.
    pub format: Format,
    /// The file; standard output without one.
    pub file: Option<PathBuf>,
}

/// The results of a run.
#[derive(Debug, Clone, Default, Args)]
pub struct Outputs {
    /// How to print the result [default: text]; may be given several times, each with an `-o` of its own
    #[arg(long, value_name = "FORMAT", hide_default_value = true)]
    format: Vec<Format>,
    /// Print the result of the `--format` in front of it to this file
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Vec<PathBuf>,
    /// What the two say together.
    #[clap(skip)]
    pub all: Vec<Output>,
}

impl Outputs {
    /// Gives each file its format: the one in front of it. One format and one file belong together in any order.
    ///
    /// # Errors
    /// Two files for one format, two formats for standard output, or one file twice.
    pub(super) fn pair(&mut self, matches: &ArgMatches) -> Result<(), String> {
        let places = |id: &str| matches.indices_of(id).into_iter().flatten().collect::<Vec<_>>();
        let mut all: Vec<(usize, Output)> = places("format")
            .into_iter()
            .zip(&self.format)
            .map(|(at, format)| (at, Output { format: *format, file: None }))
            .collect();
        if all.is_empty() && !self.output.is_empty() {
            all.push((0, Output { format: Format::Text, file: None }));
        }
        let is_one = all.len() == 1;
        for (at, file) in places("output").into_iter().zip(&self.output) {
            let name = file.display();
            if all.iter().any(|(_, output)| output.file.as_ref() == Some(file)) {
                return Err(format!("`-o {name}` stands twice, and one result would replace the other"));
            }
            match all.iter_mut().rfind(|(place, _)| is_one || *place < at).map(|(_, output)| &mut output.file) {
                Some(have @ None) => *have = Some(file.clone()),
                Some(Some(have)) => {
                    let have = have.display();
                    return Err(format!("`-o {have}` and `-o {name}` stand behind one `--format`; give each its own"));
                }
                None => return Err(format!("`-o {name}` stands in front of all formats; write it behind its own")),
            }
        }
        let free: Vec<&Output> = all.iter().map(|(_, output)| output).filter(|output| output.file.is_none()).collect();
        if let [_, second, ..] = free.as_slice() {
            let name = second.format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            return Err(format!(
                "only one format can go to standard output; give the others files, as in `--format {name} -o FILE`"
            ));
        }
        self.all = all.into_iter().map(|(_, output)| output).collect();
        Ok(())
    }

    /// The format that goes to standard output; `None` where all go to files.
    pub fn printed(&self) -> Option<Format> {
        if self.all.is_empty() {
            return Some(Format::Text);
        }
        self.all.iter().find(|output| output.file.is_none()).map(|output| output.format)
    }

    /// The results that go to files.
    pub fn files(&self) -> impl Iterator<Item = (&PathBuf, Format)> {
        self.all.iter().filter_map(|output| Some((output.file.as_ref()?, output.format)))
    }
}
