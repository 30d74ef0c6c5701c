//! Parses a row line (text format of COPY) into values.
//!
//! Only for the output of differences; the digest is computed over the line as it is.

/// Values of one row line, in the order of its columns; `None` is NULL.
pub fn values(line: &[u8]) -> Vec<Option<Vec<u8>>> {
    fields(line).map(unescape).collect()
}

/// The raw fields of a row line, still escaped. A tab within a value is written `\t`, so tabs only separate.
pub fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b'\t')
}

/// The same row with its columns in another order: field `order[i]` becomes field `i`. `None` when a field is missing.
pub fn reorder(line: &[u8], order: &[usize]) -> Option<Vec<u8>> {
    let fields: Vec<&[u8]> = fields(line).collect();
    let picked: Option<Vec<&[u8]>> = order.iter().map(|&index| fields.get(index).copied()).collect();
    Some(picked?.join(&b'\t'))
}

/// Source: PostgreSQL manual, COPY, "Text Format".
fn unescape(field: &[u8]) -> Option<Vec<u8>> {
    if field == b"\\N" {
        return None;
    }
    let mut value = Vec::with_capacity(field.len());
    let mut bytes = field.iter();
    while let Some(&byte) = bytes.next() {
        value.push(match (byte, if byte == b'\\' { bytes.next() } else { None }) {
            (b'\\', Some(b'b')) => 8,
            (b'\\', Some(b'f')) => 12,
            (b'\\', Some(b'n')) => b'\n',
            (b'\\', Some(b'r')) => b'\r',
            (b'\\', Some(b't')) => b'\t',
            (b'\\', Some(b'v')) => 11,
            (b'\\', Some(&other)) => other,
            (other, _) => other,
        });
    }
    Some(value)
}

/// The reverse: what COPY writes for a value. `None` is NULL.
pub fn escape(value: Option<&[u8]>) -> Vec<u8> {
    let Some(value) = value else { return b"\\N".to_vec() };
    let mut field = Vec::with_capacity(value.len());
    for &byte in value {
        match byte {
            8 => field.extend(b"\\b"),
            12 => field.extend(b"\\f"),
            b'\n' => field.extend(b"\\n"),
            b'\r' => field.extend(b"\\r"),
            b'\t' => field.extend(b"\\t"),
            11 => field.extend(b"\\v"),
            b'\\' => field.extend(b"\\\\"),
            other => field.push(other),
        }
    }
    field
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_come_back_from_the_line(row in prop::collection::vec(prop::option::of(any::<Vec<u8>>()), 1..6)) {
            let line = row.iter().map(|value| escape(value.as_deref())).collect::<Vec<_>>().join(&b'\t');
            prop_assert_eq!(values(&line), row);
        }

        #[test]
        fn different_rows_are_different_lines(a in prop::collection::vec(prop::option::of("[ab\\\\N\t]{0,3}"), 2), b in prop::collection::vec(prop::option::of("[ab\\\\N\t]{0,3}"), 2)) {
            let line = |row: &[Option<String>]| row.iter().map(|v| escape(v.as_ref().map(String::as_bytes))).collect::<Vec<_>>().join(&b'\t');
            prop_assert_eq!(a == b, line(&a) == line(&b));
        }
    }

    #[test]
    fn columns_are_reordered_by_position() {
        assert_eq!(reorder(b"1\t\\N\tx", &[2, 0, 1]), Some(b"x\t1\t\\N".to_vec()));
        assert_eq!(reorder(b"1", &[1]), None);
    }
}
