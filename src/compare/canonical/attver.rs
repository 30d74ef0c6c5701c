//! `pg_attver`: a counter that servers from 15.20 and 17.12 on keep among the options of a column (see src/nightly/dumping/versions.rs).
//! It is not compared: pg_dump of these versions leaves it out, and manifests that earlier versions of this program saved have it.

const MARKER: &str = "pg_attver=";

/// A line of a definition without the marker; None if the line held nothing else.
pub fn removed(kind: &str, line: &str) -> Option<String> {
    let (before, options) = match kind {
        "column" => ("", line.strip_prefix("options ")),
        "materialized_view" => line.rsplit_once(" options ").map_or(("", None), |(before, list)| (before, Some(list))),
        _ => ("", None),
    };
    let Some(options) = options.filter(|options| options.contains(MARKER)) else { return Some(line.to_owned()) };
    let kept: Vec<&str> = options.split(", ").filter(|option| !is_marker(option)).collect();
    let words = if before.is_empty() { "options" } else { " options" };
    let list = if kept.is_empty() { String::new() } else { format!("{words} {}", kept.join(", ")) };
    Some(format!("{before}{list}")).filter(|line| !line.is_empty())
}

fn is_marker(option: &str) -> bool {
    option.strip_prefix(MARKER).is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marker_is_removed() {
        let removed = |kind, line| removed(kind, line).unwrap_or_default();
        assert_eq!(removed("column", "options pg_attver=12"), "");
        assert_eq!(removed("column", "options n_distinct=5, pg_attver=1"), "options n_distinct=5");
        assert_eq!(removed("materialized_view", "id integer options pg_attver=3"), "id integer");
        assert_eq!(
            removed("materialized_view", "id integer options n_distinct=1, pg_attver=3"),
            "id integer options n_distinct=1"
        );
        for kept in ["fdw options pg_attver=1", "options pg_attver=x", "options n_distinct=5", "not null"] {
            assert_eq!(removed("column", kept), kept);
        }
        assert_eq!(removed("table", "options pg_attver=1"), "options pg_attver=1");
    }
}
