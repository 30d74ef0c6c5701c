//! Small tools for lines of text: numbers, wrapping, cutting.
//!
//! Layout only; the callers make the messages.

use unicode_width::UnicodeWidthStr;

use super::printable::printable;

/// With thousands separators: `1,203,000`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `1,203,000 rows`.
pub fn grouped_noun(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// A text as one word of a shell.
pub fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `512 B`, `1.2 GB`; powers of 1,000.
pub fn bytes(count: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    let mut text = format!("{count} B");
    let mut size = 1u64;
    for unit in units {
        let Some(next) = size.checked_mul(1000).filter(|next| count >= *next) else { break };
        size = next;
        let tenths = u128::from(count) * 10 / u128::from(size);
        text = if tenths < 100 {
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        } else {
            format!("{} {unit}", tenths / 10)
        };
    }
    text
}

/// `45 ms`, `7.2 s`, `3 min 20 s`, `2 h 05 min`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..10 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// How many terminal cells a text takes; a wide character takes two.
pub fn cells(text: &str) -> usize {
    text.width()
}

/// Breaks a text at spaces into lines of at most `width` cells; a longer word stays whole, so that it can be copied.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && cells(&line) + 1 + cells(word) > width {
            lines.push(std::mem::take(&mut line));
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Cuts a printable text to `width` cells; `…` says that there was more.
pub fn cut(text: &str, width: usize) -> String {
    if cells(text) <= width {
        return text.to_owned();
    }
    let mut taken = 0;
    let kept: String = text
        .chars()
        .take_while(|c| {
            taken += unicode_width::UnicodeWidthChar::width(*c).unwrap_or(0);
            taken < width
        })
        .collect();
    format!("{}…", kept.trim_end())
}

/// How much of a value is shown.
const VALUE_CHARS: usize = 60;
/// How much of what is the same is shown in front of the first difference.
const LEAD_CHARS: usize = 12;

/// Two values that differ, made printable; of long ones the part around the first difference.
pub fn value_pair(expected: &str, actual: &str) -> (String, String) {
    let same = expected.chars().zip(actual.chars()).take_while(|(e, a)| e == a).count();
    let is_short = |text: &str| text.chars().nth(VALUE_CHARS).is_none();
    let start = if is_short(expected) && is_short(actual) { 0 } else { same.saturating_sub(LEAD_CHARS) };
    (window(expected, start), window(actual, start))
}

fn window(text: &str, start: usize) -> String {
    let mut rest = text.chars().skip(start);
    let shown: String = rest.by_ref().take(VALUE_CHARS).collect();
    let front = if start > 0 { "…" } else { "" };
    let back = if rest.next().is_some() { "…" } else { "" };
    format!("{front}{}{back}", with_edges(&shown))
}

/// A space at an edge, or nothing at all, could not be seen next to other text.
fn with_edges(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    let shown = printable(text);
    let (front, middle) = shown.strip_prefix(' ').map_or(("", shown.as_str()), |rest| ("\\u{20}", rest));
    let (middle, back) = middle.strip_suffix(' ').map_or((middle, ""), |rest| (rest, "\\u{20}"));
    format!("{front}{middle}{back}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let shown = [0, 999, 1000, 1_234_567, u64::MAX].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567", "18,446,744,073,709,551,615"]);
    }

    #[test]
    fn sizes_and_durations_are_short() {
        let shown = [0, 999, 1000, 1_250_000, 123_456_789, u64::MAX].map(bytes);
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "1.2 MB", "123 MB", "18 EB"]);
        let shown = [45, 7_290, 59_999, 200_000, 7_500_000].map(duration);
        assert_eq!(shown, ["45 ms", "7.2 s", "59 s", "3 min 20 s", "2 h 05 min"]);
    }

    #[test]
    fn wrapping_loses_nothing() {
        let text = "one  two three 東京東京 four";
        assert_eq!(wrap(text, 10).join(" "), text);
        assert!(wrap(text, 10).iter().all(|line| cells(line) <= 10));
    }

    #[test]
    fn a_cut_text_says_so() {
        assert_eq!(cut("東京東京", 5), "東京…");
        assert_eq!(cut("東京", 4), "東京");
    }

    #[test]
    fn a_space_at_an_edge_is_seen() {
        assert_eq!(value_pair("paid", "paid "), ("paid".to_owned(), "paid\\u{20}".to_owned()));
        assert_eq!(value_pair(" ", ""), ("\\u{20}".to_owned(), "''".to_owned()));
    }

    #[test]
    fn long_values_are_shown_around_their_first_difference() {
        let (expected, actual) = ("x".repeat(500) + "10.00 paid", "x".repeat(500) + "10.01 paid");
        let (expected, actual) = value_pair(&expected, &actual);
        assert_eq!(expected, "…xxxxxxxx10.00 paid");
        assert_eq!(actual, "…xxxxxxxx10.01 paid");
    }
}
