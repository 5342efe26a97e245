//! What a person asks of `setup`.

use std::path::Path;

use anyhow::{Context as _, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use junction_shared::machine::config_dir::ConfigDir;

use crate::clients::{SettableClient, settable};
use crate::setup::{ClientSettings, PackageStore, SetupTarget, own_path, passing_in};
use crate::terminal::remark;

/// Which clients to set up, and how.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// Clients [default: those found on this machine, after asking]
    #[arg(value_name = "CLIENT", value_parser = PossibleValuesParser::new(settable().map(|client| client.program)))]
    pub(super) clients: Vec<String>,
    /// Print what belongs in each file, and write nothing
    #[arg(long)]
    pub(super) print: bool,
    /// Take out what setup put in, and keep all other changes
    #[arg(long)]
    pub(super) remove: bool,
    /// Write the settings that the project in this directory shares, with the bare name of the program
    #[arg(long)]
    pub(super) project: bool,
    /// Have Claude Code or Codex install the junction's plugin, which brings all but the rule in place of settings
    #[arg(long, conflicts_with_all = ["remove", "project", "no_hooks"])]
    pub(super) plugin: bool,
    /// Have the client ask this machine's gateway over HTTP, in place of starting a bridge: one agent for all its sessions,
    /// which nothing wakes
    #[arg(long, conflicts_with_all = ["remove", "plugin"])]
    pub(super) http: bool,
    /// Set no hooks, and for opencode no plugin: a busy agent then learns of messages only from the results of the
    /// junction's tools
    #[arg(long, conflicts_with = "remove")]
    pub(super) no_hooks: bool,
    /// Put no skills, which teach an agent to work with others, into the client's folder
    #[arg(long, conflicts_with_all = ["remove", "plugin"])]
    pub(super) no_skills: bool,
    /// Set no rule: the client then asks before it calls the junction's tools
    #[arg(long, conflicts_with = "remove")]
    pub(super) no_allow: bool,
}

impl Setup {
    /// Where settings go, and how they call the program.
    pub(super) fn target(&self, directory: &ConfigDir) -> anyhow::Result<SetupTarget> {
        let home = std::env::home_dir().filter(|home| home.is_absolute());
        let home =
            home.context("The home directory is not known. Set HOME, then run this again.")?;
        if self.project {
            let project = std::env::current_dir()
                .context("This directory cannot be used. Change to the project's.")?;
            if is_same(&project, &home) {
                bail!(
                    "This directory is your home, not a project. Change to the project's, or leave out --project."
                );
            }
            return Ok(SetupTarget::plain(home, Some(project)));
        }
        let own = own_path()
            .context("The program's own path cannot be read. Start it by its full path.")?;
        let program = own.path.to_str().map(str::to_owned);
        let program =
            program.context("The program's path is not UTF-8. Install it where the path is.")?;
        if !own.is_lasting && !self.remove && !self.http {
            let place = passing_in(&own.path).unwrap_or("a place for a while");
            remark(&format!(
                "{program} may not stay where it is, in {place}. Better install it, for example with cargo install, and run setup from \
             there: the settings call that path."
            ));
        }
        let packages = Some(PackageStore::new(directory.clone()));
        let by_package = self.plugin.then_some(true);
        Ok(SetupTarget { program, packages, by_package, ..SetupTarget::plain(home, None) })
    }

    /// The user's own settings, beside which those of a project are.
    pub(super) fn own_target(&self, target: &SetupTarget, directory: &ConfigDir) -> SetupTarget {
        let packages = Some(PackageStore::new(directory.clone()));
        SetupTarget { packages, ..SetupTarget::plain(target.home.clone(), None) }
    }

    /// A client's settings, without what the person does not want.
    pub(super) fn wanted(&self, client: SettableClient, target: &SetupTarget) -> ClientSettings {
        let mut settings = (client.settings)(target);
        if self.remove {
            settings = settings.for_removal();
        }
        if self.no_hooks && settings.name_plugin() {
            // All of it is about the plugin.
            settings.to_confirm.clear();
        }
        for file in &mut settings.files {
            file.entries.retain(|entry| entry.is_wanted(!self.no_hooks, !self.no_allow));
        }
        if self.no_skills {
            settings.skills.clear();
        }
        if self.no_hooks {
            // One that the client has installed stays.
            settings.package = settings.package.filter(|package| package.commands.is_some());
        }
        settings
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
