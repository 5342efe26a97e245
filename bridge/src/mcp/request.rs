//! The requests that are served, in the types of `rmcp`: built here of what clients write, since rmcp refuses much of it and
//! quotes the rest in its errors.

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, GetPromptRequest,
    GetPromptRequestParams, RequestMetaObject, SKILLS_EXTENSION_ID, skill_name_from_uri,
};
use serde_json::{Map, Value, json};

use super::envelope::{self, RpcErrorKind};

/// The methods of requests that are served. Clients ask for resources even where none are announced.
const SERVED: [&str; 12] = [
    INITIALIZE,
    "server/discover",
    "ping",
    "tools/list",
    CALL,
    "prompts/list",
    GET_PROMPT,
    "resources/list",
    "resources/templates/list",
    READ_RESOURCE,
    "skills/list",
    GET_SKILL,
];

/// The method of a tool's call.
pub(super) const CALL: &str = "tools/call";
const GET_PROMPT: &str = "prompts/get";
const READ_RESOURCE: &str = "resources/read";
const GET_SKILL: &str = "skills/get";
/// The method that opens a session of a stateful version.
pub(super) const INITIALIZE: &str = "initialize";
/// Where a request has what is not for its method, and what a stateless version puts there.
const META: &str = "_meta";
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CLIENT: &str = "io.modelcontextprotocol/clientInfo";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// How many texts the arguments of a call may be wrapped in.
const MOST_TEXTS: u32 = 2;

/// Marks a call whose arguments are no object, for its tool to say so.
#[derive(Clone, Copy)]
pub(super) struct BadArguments;

/// A request in rmcp's types, if its method is served and its parameters fit.
///
/// # Errors
/// They do not, or it is not.
pub(super) fn typed(
    method: &str,
    params: Map<String, Value>,
) -> Result<ClientRequest, RpcErrorKind> {
    let params = match method {
        CALL => return call(params),
        GET_PROMPT => return prompt(params),
        INITIALIZE => opening(&params),
        READ_RESOURCE | GET_SKILL => located(method, params)?,
        // The lists have no further pages.
        _ if SERVED.contains(&method) => json!({ META: meta(params) }),
        _ => return Err(RpcErrorKind::UnknownMethod),
    };
    // rmcp makes a custom request of parameters that do not fit the method.
    match serde_json::from_value(json!({ "method": method, "params": params })) {
        Ok(ClientRequest::CustomRequest(_)) | Err(_) => Err(RpcErrorKind::BadParams),
        Ok(request) => Ok(request),
    }
}

/// The parameters of a request for what is at a URI. A skill's must be that of its `SKILL.md`, which rmcp checks, too, but
/// repeats what it was sent.
fn located(method: &str, mut params: Map<String, Value>) -> Result<Value, RpcErrorKind> {
    let Some(Value::String(uri)) = params.remove("uri") else {
        return Err(RpcErrorKind::BadParams);
    };
    if method == GET_SKILL && skill_name_from_uri(&uri).is_none() {
        return Err(RpcErrorKind::BadParams);
    }
    Ok(json!({ "uri": uri, META: meta(params) }))
}

/// The parameters of `initialize` that are read here: the version, the client's name, and of what it can do only what
/// matters. rmcp refuses a session whose client describes itself in any other way than rmcp expects.
fn opening(params: &Map<String, Value>) -> Value {
    let version = params.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
    let capabilities = capabilities(params.get("capabilities"));
    let client = client_info(params.get("clientInfo"));
    json!({ "protocolVersion": version, "capabilities": capabilities, "clientInfo": client })
}

/// What a client says that it can do, as far as it matters: whether it has roots, in which ways it asks its person, and
/// whether it knows skills.
fn capabilities(all: Option<&Value>) -> Value {
    let mut known = Map::new();
    if all.is_some_and(|all| all["roots"].is_object()) {
        known.insert("roots".to_owned(), json!({}));
    }
    if let Some(ways) = all.and_then(|all| all["elicitation"].as_object()) {
        let named =
            ["form", "url"].into_iter().filter(|way| ways.get(*way).is_some_and(Value::is_object));
        let named: Map<_, _> = named.map(|way| (way.to_owned(), json!({}))).collect();
        known.insert("elicitation".to_owned(), named.into());
    }
    if all.is_some_and(|all| all["extensions"][SKILLS_EXTENSION_ID].is_object()) {
        known.insert("extensions".to_owned(), json!({ SKILLS_EXTENSION_ID: {} }));
    }
    Value::Object(known)
}

/// What a client says of itself: its name, or an empty one.
fn client_info(info: Option<&Value>) -> Value {
    let name = info.and_then(|info| info.as_str().or_else(|| info["name"].as_str()));
    json!({ "name": name.unwrap_or_default(), "version": "" })
}

/// The `_meta` of a request. With a stateless version it describes the client, as `initialize` does otherwise.
fn meta(mut params: Map<String, Value>) -> Map<String, Value> {
    let Some(Value::Object(mut meta)) = params.remove(META) else { return Map::new() };
    if meta.get(META_VERSION).is_some_and(Value::is_string) {
        let client = client_info(meta.get(META_CLIENT));
        meta.insert(META_CLIENT.to_owned(), client);
        let capabilities = capabilities(meta.get(META_CAPABILITIES));
        meta.insert(META_CAPABILITIES.to_owned(), capabilities);
    }
    meta
}

/// A call of a tool in rmcp's types. It is built here, because rmcp's own parser tries one type after the other and
/// copies all of the arguments each time.
fn call(mut params: Map<String, Value>) -> Result<ClientRequest, RpcErrorKind> {
    let Some(Value::String(name)) = params.remove("name") else {
        return Err(RpcErrorKind::BadParams);
    };
    let arguments = arguments(params.remove("arguments"), MOST_TEXTS);
    let is_bad = arguments.is_none();
    let mut call = CallToolRequestParams::new(name).with_arguments(arguments.unwrap_or_default());
    call.request_state = params.remove("requestState").and_then(|state| match state {
        Value::String(state) => Some(state),
        _ => None,
    });
    call.input_responses = params.remove("inputResponses").and_then(|answers| match answers {
        Value::Object(answers) => Some(answers.into_iter().collect()),
        _ => None,
    });
    let mut request = CallToolRequest::new(call);
    request.extensions.insert(RequestMetaObject::from(meta(params)));
    if is_bad {
        request.extensions.insert(BadArguments);
    }
    Ok(request.into())
}

/// A request for a prompt in rmcp's types, built here for the same reason.
fn prompt(mut params: Map<String, Value>) -> Result<ClientRequest, RpcErrorKind> {
    let Some(Value::String(name)) = params.remove("name") else {
        return Err(RpcErrorKind::BadParams);
    };
    let arguments = params.remove("arguments");
    let arguments = self::arguments(arguments, MOST_TEXTS).ok_or(RpcErrorKind::BadParams)?;
    let prompt = GetPromptRequestParams::new(name).with_arguments(arguments);
    let mut request = GetPromptRequest::new(prompt);
    request.extensions.insert(RequestMetaObject::from(meta(params)));
    Ok(request.into())
}

/// The arguments of a call. Some clients write them as a text, some as a text within a text.
fn arguments(value: Option<Value>, texts: u32) -> Option<Map<String, Value>> {
    match value {
        Some(Value::String(text)) if text.trim().is_empty() => Some(Map::new()),
        Some(Value::String(text)) if texts > 0 => {
            arguments(Some(serde_json::from_str(&text).ok()?), texts - 1)
        }
        value => envelope::object(value),
    }
}

/// The parameters of a request, written so that rmcp reads what the client means, and whether the arguments of a call are no
/// object. Everything else stays as it is: over HTTP, rmcp itself answers what is wrong with a request.
pub(super) fn plain_params(
    method: &str,
    mut params: Map<String, Value>,
) -> (Map<String, Value>, Option<BadArguments>) {
    match method {
        INITIALIZE => {
            if let Value::Object(plain) = opening(&params) {
                params.extend(plain);
            }
            (params, None)
        }
        CALL | GET_PROMPT => {
            let arguments = arguments(params.remove("arguments"), MOST_TEXTS);
            let bad = arguments.is_none().then_some(BadArguments);
            params.insert("arguments".to_owned(), arguments.unwrap_or_default().into());
            (params, bad)
        }
        _ => (params, None),
    }
}
