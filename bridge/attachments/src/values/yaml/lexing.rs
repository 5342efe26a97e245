//! The few places that the library's events do not give: of what comes before a scalar, and where a quoted one ends.

/// Passes over blanks, line ends and comments.
pub(super) fn skip_space(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\t' | b'\n' | b'\r') => at += 1,
            // A comment begins behind a blank, or a line.
            Some(b'#') if at == 0 || bytes[at - 1].is_ascii_whitespace() => {
                at = text[at..].find(['\n', '\r']).map_or(text.len(), |end| at + end);
            }
            _ => return at,
        }
    }
}

/// Behind the signs of entries (`:`, `-`, `?`) that follow, if any do.
pub(super) fn after_indicators(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = at;
    loop {
        let next = skip_space(text, end);
        let is_sign = matches!(bytes.get(next), Some(b':' | b'-' | b'?'));
        let is_alone = bytes
            .get(next + 1)
            .is_none_or(|byte| byte.is_ascii_whitespace() || b",]}".contains(byte));
        if !is_sign || !is_alone {
            return end;
        }
        end = next + 1;
    }
}

/// Behind the colon that follows a key, if one does.
pub(super) fn after_colon(text: &str, key_end: usize) -> Option<usize> {
    let colon = skip_space(text, key_end);
    (text.as_bytes().get(colon) == Some(&b':')).then_some(colon + 1)
}

/// Where a node's content begins, behind its tag and anchor, and where the last of those ends.
pub(super) fn after_properties(text: &str, at: usize) -> (usize, usize) {
    let mut end = at;
    loop {
        let next = skip_space(text, end);
        if !matches!(text.as_bytes().get(next), Some(b'!' | b'&')) {
            return (next, end);
        }
        let is_end = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}');
        // A verbatim tag may have brackets in it.
        end = if text[next..].starts_with("!<") {
            text[next..].find('>').map_or(text.len(), |close| next + close + 1)
        } else {
            text[next..].find(is_end).map_or(text.len(), |length| next + length)
        };
    }
}

/// Behind the quote that ends what the quote here begins.
pub(super) fn quoted_end(text: &str, open: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.get(open).filter(|quote| matches!(quote, b'"' | b'\''))?;
    let mut at = open + 1;
    loop {
        let byte = *bytes.get(at)?;
        if byte == quote {
            if quote == b'\'' && bytes.get(at + 1) == Some(&quote) {
                at += 2;
                continue;
            }
            return Some(at + 1);
        }
        at += if quote == b'"' && byte == b'\\' { 2 } else { 1 };
    }
}

/// Behind the header of a block scalar: `|` or `>` with what it says of indentation and the last line ends.
pub(super) fn header_end(text: &str, at: usize) -> Option<usize> {
    let header = text[at..].strip_prefix(['|', '>'])?;
    let rest =
        header.trim_start_matches(['+', '-']).trim_start_matches(|c: char| c.is_ascii_digit());
    Some(text.len() - rest.trim_start_matches(['+', '-']).len())
}
