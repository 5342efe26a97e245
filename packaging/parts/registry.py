"""`server.json`, by which the MCP registry shows the server and says where its packages are.
Schema: static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json."""

import hashlib
import json

from . import bundle

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"


def make(project, built, out):
    packed = bundle.path(project, built, out)
    stdio = {"transport": {"type": "stdio"}}
    # Without an argument, the command of that name is a hub, as it has always been.
    bridge = {"packageArguments": [{"type": "positional", "value": "bridge"}]}
    described = {
        "$schema": SCHEMA,
        "name": project.registry_name,
        "title": "Agent Junction",
        "description": project.description,
        "repository": {"url": project.repository, "source": "github"},
        "version": project.version,
        "packages": [
            {"registryType": "npm", "identifier": project.name, "version": project.version, **bridge, **stdio},
            {"registryType": "pypi", "identifier": project.wheel, "version": project.version, **stdio},
            {
                "registryType": "mcpb",
                "identifier": f"{project.repository}/releases/download/v{project.version}/{packed.name}",
                "fileSha256": hashlib.sha256(packed.read_bytes()).hexdigest(),
                **stdio,
            },
        ],
    }
    (out / "server.json").write_text(json.dumps(described, indent=2) + "\n")
