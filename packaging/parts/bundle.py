"""An MCP bundle (`.mcpb`), which desktop clients install with a click: the bridge, and what its users are shown of it.
Specification: modelcontextprotocol/mcpb, MANIFEST.md, version 0.3."""

import json
import time
import zipfile


def manifest(project):
    return {
        "manifest_version": "0.3",
        "name": project.name,
        "display_name": "Agent Junction",
        "version": project.version,
        "description": project.description,
        "author": {"name": project.maintainer.split(" <")[0]},
        "repository": {"type": "git", "url": f"{project.repository}.git"},
        "license": project.licence,
        "server": {
            "type": "binary",
            "entry_point": "server/junction-bridge",
            "mcp_config": {"command": "${__dirname}/server/junction-bridge", "args": [], "env": {}},
        },
        "tools_generated": True,
        "compatibility": {"platforms": ["linux"]},
    }


def path(project, built, out):
    return out / f"{project.name}-{project.version}-{built.target}.mcpb"


def make(project, built, out):
    when = time.gmtime(max(project.epoch, 315532800))[:6]
    files = [("manifest.json", json.dumps(manifest(project), indent=2).encode(), 0o644)]
    files += [(f"server/{name}", program.read_bytes(), 0o755) for name, program in built.programs.items()]
    files += [(one.name, one.read_bytes(), 0o644) for one in (built.licence, built.third_party)]
    with zipfile.ZipFile(path(project, built, out), "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content, mode in sorted(files):
            entry = zipfile.ZipInfo(name, when)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, (0o100000 | mode) << 16
            archive.writestr(entry, content)
