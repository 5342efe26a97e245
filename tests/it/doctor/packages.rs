//! Packages that people have installed by commands of their clients.

use serde_json::{Value, json};

use super::clients::World;

/// Leaves what Gemini CLI leaves once it has installed the extension, or linked to it.
fn extension_of_gemini(world: &World, version: &str, is_linked: bool, is_enabled: bool) {
    let write = |name: &str, value: Value| {
        let file = world.file(name);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        std::fs::write(file, value.to_string()).expect("written");
    };
    let source = world.file("clone");
    let kind = if is_linked { "link" } else { "local" };
    let origin = json!({ "source": source, "type": kind });
    write(".gemini/extensions/junction/.gemini-extension-install.json", origin);
    let place = if is_linked { "clone" } else { ".gemini/extensions/junction" };
    let server = json!({ "junction": { "command": "junction-bridge" } });
    let manifest = json!({ "name": "junction", "version": version, "mcpServers": server });
    write(&format!("{place}/gemini-extension.json"), manifest);
    let rule = format!("{}{}*", if is_enabled { "" } else { "!" }, world.file("").display());
    let enablement = json!({ "junction": { "overrides": [rule] } });
    write(".gemini/extensions/extension-enablement.json", enablement);
}

#[tokio::test]
async fn regression_extension_of_gemini_is_seen() {
    for is_linked in [false, true] {
        let world = World::new().await;
        extension_of_gemini(&world, env!("CARGO_PKG_VERSION"), is_linked, true);
        let diagnosis = world.diagnose();
        diagnosis.assert_healthy();
        diagnosis.assert("ok", &["clients: Gemini CLI has the junction by its extension", "wakes"]);
        diagnosis.assert(
            "warning",
            &[
                "clients: Gemini CLI asks you in each session",
                "gemini extensions uninstall junction",
            ],
        );
        assert!(!format!("{:?}", diagnosis.findings).contains("not set up"));
        extension_of_gemini(&world, "0.0.1", is_linked, true);
        let words = ["version 0.0.1 of the junction's extension", "gemini extensions update"];
        world.diagnose().assert("warning", &words);
        extension_of_gemini(&world, env!("CARGO_PKG_VERSION"), is_linked, false);
        let diagnosis = world.diagnose();
        let off =
            ["clients: Gemini CLI has the junction's extension, but you have switched it off"];
        diagnosis.assert("warning", &[off[0], "gemini extensions enable junction", "setup gemini"]);
        assert!(!format!("{:?}", diagnosis.findings).contains("not set up"));
        world.setup(&["gemini"]);
        world.diagnose().assert("ok", &["clients: Gemini CLI starts", "wakes"]);
    }
}

#[tokio::test]
async fn regression_extension_of_gemini_beside_settings_is_a_failure_that_setup_resolves() {
    let world = World::with(&["gemini"]).await;
    extension_of_gemini(&world, env!("CARGO_PKG_VERSION"), false, true);
    let words = ["clients: Gemini CLI has the junction twice, from its extension", "setup gemini"];
    world.diagnose().assert("failure", &words);
    world.setup(&["gemini"]);
    let diagnosis = world.diagnose();
    diagnosis.assert_healthy();
    diagnosis.assert("ok", &["clients: Gemini CLI has the junction by its extension"]);
}

#[tokio::test]
async fn regression_plugin_of_opencode_that_a_person_has_installed_is_seen() {
    let world = World::new().await;
    let (folder, file) = (world.file("clone"), world.file(".config/opencode/opencode.jsonc"));
    std::fs::create_dir_all(&folder).expect("a directory");
    std::fs::create_dir_all(file.parent().expect("a directory")).expect("made");
    let write = |version: &str, permission: Value| {
        let manifest = json!({ "name": "junction-opencode", "version": version });
        std::fs::write(folder.join("package.json"), manifest.to_string()).expect("written");
        let settings = json!({ "plugin": [folder], "permission": permission });
        std::fs::write(&file, settings.to_string()).expect("written");
    };
    let own = env!("CARGO_PKG_VERSION");
    let ok = ["clients: opencode has the junction by its plugin", "wakes"];
    write(own, json!({}));
    let diagnosis = world.diagnose();
    diagnosis.assert_healthy();
    diagnosis.assert("ok", &ok);
    assert!(!format!("{:?}", diagnosis.findings).contains("clients: opencode asks"));
    assert!(!format!("{:?}", diagnosis.findings).contains("not set up"));
    write(own, json!({ "*": "ask" }));
    let diagnosis = world.diagnose();
    diagnosis.assert("ok", &ok);
    diagnosis.assert("warning", &["clients: opencode asks you before", "setup opencode"]);
    write("0.0.1", json!({}));
    world.diagnose().assert("warning", &["version 0.0.1 of the junction's plugin"]);
    // With settings beside it, there is still one bridge.
    write(own, json!({ "*": "ask" }));
    world.setup(&["opencode"]);
    world.diagnose().assert("ok", &["clients: opencode starts", "wakes"]);
}

#[tokio::test]
async fn regression_hooks_of_the_plugin_that_codex_does_not_trust_yet_are_a_warning() {
    let world = World::new().await;
    let copy = world.file(".codex/plugins/cache/agent-junction/junction");
    let copy = copy.join(env!("CARGO_PKG_VERSION")).join("hooks");
    std::fs::create_dir_all(&copy).expect("a directory");
    let hooks = copy.join("hooks.json");
    std::fs::write(&hooks, "{}").expect("written");
    let mut config = "[plugins.\"junction@agent-junction\"]\nenabled = true\n".to_owned();
    let file = world.file(".codex/config.toml");
    std::fs::write(&file, &config).expect("written");
    let warning = ["clients: Codex has hooks that it does not run", "the plugin's hooks"];
    let diagnosis = world.diagnose();
    diagnosis.assert_healthy();
    diagnosis.assert("warning", &warning);
    for event in ["session_start", "user_prompt_submit", "pre_tool_use", "post_tool_use", "stop"] {
        world.diagnose().assert("warning", &warning);
        config += &format!(
            "[hooks.state.\"junction@agent-junction:hooks/hooks.json:{event}:0:0\"]\ntrusted_hash = \"sha256:00\"\n"
        );
        std::fs::write(&file, &config).expect("written");
    }
    let ok = ["clients: Codex has the junction by its plugin"];
    world.diagnose().assert("ok", &ok);
    // The portable package has no hooks.
    std::fs::write(&file, config.split("[hooks").next().unwrap_or_default()).expect("written");
    std::fs::remove_file(hooks).expect("gone");
    world.diagnose().assert("ok", &ok);
}
