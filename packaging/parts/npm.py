"""Packages for npm: one for each system with its programs, and one with the commands, which needs that of the system."""

import json
import shutil

from .project import said

# By target: what Node.js calls the system and the processor. The workflow builds those that are not this machine's.
SYSTEMS = {
    "x86_64-unknown-linux-gnu": ("linux", "x64"),
    "aarch64-unknown-linux-gnu": ("linux", "arm64"),
    "x86_64-apple-darwin": ("darwin", "x64"),
    "aarch64-apple-darwin": ("darwin", "arm64"),
    "x86_64-pc-windows-msvc": ("win32", "x64"),
}
# The commands of the package, and the scripts behind them.
COMMANDS = ("agent-junction", "junction-bridge", "junction-hub")


def package_name(project, system):
    return f"{project.name}-{'-'.join(system)}"


def common(project):
    return {
        "version": project.version,
        "license": project.licence,
        "repository": {"type": "git", "url": f"git+{project.repository}.git"},
        "engines": {"node": ">=18"},
    }


def pack(folder, out):
    said(["npm", "pack", "--silent", "--pack-destination", str(out), str(folder)])


def of_system(project, built, out):
    system = SYSTEMS[built.target]
    folder = built.stage / "npm-system"
    (folder / "bin").mkdir(parents=True)
    for name, path in built.programs.items():
        shutil.copy(path, folder / "bin" / name)
    for path in (built.licence, built.third_party):
        shutil.copy(path, folder)
    name = package_name(project, system)
    (folder / "README.md").write_text(f"# {name}\n\nThe programs of {project.name} for {' '.join(system)}. Install {project.name}, which needs this.\n")
    manifest = {
        "name": name,
        "description": f"The programs of {project.name} for {' '.join(system)}",
        **common(project),
        "os": [system[0]],
        "cpu": [system[1]],
        "preferUnplugged": True,
    }
    (folder / "package.json").write_text(json.dumps(manifest, indent=2) + "\n")
    pack(folder, out)


def of_commands(project, built, out):
    folder = built.stage / "npm"
    shutil.copytree(project.root / "packaging/npm", folder)
    shutil.copy(built.licence, folder)
    manifest = {
        "name": project.name,
        "description": project.description,
        **common(project),
        "mcpName": project.registry_name,
        "bin": {command: f"{command}.js" for command in COMMANDS},
        "optionalDependencies": {package_name(project, system): project.version for system in SYSTEMS.values()},
    }
    (folder / "package.json").write_text(json.dumps(manifest, indent=2) + "\n")
    pack(folder, out)


def make(project, built, out):
    of_system(project, built, out)
    of_commands(project, built, out)
