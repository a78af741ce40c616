//! Reads a stream from standard input, and writes the answer to standard output in one piece.

use std::io::{self, Read as _, Write as _};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::FileType;

use crate::manifest::{Kinds, SourceFile};

/// Largest stream that is read, in bytes: offsets are 32 bits wide.
const MAX_STREAM_SIZE: u64 = 1 << 30;

/// The name of the stream in reports.
pub const NAME: &str = "<stdin>";

/// Why a stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error("standard input: {0}")]
    Io(#[from] io::Error),
    /// There was nothing. An empty answer makes kustomize and Argo CD delete everything.
    #[error(
        "standard input is empty: meshfix expects a stream of manifests there; to check the files here, run `meshfix .`"
    )]
    Empty,
    /// The stream is not text.
    #[error("standard input is not UTF-8 (byte {0})")]
    Encoding(usize),
    /// The stream is too long.
    #[error("standard input is longer than 1 GiB")]
    TooLong,
}

/// How long somebody who calls a function may take to send the first byte.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };

/// True when somebody sends something on standard input. Nothing of it is read.
pub fn is_waiting() -> bool {
    let stdin = io::stdin();
    let is_pipe = rustix::fs::fstat(&stdin)
        .is_ok_and(|status| matches!(FileType::from_raw_mode(status.st_mode), FileType::Fifo | FileType::Socket));
    if !is_pipe {
        return false;
    }
    let mut asked = [PollFd::new(&stdin, PollFlags::IN)];
    // An end that is closed answers at once, and has nothing.
    let answered = rustix::event::poll(&mut asked, Some(&PATIENCE)).is_ok_and(|number| number > 0);
    answered && rustix::io::ioctl_fionread(&stdin).is_ok_and(|bytes| bytes > 0)
}

/// Reads standard input to its end.
///
/// # Errors
/// When it is empty, too long or not UTF-8.
pub fn text() -> Result<String, Error> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX_STREAM_SIZE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_STREAM_SIZE {
        return Err(Error::TooLong);
    }
    let text = String::from_utf8(bytes).map_err(|error| Error::Encoding(error.utf8_error().valid_up_to()))?;
    if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() {
        return Err(Error::Empty);
    }
    Ok(text)
}

/// What a stream holds of these kinds; `None` when it holds nothing for us.
pub fn source(kinds: &Kinds, text: &str) -> Option<SourceFile> {
    named(NAME, kinds, text)
}

/// The same for what a program printed, with a name that says which.
pub fn named(name: &str, kinds: &Kinds, text: &str) -> Option<SourceFile> {
    let is_worth_reading = kinds.is_worth_reading(name, text);
    let source = is_worth_reading.then(|| kinds.read(name.to_owned(), text.into(), None)).flatten();
    source.map(SourceFile::rendered)
}

/// Writes text to standard output. A reader that has gone is no error.
///
/// # Errors
/// When the output can't be written, such as on a full disk.
pub fn write(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
