//! The names under which nothing is saved: the whole list.
//!
//! Each is a name, or names that follow each other in a path, of folders or of a file; all below a folder counts with it.
//! `/` at the beginning stands for the root of the file system, and `~/` for the user's home directory. All are lower case,
//! as names are when they are compared.
//!
//! The measure is that something runs it without being told to: on starting a shell, on entering a folder, on opening a
//! project, on a commit or a push. Code that somebody runs on purpose is an ordinary file, or no code could be handed over:
//! `package.json`, `Makefile`, `build.rs`, `conftest.py`, a script. So are settings that hold a credential more often than a
//! program, and that are kept as secrets: `.npmrc`, `.kube/config`. And so are the instructions that clients read, such as
//! `AGENTS.md`, which are words and no code; but a peer's name alone makes no such file.

#[rustfmt::skip]
pub(super) const TABLE: &[&[&str]] = &[
    // Version control: hooks, filters, aliases and commands in the repository's and the user's settings.
    &[
        ".git", ".githooks", ".git-templates", ".gitconfig", ".config/git", ".hg", ".hgrc", ".config/hg", ".svn",
        ".subversion", ".jj", ".jjconfig.toml", ".config/jj", ".bzr",
    ],
    // Programs that run hooks of git.
    &[
        ".husky", ".huskyrc", ".lefthook", ".lefthook-local", ".lefthook.yml", ".lefthook.yaml", ".lefthook.toml",
        ".lefthook.json", "lefthook.yml", "lefthook.yaml", "lefthook.toml", "lefthook.json", "lefthook-local.yml",
        "lefthook-local.yaml", "lefthook-local.toml", "lefthook-local.json", ".lefthook-local.yml",
        ".pre-commit-config.yaml", ".overcommit.yml", ".simple-git-hooks.json", ".simple-git-hooks.js",
        ".simple-git-hooks.cjs",
    ],
    // What a forge runs on a push.
    &[
        ".github/workflows", ".github/actions", ".gitea/workflows", ".forgejo/workflows", ".gitlab-ci.yml", ".gitlab/ci",
        ".circleci", ".buildkite", ".woodpecker", ".woodpecker.yml", ".woodpecker.yaml", ".drone.yml", ".travis.yml",
        ".cirrus.yml", ".appveyor.yml", "appveyor.yml", "azure-pipelines.yml", "bitbucket-pipelines.yml", "jenkinsfile",
    ],
    // Agents' clients: hooks, servers to be started, permissions.
    &[
        ".mcp.json", ".agents", ".agent", ".aider.conf.yml", ".amazonq", ".amp", ".antigravity", ".augment", ".claude",
        ".claude.json", ".claude-plugin", ".cline", ".clinerules/hooks", ".codebuddy", ".codex", ".continue", ".copilot",
        ".github/hooks", ".crush", ".crush.json", "crush.json", ".config/crush", ".cursor", ".config/cursor", ".factory",
        ".gemini", ".goose", ".config/goose", ".iflow", ".junie", ".kiro", ".config/amp", ".opencode", "opencode.json",
        "opencode.jsonc", ".config/opencode", ".qoder", ".qwen", ".roo", ".rovodev", ".trae", ".warp", ".windsurf",
        ".config/windsurf", "application support/windsurf", "appdata/roaming/windsurf", ".codeium",
        "claude_desktop_config.json", ".config/claude", "application support/claude", "appdata/roaming/claude", ".lmstudio",
    ],
    // Editors: tasks, plugins, programs that check or format, files that are executed when a folder is opened.
    &[
        ".vscode", ".vscode-server", ".vscode-insiders", ".vscode-server-insiders", ".vscode-oss", ".cursor-server",
        ".config/code", ".config/code - insiders", ".config/vscodium", "application support/code",
        "application support/code - insiders", "application support/vscodium", "application support/cursor",
        "appdata/roaming/code", "appdata/roaming/code - insiders", "appdata/roaming/vscodium",
        "appdata/roaming/cursor", ".devcontainer", ".devcontainer.json", ".gitpod.yml", ".replit", ".idx", ".idea", ".fleet",
        ".vs", ".zed", ".config/zed", ".config/jetbrains", ".config/sublime-text", ".nvim", ".nvim.lua", ".nvimrc",
        ".config/nvim", ".local/share/nvim", ".vim", ".vimrc", "_vimrc", ".gvimrc", "_gvimrc", ".exrc", "_exrc",
        ".lvimrc", ".ideavimrc", ".config/vim", ".emacs", ".emacs.el", ".emacs.d", ".config/emacs", ".doom.d",
        ".config/doom", ".spacemacs", ".spacemacs.d", ".dir-locals.el", ".dir-locals-2.el", ".config/helix", ".helix",
        ".kakrc", ".config/kak", ".config/micro", ".lite-xl",
    ],
    // What a shell or a session runs when it starts or ends, or a key of its line editor.
    &[
        ".bashrc", ".bashrc.d", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".bash_completion",
        ".bash_completion.d", ".profile", ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".zsh", ".oh-my-zsh",
        ".config/zsh", ".config/bash", ".kshrc", ".mkshrc", ".shrc", ".shinit", ".cshrc", ".tcshrc", ".login", ".logout",
        ".config/fish", ".config/nushell", ".config/elvish", ".config/xonsh", ".xonshrc", ".config/powershell",
        ".local/share/bash-completion", ".local/share/fish", "microsoft.powershell_profile.ps1",
        "microsoft.vscode_profile.ps1", "documents/powershell/profile.ps1", "windowspowershell/profile.ps1", ".inputrc",
        ".config/starship.toml", ".selected_editor", ".pam_environment", ".config/environment.d", ".config/user-dirs.dirs",
    ],
    // What runs on entering a folder, or chooses the programs there.
    &[
        ".envrc", ".direnv", ".direnvrc", ".config/direnv", ".mise", ".mise.toml", ".mise.local.toml", "mise.toml",
        "mise.local.toml", "mise/config.toml", ".config/mise", ".rtx.toml", ".autoenv", ".autoenv.zsh", ".rvmrc",
        "rust-toolchain", "rust-toolchain.toml",
    ],
    // What a desktop or the system starts at a login or at a time.
    &[
        ".xprofile", ".xinitrc", ".xserverrc", ".xsession", ".xsessionrc", ".config/autostart", ".config/systemd",
        ".config/containers/systemd", ".local/share/systemd", ".local/share/dbus-1", ".local/share/applications",
        ".config/plasma-workspace", ".config/autorandr", ".config/i3", ".i3", ".config/sway", ".config/hypr",
        ".config/river", ".config/labwc", ".config/openbox", ".config/awesome", ".config/bspwm", ".config/sxhkd",
        ".config/qtile", ".config/niri", ".config/uwsm", "gnome-shell/extensions", ".config/waybar", ".config/polybar", ".xmonad", ".config/xmonad", ".xbindkeysrc",
        ".hammerspoon", ".aerospace.toml", ".yabairc", ".skhdrc", ".config/karabiner", "library/launchagents", "library/launchdaemons",
        "library/startupitems", "start menu/programs/startup", "/var/spool/cron", "/var/spool/at", "/var/at", "/etc/crontab", "/etc/anacrontab",
        "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly", "/etc/systemd",
        "/etc/init.d", "/etc/rc.local", "/etc/rc.d", "/etc/xdg/autostart", "/etc/udev", "/etc/profile", "/etc/profile.d",
        "/etc/bash.bashrc", "/etc/bashrc", "/etc/zsh", "/etc/zshrc", "/etc/zshenv", "/etc/zprofile", "/etc/fish",
        "/etc/environment", "/etc/environment.d", "/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
        "/etc/pam.d", "/etc/sudoers", "/etc/sudoers.d", "/etc/gitconfig", "/etc/launchd.conf", "/etc/periodic",
    ],
    // Folders of programs that are found by their names, those of an environment of Python too. Python runs every `.pth`
    // beside its packages whenever it starts.
    &[
        ".local/bin", ".local/lib", "~/bin", "/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib",
        "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/opt/homebrew/bin", "node_modules/.bin",
        ".venv/bin", "venv/bin", ".venv/scripts", "venv/scripts", "site-packages", "dist-packages",
    ],
    // Access to this account, and programs of connections.
    &[
        ".ssh/authorized_keys", ".ssh/authorized_keys2", ".ssh/config", ".ssh/config.d", ".ssh/rc", ".ssh/environment",
        "/etc/ssh", ".gnupg", ".rhosts", ".shosts", ".k5login", ".forward", ".procmailrc",
    ],
    // Readers of mail and those that show its parts: a line of these is a command.
    &[
        ".mailcap", ".muttrc", ".mutt", ".config/mutt", ".neomuttrc", ".config/neomutt",
    ],
    // What a web server or PHP reads in every folder that it serves: other files of it become programs.
    &[
        ".htaccess", ".user.ini",
    ],
    // Terminals and what runs in them.
    &[
        ".tmux.conf", ".tmux", ".config/tmux", ".screenrc", ".byobu", ".config/byobu", ".config/zellij", ".wezterm.lua",
        ".config/wezterm", ".config/kitty", ".config/alacritty", ".alacritty.toml", ".alacritty.yml", ".config/ghostty",
        ".config/foot",
    ],
    // Debuggers, interpreters and clients of databases, which read these on their start.
    &[
        ".gdbinit", ".gdbearlyinit", ".config/gdb", ".lldbinit", ".pythonrc", ".pythonrc.py", ".pythonstartup",
        "sitecustomize.py", "usercustomize.py", ".ipython", ".jupyter", ".irbrc", ".pryrc", ".rprofile", ".ghci", ".iex.exs",
        ".julia/config", ".octaverc", ".sbclrc", ".clisprc", ".guile", ".tclshrc", ".wishrc", ".perldb", ".psqlrc",
        ".sqliterc", ".config/sqlite3",
    ],
    // Tools of building and checking: they run a program that such a file names with whatever they are told to do.
    &[
        ".cargo", ".yarnrc", ".yarnrc.yml", ".yarn/releases", ".yarn/plugins", ".pnpmfile.cjs", ".pnpmfile.mjs",
        ".gradle/init.gradle", ".gradle/init.gradle.kts", ".gradle/init.d", ".docker/cli-plugins", ".mozconfig",
        ".bazelrc", ".bazeliskrc", ".mvn", ".pylintrc",
    ],
];
