//! Patterns of `exclude` in `[[files]]`: a part of those of rsync, which gets the same patterns.
//!
//! `*` is any text without `/`, `?` one byte. A pattern that begins with `/`, or has one in its middle, is matched from the right number
//! of names: `/a/b` from the top, `a/b` at any depth. One that ends with `/` matches directories only. What is below an excluded
//! directory is excluded.

use crate::base::error::{Error, Result};

/// All patterns of a section.
#[derive(Debug, Clone, Default)]
pub struct Exclude {
    patterns: Vec<ExcludePattern>,
}

#[derive(Debug, Clone)]
struct ExcludePattern {
    names: Vec<Vec<u8>>,
    is_from_top: bool,
    is_of_directory: bool,
}

impl Exclude {
    /// Reads the patterns.
    ///
    /// # Errors
    /// With one that rsync would take for something else, or that is not known here.
    pub fn new(patterns: &[String]) -> Result<Self> {
        let patterns = patterns.iter().map(|text| ExcludePattern::new(text)).collect::<Result<_>>()?;
        Ok(Self { patterns })
    }

    /// Whether the entry, or a directory above it, is left out.
    pub fn has(&self, path: &[u8], is_directory: bool) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        (1..=names.len()).any(|depth| {
            let (part, is_directory) = (&names[..depth], is_directory || depth < names.len());
            self.patterns.iter().any(|pattern| pattern.matches(part, is_directory))
        })
    }
}

impl ExcludePattern {
    fn new(text: &str) -> Result<Self> {
        let body = text.strip_suffix('/').unwrap_or(text);
        let (is_from_top, is_of_directory) = (body.starts_with('/'), body.len() < text.len());
        let body = body.strip_prefix('/').unwrap_or(body);
        let names: Vec<Vec<u8>> = body.split('/').map(|name| name.as_bytes().to_vec()).collect();
        let has_other = text.contains("**") || text.contains(['[', '\\', '\0', '\n', '\r']);
        let is_rule = ["+ ", "- ", "+_", "-_", "! "].iter().any(|rule| text.starts_with(rule)) || text == "!";
        let is_no_name = |name: &Vec<u8>| name.is_empty() || name == b"." || name == b"..";
        if has_other || is_rule || names.iter().any(is_no_name) {
            let hint =
                "names with * and ?, a / in front for the top of the directory, a / at the end for directories only";
            return Err(Error::new(format!("{text:?} is not a pattern that is known here")).hint(hint));
        }
        Ok(Self { names, is_from_top, is_of_directory })
    }

    fn matches(&self, path: &[&[u8]], is_directory: bool) -> bool {
        let Some(above) = path.len().checked_sub(self.names.len()) else { return false };
        if (self.is_from_top && above > 0) || (self.is_of_directory && !is_directory) {
            return false;
        }
        self.names.iter().zip(&path[above..]).all(|(pattern, name)| fits(pattern, name))
    }
}

/// `*` and `?` in one name, without backtracking over more than the last `*`.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from, mut star) = (0, 0, None);
    while from < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((back, begun)) = star else { return false };
                star = Some((back, begun + 1));
                (at, from) = (back + 1, begun + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(pattern: &str, path: &str, is_directory: bool) -> bool {
        Exclude::new(&[pattern.to_owned()]).unwrap().has(path.as_bytes(), is_directory)
    }

    #[test]
    fn a_pattern_is_matched_as_rsync_does() {
        for (pattern, path, is_directory, wanted) in [
            ("*.tmp", "a/b.tmp", false, true),
            ("*.tmp", "a/b.tmp/c", false, true),
            ("/cache/", "cache/x/y", false, true),
            ("/cache/", "cache", false, false),
            ("/cache/", "a/cache/x", false, false),
            ("cache/", "a/cache/x", false, true),
            ("a/b", "x/a/b", false, true),
            ("/a/b", "x/a/b", false, false),
            ("a*c?", "abbcd", false, true),
            ("a*c?", "abbc", false, false),
            ("*", "a", false, true),
            ("lost+found", "lost+found", true, true),
        ] {
            assert_eq!(has(pattern, path, is_directory), wanted, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_that_means_something_else_to_rsync_is_refused() {
        for pattern in ["", "/", "+ a", "- a", "!", "a/**", "[a]", "a\\b", "a//b", "../a", "."] {
            assert!(Exclude::new(&[pattern.to_owned()]).is_err(), "{pattern}");
        }
    }
}
