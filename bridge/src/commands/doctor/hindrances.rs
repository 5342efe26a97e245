//! Why agents are not woken, in words.

/// Why an agent is not woken, and what to do, by the word of the tools.
pub(super) fn hindered(word: &str) -> (&'static str, &'static str) {
    match word {
        "budget" => ("its wakes of this hour are used up", "Wait, or set JUNCTION_WAKES_PER_HOUR."),
        "no-hooks" => ("its client runs no hooks of the bridge", "Run junction-bridge setup."),
        "hooks-untrusted" => ("its hooks are not trusted yet", "Confirm them in the client."),
        "never-prompted" => ("it was never given a prompt", "Type any prompt into it."),
        "denied" => {
            ("you stopped the turns in which it was about to read", "Type a prompt into it.")
        }
        "asleep" => (
            "it was told and has not read, or nobody watches its window",
            "Open it again, or type a prompt into it.",
        ),
        "dropped" => (
            "its client refused the last wake",
            "Look for a hook of yours that refuses prompts (UserPromptSubmit), or type a prompt into it.",
        ),
        "held" => ("you hold it back", "Release it, or wait until the hold ends."),
        _ => (
            "its client has no way to wake an idle agent",
            "Prompt it when you expect a message, or have it wait in read_messages.",
        ),
    }
}

/// Why several agents are not woken, and what to do, by the word of the tools.
pub(super) fn many_hindered(word: &str) -> (&'static str, &'static str) {
    match word {
        "budget" => ("their wakes of this hour are used up", hindered(word).1),
        "no-hooks" => ("their clients run no hooks of the bridge", hindered(word).1),
        "hooks-untrusted" => ("their hooks are not trusted yet", "Confirm them in the client."),
        "never-prompted" => ("they were never given a prompt", "Type any prompt into each."),
        "denied" => {
            ("you stopped the turns in which they were about to read", "Type a prompt into each.")
        }
        "asleep" => (
            "they were told and have not read, or nobody watches their windows",
            "Open them again, or type a prompt into each.",
        ),
        "dropped" => (
            "their clients refused the last wake",
            "Look for a hook of yours that refuses prompts (UserPromptSubmit), or type a prompt into each.",
        ),
        "held" => ("you hold them back", "Release them, or wait until the holds end."),
        _ => (
            "their clients have no way to wake an idle agent",
            "Prompt them when you expect a message, or have them wait in read_messages.",
        ),
    }
}
