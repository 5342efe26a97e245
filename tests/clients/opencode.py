"""opencode, run with one prompt."""
import json

from once import Run


def opencode(lab, name, script, prompt, by_setup=False):
    """Starts it; returns the run and the model's actor. With `by_setup` its project does not name the bridge."""
    actor = lab.model.actor(name, script)
    options = {"baseURL": f"{lab.model.url}/{name}/v1", "apiKey": "dummy"}
    server = {"junction": {"type": "local", "command": ["junction-bridge"], "enabled": True}}
    (lab.project(name) / "opencode.json").write_text(json.dumps({
        "autoupdate": False, "share": "disabled", "model": "stub/stub-model", "small_model": "stub/stub-model",
        "provider": {"stub": {"npm": "@ai-sdk/openai-compatible", "options": options,
                              "models": {"stub-model": {"tool_call": True}}}},
    } | ({} if by_setup else {"mcp": server})))
    env = lab.env(OPENCODE_DISABLE_AUTOUPDATE="1", OPENCODE_DISABLE_MODELS_FETCH="1", OPENCODE_DISABLE_LSP_DOWNLOAD="1")
    command = [lab.program("opencode"), "run", "--print-logs", prompt]
    return Run(lab, name, command, env, lab.project(name)), actor
