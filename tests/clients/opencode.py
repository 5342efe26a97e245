"""opencode, run with one prompt."""
import json

from once import Run


def provider(lab, name):
    """The settings that lead to the model."""
    options = {"baseURL": f"{lab.model.url}/{name}/v1", "apiKey": "dummy"}
    return {
        "autoupdate": False, "share": "disabled", "model": "stub/stub-model", "small_model": "stub/stub-model",
        "provider": {"stub": {"npm": "@ai-sdk/openai-compatible", "options": options,
                              "models": {"stub-model": {"tool_call": True}}}},
    }


def environment(lab):
    """Without what would reach for the network."""
    return lab.env(OPENCODE_DISABLE_AUTOUPDATE="1", OPENCODE_DISABLE_MODELS_FETCH="1",
                   OPENCODE_DISABLE_LSP_DOWNLOAD="1")


def opencode(lab, name, script, prompt, by_setup=False):
    """Starts it; returns the run and the model's actor. With `by_setup` its project does not name the bridge."""
    actor = lab.model.actor(name, script)
    server = {"junction": {"type": "local", "command": ["junction-bridge"], "enabled": True}}
    settings = provider(lab, name) | ({} if by_setup else {"mcp": server})
    (lab.project(name) / "opencode.json").write_text(json.dumps(settings))
    command = [lab.program("opencode"), "run", "--print-logs", prompt]
    return Run(lab, name, command, environment(lab), lab.project(name)), actor
