"""The four protocols that clients speak with a model: how each shows a turn, and how each is told an act.

`turn(body)` reads a request; `events(act)` gives the answer as server-sent events, pairs of a name (or None) and
data. A call in an act is an (id, name, arguments).
"""
import json
import uuid

from script import Turn

STUB = "stub-model"


def flat(content):
    """The text of a content value, however deep its blocks lie."""
    if isinstance(content, list):
        return "\n".join(filter(None, map(flat, content)))
    if isinstance(content, dict):
        return flat(next((content[key] for key in ("text", "content", "output") if content.get(key)), ""))
    return content if isinstance(content, str) else ""


def since_ours(items, ours):
    """The items after the last one that the model itself made."""
    made = [index for index, item in enumerate(items) if ours(item)]
    return items[made[-1] + 1:] if made else items


def typed(name, **data):
    """An event that says its name inside, too."""
    return name, {"type": name, **data}


class Anthropic:
    """Messages: Claude Code."""

    @staticmethod
    def turn(body):
        blocks = []
        for message in since_ours(body["messages"], lambda one: one["role"] == "assistant"):
            content = message["content"]
            blocks += content if isinstance(content, list) else [{"type": "text", "text": content}]
        results = {block["tool_use_id"]: flat(block) for block in blocks if block["type"] == "tool_result"}
        return Turn(list(map(flat, blocks)), results, [tool.get("name", "") for tool in body.get("tools", [])])

    @staticmethod
    def message(act):
        content = [{"type": "text", "text": act.text}] if act.text else []
        content += [{"type": "tool_use", "id": id, "name": name, "input": given} for id, name, given in act.calls]
        return {"id": "msg_" + uuid.uuid4().hex, "type": "message", "role": "assistant", "model": STUB,
                "content": content, "stop_reason": "tool_use" if act.calls else "end_turn", "stop_sequence": None,
                "usage": {"input_tokens": 9, "output_tokens": 9}}

    @classmethod
    def events(cls, act):
        message = cls.message(act)
        yield typed("message_start", message=message | {"content": [], "stop_reason": None})
        for index, block in enumerate(message["content"]):
            if block["type"] == "text":
                empty, delta = {"text": ""}, {"type": "text_delta", "text": block["text"]}
            else:
                empty, delta = {"input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            yield typed("content_block_start", index=index, content_block=block | empty)
            yield typed("content_block_delta", index=index, delta=delta)
            yield typed("content_block_stop", index=index)
        stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
        yield typed("message_delta", delta=stop, usage=message["usage"])
        yield typed("message_stop")


class Responses:
    """OpenAI's Responses: Codex."""

    @staticmethod
    def turn(body):
        new = since_ours(body["input"], lambda one: one.get("role") == "assistant" or one["type"].endswith("_call"))
        results = {item["call_id"]: flat(item) for item in new if item["type"].endswith("_call_output")}
        names = []
        for tool in body.get("tools", []):
            # The tools of one MCP server come as a namespace.
            names += [f"{tool['name']}/{one['name']}" for one in tool.get("tools", [])] or [tool.get("name", "")]
        return Turn(list(map(flat, new)), results, names)

    @classmethod
    def events(cls, act):
        response = {"id": "resp_" + uuid.uuid4().hex, "object": "response", "model": STUB, "output": []}
        yield typed("response.created", response=response)
        items = [{"type": "message", "role": "assistant", "id": "msg_" + uuid.uuid4().hex,
                  "content": [{"type": "output_text", "text": act.text, "annotations": []}]}] if act.text else []
        items += map(cls._call, act.calls)
        for index, item in enumerate(items):
            yield typed("response.output_item.done", output_index=index, item=item)
        usage = {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18}
        yield typed("response.completed", response=response | {"output": items, "usage": usage})

    @staticmethod
    def _call(call):
        id, name, given = call
        if name == "exec":
            # Its argument is a program, as free text.
            return {"type": "custom_tool_call", "id": "ctc_" + id, "call_id": id, "name": name, "input": given["input"]}
        namespace, _, name = name.rpartition("/")
        item = {"type": "function_call", "id": "fc_" + id, "call_id": id, "name": name, "arguments": json.dumps(given)}
        return item | ({"namespace": namespace} if namespace else {})


class Chat:
    """OpenAI's chat completions: opencode."""

    @staticmethod
    def turn(body):
        new = since_ours(body["messages"], lambda one: one["role"] == "assistant")
        results = {one["tool_call_id"]: flat(one) for one in new if one["role"] == "tool"}
        return Turn(list(map(flat, new)), results, [tool["function"]["name"] for tool in body.get("tools", [])])

    @staticmethod
    def events(act):
        calls = [{"index": index, "id": id, "type": "function",
                  "function": {"name": name, "arguments": json.dumps(given)}}
                 for index, (id, name, given) in enumerate(act.calls)]
        delta = {"role": "assistant", "content": act.text} | ({"tool_calls": calls} if calls else {})
        chunk = {"id": "chat_" + uuid.uuid4().hex, "object": "chat.completion.chunk", "model": STUB}
        usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
        yield None, chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        end = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}
        yield None, chunk | {"choices": [end], "usage": usage}
        yield None, "[DONE]"


class Gemini:
    """Google's contents: Gemini CLI."""

    @classmethod
    def turn(cls, body):
        new = [part for one in since_ours(body["contents"], lambda one: one.get("role") == "model")
               for part in one["parts"]]
        # What a hook adds stands behind the result, in which, as it is JSON, no line is empty.
        texts = [cls._text(part).partition("\n\n\n<hook_context>") for part in new]
        results = {part["functionResponse"]["id"]: text for part, (text, *_) in zip(new, texts)
                   if "functionResponse" in part}
        names = [one["name"] for tool in body.get("tools", []) for one in tool.get("functionDeclarations", [])]
        return Turn([piece for pieces in texts for piece in pieces if piece], results, names)

    @staticmethod
    def _text(part):
        response = part.get("functionResponse", {}).get("response", {})
        return response.get("output") or response.get("error") or part.get("text", "")

    @staticmethod
    def message(act):
        parts = [{"text": act.text}] if act.text else []
        parts += [{"functionCall": {"id": id, "name": name, "args": given}} for id, name, given in act.calls]
        return {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
                "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 9, "totalTokenCount": 18}}

    @classmethod
    def events(cls, act):
        yield None, cls.message(act)


def of(path):
    """The protocol that a request's path speaks, or None."""
    ends = {"/messages": Anthropic, "/responses": Responses, "/chat/completions": Chat,
            ":generateContent": Gemini, ":streamGenerateContent": Gemini}
    return next((wire for end, wire in ends.items() if path.endswith(end)), None)
