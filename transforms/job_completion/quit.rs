//! The strategy `quit`: a shell script that asks the proxy to end when it ends itself.

use crate::manifest::{Container, Role, Workload, commands};
use crate::rule::{Change, Context, Finding, Fix, Safety};

/// Asks the pod's proxy to end (the agent's status port of `pilot-agent`).
const QUIT: &str = "curl -fsI -X POST http://localhost:15020/quitquitquit";

pub(super) fn finding(cx: &Context<'_>, workload: Workload<'_>, finding: Finding) -> Finding {
    let apps: Vec<Container<'_>> =
        cx.inventory.own_containers(workload).filter(|container| container.role == Role::App).collect();
    let finding = finding.help("the agent beside the proxy ends it when it is asked to (`/quitquitquit`)");
    let reason = match apps.as_slice() {
        [only] => match change(workload, *only) {
            Ok(change) => {
                let title = format!("make the script of `{}` end the proxy with itself", only.name());
                let consequence = "the image must have `curl`, or the proxy keeps running as before";
                return finding
                    .fix(workload, Fix { title, safety: Safety::Unsafe, consequence: consequence.to_owned(), change });
            }
            Err(reason) => reason,
        },
        _ => "which of the containers ends last is not known here",
    };
    let wrapped = format!("command: [\"sh\", \"-c\", \"trap '{QUIT}' EXIT; <command>\"]");
    finding.help(format!("{reason}; let the last program that ends ask the proxy to end")).snippet(wrapped)
}

/// The trap in front of the script: it runs however the script ends and leaves its exit code as it is.
fn change(workload: Workload<'_>, container: Container<'_>) -> Result<Change, &'static str> {
    let script = container.script().ok_or("the command is no shell script")?;
    let text = script.as_str().unwrap_or_default();
    let commands = commands(text).ok_or("the shell script is not understood here")?;
    let is_named = |name: &str| commands.iter().any(|command| command.words.iter().any(|word| word.text == name));
    if commands.iter().any(|command| command.replaces_shell()) {
        return Err("`exec` takes the shell's place, so that nothing can follow");
    }
    if is_named("trap") {
        return Err("the script has a `trap` of its own");
    }
    // A container that failed and is started again in the same pod needs its proxy.
    let restarts = workload.pod.text_at(&["restartPolicy"]) == "OnFailure";
    let ask = format!("{QUIT} || true");
    let ask = if restarts { format!("[ $? -ne 0 ] || {ask}") } else { ask };
    let separator = if text.contains('\n') { "\n" } else { "; " };
    let mut change = Change::default();
    change.splice(script, 0..0, format!("trap '{ask}' EXIT{separator}"));
    Ok(change)
}
