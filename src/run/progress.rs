//! How far a long run is: one line on standard error, on a terminal, gone when the run speaks.

use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::console::{Console, is_dumb};
use crate::engine;
use crate::report::count;

/// Runs that are shorter show nothing.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the line is drawn.
const BEAT: Duration = Duration::from_millis(100);

/// A run that is watched. Dropped, it takes its line off the terminal.
pub(super) struct Progress {
    state: Arc<State>,
    drawing: Option<(Sender<()>, JoinHandle<()>)>,
}

/// Where the run is.
#[derive(Default)]
struct State {
    files: AtomicUsize,
    stage: Mutex<Stage>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Stage {
    #[default]
    Reading,
    Engine(engine::Progress),
    Writing,
}

impl Progress {
    /// Starts to watch, where standard error is a terminal and the user wants to see it.
    pub(super) fn start(console: &Console<'_>, is_wanted: bool) -> Progress {
        let state = Arc::new(State::default());
        let is_shown = is_wanted && !console.talk.quiet && io::stderr().is_terminal() && !is_dumb();
        let drawing = is_shown.then(|| {
            let (sender, stopped) = mpsc::channel();
            let state = Arc::clone(&state);
            (sender, thread::spawn(move || draw(&state, &stopped)))
        });
        Progress { state, drawing }
    }

    /// A file was read.
    pub(super) fn file(&self) {
        self.state.files.fetch_add(1, Ordering::Relaxed);
    }

    /// The engine got this far.
    pub(super) fn engine(&self, step: engine::Progress) {
        self.state.enter(Stage::Engine(step));
    }

    /// The files are written.
    pub(super) fn writing(&self) {
        self.state.enter(Stage::Writing);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.drawing.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

impl State {
    fn enter(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// What the line says.
    fn told(&self) -> String {
        let files = count(self.files.load(Ordering::Relaxed), "file");
        match *self.stage.lock().unwrap_or_else(PoisonError::into_inner) {
            Stage::Reading => format!("{files} read"),
            Stage::Engine(engine::Progress::Looking { pass, done, of }) => {
                format!("{files} read, pass {pass}: {done} of {} looked", count(of, "rule"))
            }
            Stage::Engine(engine::Progress::Proving { pass, done, of }) => {
                format!("{files} read, pass {pass}: {done} of {} proven", count(of, "changed file"))
            }
            Stage::Writing => format!("{files} read, writing"),
        }
    }
}

/// Draws the line until the run is over.
fn draw(state: &State, stopped: &Receiver<()>) {
    let is_running = |time| stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
    if !is_running(PATIENCE) {
        return;
    }
    let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") else { return };
    // Every terminal has these letters.
    let bar = ProgressBar::new_spinner().with_style(style.tick_chars(r"-\|/ ")).with_elapsed(PATIENCE);
    loop {
        // One drawing for both: setting a message draws by itself.
        let _ = bar.clone().with_message(state.told());
        bar.tick();
        if !is_running(BEAT) {
            break;
        }
    }
    bar.finish_and_clear();
}
