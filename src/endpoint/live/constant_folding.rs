//! Finds what the server would evaluate while it plans a query: calls with constant arguments in the expressions of indexes,
//! statistics and partition keys. The planner folds these as the user of the query, not as the owner of the index.
//!
//! Reads the stored form of expressions (`pg_node_tree`): nodes in braces, `:field value` in them, other braces escaped by a backslash.

/// Whether this function, or this operator of it, is called with nothing but constants somewhere in the expression.
pub fn calls_with_constants_only(tree: &str, function: &str, operator: Option<&str>) -> bool {
    let mut open: Vec<Node> = Vec::new();
    let mut found = false;
    let mut field = "";
    for token in tokens(tree) {
        match token {
            "{" => open.push(Node::default()),
            "}" => {
                let node = open.pop().unwrap_or_default();
                found |= node.is_call && !node.has_column;
                if let Some(outer) = open.last_mut() {
                    outer.has_column |= node.has_column;
                }
            }
            _ => {
                if let Some(node) = open.last_mut() {
                    node.has_column |= token == "VAR" && field.is_empty();
                    node.is_call |= ["funcid", "opfuncid"].contains(&field) && token == function;
                    node.is_call |= field == "opno" && Some(token) == operator;
                }
            }
        }
        field = token.strip_prefix(':').unwrap_or_default();
    }
    // An expression that cannot be parsed counts as one with such a call.
    found || !open.is_empty() || !tree.contains('{')
}

/// One node, as far as it has been read.
#[derive(Default)]
struct Node {
    is_call: bool,
    has_column: bool,
}

/// Braces by themselves, and words. An escaped brace stays in its word.
fn tokens(tree: &str) -> impl Iterator<Item = &str> {
    let mut rest = tree;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "()".contains(c));
        let end = if rest.starts_with(['{', '}']) { 1 } else { word_end(rest) };
        let (token, after) = rest.split_at(end);
        rest = after;
        Some(token).filter(|token| !token.is_empty())
    })
}

fn word_end(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        if !is_escaped && (c.is_whitespace() || "{}()".contains(c)) {
            return at;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMN: &str = "({FUNCEXPR :funcid 16500 :funcresulttype 23 :args ({VAR :varno 1 :varattno 1} {CONST :constvalue 4 [ 1 0 0 0 ]})})";
    const CONSTANT: &str = "({OPEXPR :opno 551 :opfuncid 177 :args ({VAR :varno 1} {FUNCEXPR :funcid 16500 :args ({CONST :consttype 23})})})";

    #[test]
    fn a_call_is_folded_when_no_column_is_in_it() {
        assert!(!calls_with_constants_only(COLUMN, "16500", None));
        assert!(calls_with_constants_only(CONSTANT, "16500", None));
        assert!(!calls_with_constants_only(CONSTANT, "16501", None));
        assert!(!calls_with_constants_only(CONSTANT, "177", Some("551")));
    }

    #[test]
    fn an_escaped_brace_is_text_and_what_is_cut_is_not_harmless() {
        let text = r"{FUNCEXPR :funcid 9 :name a\{b :args ({VAR :varno 1})}";
        assert!(!calls_with_constants_only(text, "9", None));
        assert!(calls_with_constants_only("{FUNCEXPR :funcid 9 :args ({VAR :varno 1})", "9", None));
        assert!(calls_with_constants_only("", "9", None));
    }
}
