use super::*;

/// Records every event.
#[derive(Default)]
struct SeenEvents(Vec<String>);

impl Handler for SeenEvents {
    fn comment(&mut self, _: &[u8]) {}
    fn statement(&mut self, statement: Statement) -> Result<Next> {
        self.0.push(format!("{statement:?}"));
        Ok(Next::Continue)
    }
    fn row(&mut self, line: &[u8]) -> Result<()> {
        self.0.push(String::from_utf8_lossy(line).into_owned());
        Ok(())
    }
    fn rows_end(&mut self) -> Result<()> {
        self.0.push("end".into());
        Ok(())
    }
}

/// Gives only a few bytes at a time, as a pipe may.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buffer.len());
        let (now, later) = self.0.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nSET x = 1;\n\
    COPY s.a (b) FROM stdin;\none\n\\\\.\n-- PostgreSQL database dump complete\n\n\\.\n\n\n\
    --\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n";

fn read(text: &str, drip: usize) -> (Result<ReaderEnd>, Vec<String>) {
    let mut notes = SeenEvents::default();
    (read_dump(Drip(text.as_bytes(), drip), &mut notes), notes.0)
}

#[test]
fn rows_are_handed_on_byte_for_byte_whatever_the_size_of_reads() {
    for drip in [1, 2, 7, 1000] {
        let (end, notes) = read(DUMP, drip);
        assert_eq!(end, Ok(ReaderEnd::Complete));
        assert_eq!(notes[2..], ["one", "\\\\.", "-- PostgreSQL database dump complete", "", "end"]);
    }
}

#[test]
fn a_dump_cut_anywhere_before_its_last_word_is_never_complete() {
    let last_word = DUMP.trim_end().len();
    for cut in 0..last_word {
        let (end, _) = read(&DUMP[..cut], 50);
        assert!(matches!(end, Ok(ReaderEnd::Cut(_)) | Err(_)), "cut at {cut}: {end:?}");
    }
    assert_eq!(read(&DUMP[..last_word], 50).0, Ok(ReaderEnd::Complete));
}

#[test]
fn a_trailer_that_is_not_the_last_thing_proves_nothing() {
    let (end, _) = read(&format!("{DUMP}SELECT 1;\n"), 50);
    assert!(matches!(end, Ok(ReaderEnd::Cut(_))), "{end:?}");
    assert!(read(&format!("{DUMP}{DUMP}"), 50).0.is_err());
}

#[test]
fn a_row_much_longer_than_a_block_is_one_row() {
    let long = "x".repeat(5 * BLOCK_BYTES + 3);
    let (end, notes) = read(&DUMP.replace("one", &format!("{long}\nshort")), 100_000);
    assert_eq!(end, Ok(ReaderEnd::Complete));
    assert_eq!((notes[2].len(), notes[3].as_str()), (long.len(), "short"));
}

#[test]
fn windows_line_ends_and_unsafe_encodings_are_refused() {
    assert!(read(&DUMP.replace('\n', "\r\n"), 50).0.is_err());
    assert!(read(&DUMP.replace("SET x = 1", "SET client_encoding = 'SJIS'"), 50).0.is_err());
}
