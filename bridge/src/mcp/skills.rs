//! The skills as MCP serves them: each a resource `skill://NAME/SKILL.md`, listed with its digest by the skills extension
//! (SEP-2640, <https://modelcontextprotocol.io/extensions/skills/overview>).
//!
//! A client need not say that it knows the extension, so all clients are told of it except for those that are known not
//! to: to announce skills is to announce resources, and for those Gemini CLI and opencode give their model more tools, with
//! each request.

use rmcp::model::{
    CacheScope, ClientCapabilities, ErrorData, GetSkillResult, ListResourcesResult,
    ListSkillsResult, ReadResourceResult, Resource, ResourceContents, SKILLS_EXTENSION_ID,
    ServerCapabilities, Skill, SkillFrontmatter, SkillResource, SkillResources,
};

use crate::clients;
use crate::packages::{SKILLS, Skill as PackagedSkill};

const MIME_TYPE: &str = "text/markdown";
/// How long a client may keep what it was told: they change with the program alone.
const FRESH_MS: u64 = 3_600_000;

/// Whether the skills are announced to a client with this name and these capabilities.
pub(super) fn are_for(client: &str, capabilities: &ClientCapabilities) -> bool {
    let extensions = capabilities.extensions.as_ref();
    let says_so = extensions.is_some_and(|names| names.contains_key(SKILLS_EXTENSION_ID));
    says_so || !clients::is_known(client)
}

/// Takes the skills out of what the server announces.
pub(super) fn leave_out(capabilities: &mut ServerCapabilities) {
    capabilities.resources = None;
    capabilities.extensions = None;
}

/// All skills, with their files.
pub(super) fn list() -> ListSkillsResult {
    ListSkillsResult::with_all_items(SKILLS.iter().map(entry).collect())
        .with_ttl_ms(FRESH_MS)
        .with_cache_scope(CacheScope::Public)
}

/// The skill whose `SKILL.md` has this URI.
pub(super) fn get(asked: &str) -> Result<GetSkillResult, ErrorData> {
    let result = GetSkillResult::new(entry(find(asked)?));
    Ok(result.with_ttl_ms(FRESH_MS).with_cache_scope(CacheScope::Public))
}

/// The files of all skills, as resources.
pub(super) fn resources() -> ListResourcesResult {
    let resource = |skill: &PackagedSkill| {
        Resource::new(uri(skill), skill.name)
            .with_description(skill.description())
            .with_mime_type(MIME_TYPE)
            .with_size(skill.text.len() as u64)
    };
    ListResourcesResult::with_all_items(SKILLS.iter().map(resource).collect())
        .with_ttl_ms(FRESH_MS)
        .with_cache_scope(CacheScope::Public)
}

/// The file with this URI.
pub(super) fn read(asked: &str) -> Result<ReadResourceResult, ErrorData> {
    let skill = find(asked)?;
    let contents = ResourceContents::text(skill.text, uri(skill)).with_mime_type(MIME_TYPE);
    let result = ReadResourceResult::new(vec![contents]);
    Ok(result.with_ttl_ms(FRESH_MS).with_cache_scope(CacheScope::Public))
}

fn uri(skill: &PackagedSkill) -> String {
    format!("skill://{}/SKILL.md", skill.name)
}

fn find(asked: &str) -> Result<&'static PackagedSkill, ErrorData> {
    let unknown = || {
        let known: Vec<_> = SKILLS.iter().map(uri).collect();
        let known = known.join(" or ");
        ErrorData::invalid_params(
            format!("Invalid params: there is nothing at that uri. Use {known}."),
            None,
        )
    };
    SKILLS.iter().find(|skill| uri(skill) == asked).ok_or_else(unknown)
}

fn entry(skill: &PackagedSkill) -> Skill {
    let file = SkillResource::from_bytes(uri(skill), skill.text.as_bytes());
    let frontmatter = SkillFrontmatter::new(skill.name, skill.description());
    Skill::new(uri(skill), frontmatter, SkillResources::Files(vec![file]))
}
