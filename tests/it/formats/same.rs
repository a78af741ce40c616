//! The same bytes for any number of threads, and for a repository of any size an end.

use libtest_mimic::Trial;

use super::trial;
use super::world::{ferry, pod};

pub(super) fn trials() -> Vec<Trial> {
    vec![trial("same_bytes_with_any_number_of_threads", threads), trial("a_page_for_a_comment_is_bounded", bounded)]
}

fn threads() {
    let world = ferry();
    for i in 0..120 {
        world.write(format!("many/{}/{i}.yaml", i % 7), pod(&format!("p{i}")));
    }
    for format in ["sarif", "github", "gitlab", "junit", "rdjson", "markdown"] {
        let run = |threads: &str| world.run(&["--unsafe", "--format", format, "--threads", threads, "."]).with(1);
        let one = run("1");
        assert!(one.bytes.len() > 10_000, "{format}");
        for threads in ["2", "8", "8"] {
            let other = run(threads);
            assert!(one.bytes == other.bytes && one.err == other.err, "{format} with {threads} threads");
        }
    }
}

fn bounded() {
    let world = ferry();
    for i in 0..400 {
        world.write(format!("many/{i}.yaml"), pod(&format!("p{i}")));
    }
    // A fence for this one would be longer than the page.
    let ticks = format!("spec:\n  # {}\n", "`".repeat(40_000));
    world.write("many/ticks.yaml", pod("ticks").replace("spec:\n", &ticks));
    let page = world.run(&["--unsafe", "--format", "markdown", "."]).out();
    assert!((40_000..65_536).contains(&page.len()), "{}", page.len());
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| level")).count();
    let number = |before: &str, behind: &str| -> usize {
        let rest = page.split(before).nth(1).unwrap_or_else(|| panic!("`{before}` is there"));
        rest.split(behind).next().and_then(|number| number.parse().ok()).expect("a number")
    };
    let total = number("### meshfix\n\n", " findings");
    assert_eq!(rows + number("\nand ", " more; `meshfix --check`"), total, "each is shown or counted");
    let files = page.matches("\n+++ ").count();
    assert_eq!(files + number("The changes of ", " more files"), 404, "{files}");
    assert!(page.contains("| error |") && page.ends_with("</details>\n"));
}
