"""Teams: a lead and workers with requests and dones, reviewers by role, and two sessions about to change one file."""
import json
import subprocess

from claude import Claude
from codex import Codex
from newcomer import Newcomer
from script import call, say
from until import until

WORKERS = ("ada", "ben", "cleo")
REVIEWERS = ("rosa", "rita")


def _leads():
    """Asks all workers twice, and reads until each has finished both."""
    yield
    yield call("register", alias="lead", role="lead")
    for part in ("one", "two"):
        sent = yield call("send_message", target_alias="role:worker", message=f"Do part {part}.", intent="request",
                          notify_when="done", key=f"part-{part}")
        assert sent.result["members"] == len(WORKERS), f"The answer is {sent.result}."
        again = yield call("send_message", target_alias="role:worker", message=f"Do part {part}.", intent="request",
                           notify_when="done", key=f"part-{part}")
        assert again.result["repeated"], f"The answer is {again.result}."
    finished, told = set(), []
    while len(finished) < 2 * len(WORKERS) or len(told) < 2:
        turn = yield call("read_messages", wait_seconds=20)
        for message in turn.result["messages"]:
            assert message["intent"] == "done", f"The message is {message}."
            finished.add((message["from"], message["reply_to"]))
        told += [it["event"] for it in turn.result.get("notifications", [])]
    assert told == ["done", "done"], f"The lead was told {told}."
    yield say("All six are finished.")


def _works(name):
    """Takes two requests, and finishes each."""
    yield
    yield call("register", alias=name, role="worker")
    finished = 0
    while finished < 2:
        turn = yield call("read_messages", wait_seconds=60)
        for request in turn.result.get("open_requests", []):
            yield call("send_message", target_alias=request["from"], message=f"{name} did it.", reply_to=request["id"],
                       intent="done")
            finished += 1
    last = yield call("read_messages")
    assert "open_requests" not in last.result, f"The answer is {last.result}."
    yield say("Both are done.")


def team_of_a_lead_and_three_workers(lab):
    """A lead sends two requests to three workers by their role, and reads that all six are done."""
    workers = []
    for name in WORKERS:
        worker = Claude(lab, name, _works(name))
        worker.terminal.type("Work for the lead.")
        worker.actor.asked(2, 60)
        workers.append(worker)
    lead = Claude(lab, "lead", _leads())
    lead.prompt("Have the workers do parts one and two.", 180)
    for worker in workers:
        worker.actor.at_rest(60)
    turns = sum(len(one.actor.turns) for one in (lead, *workers))
    lab.figure("model requests for six requests of a team", turns)


def _asks_reviewers():
    yield
    yield call("register", alias="author")
    asked = yield call("send_message", target_alias="role:reviewer", message="Is the parser right?", intent="request",
                       wait_seconds=60, wait_for="any")
    answers = [message["from"] for message in asked.result["replies"]]
    assert answers, f"The answer is {asked.result}."
    # Later answers are messages like any other.
    while len(answers) < len(REVIEWERS):
        turn = yield call("read_messages", wait_seconds=30)
        for message in turn.result["messages"]:
            assert message["reply_to"] == asked.result["id"], f"The message is {message}."
            answers.append(message["from"])
    assert sorted(answers) == sorted(REVIEWERS), f"The answers are from {answers}."
    yield say("Both have answered.")


def _reviews(name):
    yield
    yield call("register", alias=name, role="reviewer")
    turn = yield call("read_messages", wait_seconds=60)
    message = turn.result["messages"][0]
    assert (message["to"], message["intent"]) == ("role:reviewer", "request"), f"The message is {message}."
    yield call("send_message", target_alias=message["from"], message="It is.", reply_to=message["id"])
    yield say("Answered.")


def reviewers_by_their_role(lab):
    """An author asks all reviewers, goes on with the first answer, and reads the later one."""
    reviewers = []
    for name in REVIEWERS:
        reviewer = Claude(lab, name, _reviews(name))
        reviewer.terminal.type("Review what you are asked to.")
        reviewer.actor.asked(2, 60)
        reviewers.append(reviewer)
    author = Claude(lab, "author", _asks_reviewers())
    author.prompt("Have the parser reviewed.", 120)
    turns = sum(len(one.actor.turns) for one in (author, *reviewers))
    lab.figure("model requests for a review by role", turns)


def _claims():
    yield
    yield call("register", alias="alice")
    turn = yield call("claim", paths=["src"], note="new parser")
    assert [claim["path"] for claim in turn.result["claims"]] == ["src"], f"The answer is {turn.result}."
    yield say("Claimed.")


def _edits(file):
    """Claims the file and reads whom that meets, is held back once, reads why, and makes the edit again."""
    yield
    yield call("register", alias="bella")
    seen = {}
    while not seen.get("conflicts"):
        seen = (yield call("claim", paths=["src/parser.rs"], note="faster")).result
    met = [(it["alias"], it["path"], it["yours"], it["you_yield"], it["note"]) for it in seen["conflicts"]]
    assert met == [("alice", "src", "src/parser.rs", True, "new parser")], f"The conflicts are {met}."
    first = yield call("Write", file_path=str(file), content="bella\n")
    said = "\n".join(first.results.values())
    assert '"alice" claimed "src"' in said and "new parser" in said, f"Claude Code showed {said!r}."
    assert not file.exists(), "The edit was made before its agent was told."
    yield call("Write", file_path=str(file), content="bella\n")
    yield say("Written.")


def _worktrees(main, tree):
    """Two checkouts of one repository."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", main]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", "--force", tree], check=True)
    (tree / "src").mkdir()


def edit_in_another_worktree_is_told_before(lab):
    """Two Claude Codes in worktrees of one repository claim the same: the second sees in `conflicts[]` whom to ask, and is
    told again before it edits the file."""
    main, tree = lab.project("alice"), lab.project("bella")
    _worktrees(main, tree)
    file = tree / "src" / "parser.rs"
    hooks = {"PreToolUse": [{"type": "command", "command": "junction-bridge hook"}]}
    allowed = ["--allowedTools", "mcp__junction", "Write"]
    alice = Claude(lab, "alice", _claims())
    alice.prompt("Claim src for the new parser.", 60)
    bella = Claude(lab, "bella", _edits(file), hooks=hooks, allowed=False, more=allowed)
    bella.prompt("Write src/parser.rs.", 90)
    until("the edit", lambda: file.exists() and file.read_text() == "bella\n", 30)


def _runs(tool, argument):
    """Codex's models call tools from programs that they write."""
    return call("exec", input=f"text(await tools.{tool}({json.dumps(argument)}))")


def _patches(file):
    """Is held back once, reads why, and makes the patch again."""
    patch = "*** Begin Patch\n*** Add File: src/parser.rs\n+cody\n*** End Patch\n"
    yield
    while "new parser" not in (yield _runs("mcp__junction__claim", {})).text:
        pass
    said = (yield _runs("apply_patch", patch)).text
    assert '"alice" claimed "src"' in said and "new parser" in said, f"Codex showed {said!r}."
    assert not file.exists(), "The patch was applied before its agent was told."
    yield _runs("apply_patch", patch)
    yield say("Written.")


def _offers_patches(lab):
    """Codex offers `apply_patch` only to the models of its catalogue, so the stub takes the place of one."""
    command = [lab.program("codex"), "debug", "models", "--bundled"]
    shown = subprocess.run(command, env=lab.env(), check=True, capture_output=True).stdout
    model = next(one for one in json.loads(shown)["models"] if one["apply_patch_tool_type"])
    # The protocol of its small requests is one that the stub does not speak.
    model |= {"slug": "stub-model", "use_responses_lite": False}
    folder = lab.home / ".codex"
    catalogue = folder / "models.json"
    catalogue.write_text(json.dumps({"models": [model]}))
    config = folder / "config.toml"
    config.write_text(f"model_catalog_json = {json.dumps(str(catalogue))}\n" + config.read_text())


def patch_in_another_worktree_is_told_before(lab):
    """Codex, with what `setup` writes, in a worktree beside Claude Code's: it reads of the claim before it may patch."""
    main, tree = lab.project("alice"), lab.project("cody")
    _worktrees(main, tree)
    alice = Claude(lab, "alice", _claims())
    alice.prompt("Claim src for the new parser.", 60)
    Newcomer(lab, "codex").bridge("setup", "codex")
    cody = Codex(lab, "cody", _patches(tree / "src" / "parser.rs"), by_setup=True)
    _offers_patches(lab)
    cody.execute("Write src/parser.rs.").ended()
    file = tree / "src" / "parser.rs"
    until("the patch", lambda: file.exists() and file.read_text() == "cody\n", 30)
