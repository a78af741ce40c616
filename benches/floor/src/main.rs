//! The least that a tool like meshfix must do, to measure meshfix against.
//!
//! `floor read [--threads N] PATH` walks and reads every file that has a manifest's name;
//! `floor events [--threads N] PATH` also pulls the YAML parser's events from each of them.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use granit_parser::Parser;
use ignore::{WalkBuilder, WalkState};

/// What was read, over all threads.
#[derive(Default)]
struct Totals {
    files: AtomicU64,
    bytes: AtomicU64,
    events: AtomicU64,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    let parse = match arguments.next().as_deref() {
        Some("read") => false,
        Some("events") => true,
        _ => return usage(),
    };
    let mut threads = 1;
    if arguments.next_if(|argument| argument == "--threads").is_some() {
        let Some(number) = arguments.next().and_then(|number| number.parse().ok()) else { return usage() };
        threads = number;
    }
    let Some(folder) = arguments.next() else { return usage() };
    let totals = Totals::default();
    WalkBuilder::new(folder).threads(threads).build_parallel().run(|| {
        let mut buffer = Vec::new();
        let totals = &totals;
        Box::new(move |entry| {
            if let Ok(entry) = entry
                && entry.file_type().is_some_and(|kind| kind.is_file())
                && is_manifest_name(entry.path())
            {
                one(entry.path(), parse, &mut buffer, totals);
            }
            WalkState::Continue
        })
    });
    let total = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!("{} files, {} bytes, {} events", total(&totals.files), total(&totals.bytes), total(&totals.events));
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: floor read|events [--threads N] PATH");
    ExitCode::from(2)
}

fn one(path: &Path, parse: bool, buffer: &mut Vec<u8>, totals: &Totals) {
    buffer.clear();
    let Ok(mut file) = File::open(path) else { return };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    buffer.reserve(length as usize + 1);
    if file.read_to_end(buffer).is_err() {
        return;
    }
    totals.files.fetch_add(1, Ordering::Relaxed);
    totals.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
    if !parse {
        return;
    }
    let Ok(text) = std::str::from_utf8(buffer) else { return };
    // A template's text ends at the first thing that is no YAML, as it does for every parser.
    let events = Parser::new_from_str(text).map_while(Result::ok).count();
    totals.events.fetch_add(events as u64, Ordering::Relaxed);
}

/// The names that meshfix reads in folders.
fn is_manifest_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
        || path.file_name().is_some_and(|name| name == "Kustomization")
}
