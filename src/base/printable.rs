//! Makes any text visible and harmless on a terminal: names and values in a database are untrusted input.
//!
//! Control characters, escape sequences and invisible characters become escapes that can be read back, so two different texts are
//! never shown the same way.

/// One line of visible characters. A newline becomes `\n`, ESC becomes `\u{1b}`, a bidi override `\u{202e}`.
///
/// A backslash is doubled only where it could be taken for one of our escapes, so `'^\d+$'` stays as people wrote it.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\\' if looks_like_escape(rest.as_str()) => shown.push_str("\\\\"),
            c if is_hidden(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Whether a backslash in front of this would be read as the start of an escape.
fn looks_like_escape(rest: &str) -> bool {
    rest.starts_with("u{") || rest.starts_with(|c| matches!(c, '\\' | 'n' | 'r' | 't') || is_hidden(c))
}

/// Whether a reader could not see this character, or could not tell it from a space.
pub fn is_hidden(c: char) -> bool {
    match c {
        ' '..='~' => false,
        // Fillers and variation selectors: letters and marks by their class, yet nothing is drawn.
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' => true,
        '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => true,
        // The standard library knows which characters are printable, but its escape of a lone character also
        // escapes accents; behind a letter they are left alone.
        c => format!("a{c}").escape_debug().nth(1) == Some('\\'),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in ["shop.orders", "'^\\d+$'", "C:\\Users", "naïve", "e\u{301}", "東京", "👩", "a \"b\" 'c'", "\\"]
        {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(printable("\u{1b}[2J\u{9b}31m\u{7}"), "\\u{1b}[2J\\u{9b}31m\\u{7}");
    }

    #[test]
    fn bidi_overrides_and_invisible_characters_are_seen() {
        assert_eq!(printable("a\u{202e}b\u{2066}c\u{200b}d\u{a0}e"), "a\\u{202e}b\\u{2066}c\\u{200b}d\\u{a0}e");
        assert_eq!(printable("\u{3164}\u{fe0f}\u{feff}\u{2028}"), "\\u{3164}\\u{fe0f}\\u{feff}\\u{2028}");
    }

    #[test]
    fn a_newline_and_a_backslash_with_n_are_not_alike() {
        assert_eq!(printable("a\nb"), "a\\nb");
        assert_eq!(printable("a\\nb"), "a\\\\nb");
    }

    /// The inverse of `printable`.
    fn read_back(shown: &str) -> String {
        let mut text = String::new();
        let mut rest = shown;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            let Some(next) = rest.chars().next().filter(|_| c == '\\') else {
                text.push(c);
                continue;
            };
            let meant = match next {
                'n' => Some('\n'),
                'r' => Some('\r'),
                't' => Some('\t'),
                '\\' => Some('\\'),
                'u' if rest.starts_with("u{") => {
                    let end = rest.find('}').unwrap();
                    let code = u32::from_str_radix(&rest[2..end], 16).unwrap();
                    rest = &rest[end..];
                    char::from_u32(code)
                }
                _ => None,
            };
            if meant.is_some() {
                rest = &rest[1..];
            }
            text.push(meant.unwrap_or('\\'));
        }
        text
    }

    proptest! {
        #[test]
        fn different_texts_never_look_alike(text in "[\\\\nrtu{}1b\n\t\u{1b}\u{202e}é a]{0,12}|\\PC*|.*") {
            prop_assert_eq!(read_back(&printable(&text)), text);
        }

        #[test]
        fn nothing_that_controls_a_terminal_is_left(text in any::<String>()) {
            prop_assert!(!printable(&text).chars().any(char::is_control));
        }
    }
}
