//! The interceptor, with bytes that come in pieces of any size.

use std::sync::{Arc, Mutex};

use tokio::io::AsyncReadExt as _;

use super::*;

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len() + 4).unwrap().to_be_bytes();
    [&[kind][..], &length, payload].concat()
}

/// Stands for the end of a COPY.
const END: &[u8] = b"(end)";

fn gather(rows: &Arc<Mutex<Vec<Vec<u8>>>>) -> CopySink {
    let rows = Arc::clone(rows);
    Box::new(move |event| {
        let mut rows = rows.lock().unwrap();
        match event {
            CopyEvent::Rows(lines) => rows.extend(lines.iter().map(<[u8]>::to_vec)),
            CopyEvent::CopyEnd => rows.push(END.to_vec()),
        }
        true
    })
}

/// Two COPYs, the first one intercepted: what passes on, and the lines taken out, when the bytes come `chunk` at a time.
fn read(chunk: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let copy = [
        frame(b'H', b"\0\0\0"),
        frame(b'd', b"1\ta\n"),
        frame(b'N', b"notice"),
        frame(b'd', b"2\tb\n"),
        frame(b'c', b""),
    ];
    let bytes: Vec<u8> = [copy.concat(), frame(b'Z', b"I"), copy.concat()].concat();
    pass_through(bytes, chunk)
}

/// What passes on, and the rows of the first query.
fn pass_through(bytes: Vec<u8>, chunk: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let router = CopyRouter::default();
        let rows = Arc::new(Mutex::new(Vec::new()));
        router.next_copies(gather(&rows));
        let (mut near, far) = tokio::io::duplex(chunk);
        let write = async move { tokio::io::AsyncWriteExt::write_all(&mut near, &bytes).await.unwrap() };
        let mut interceptor = CopyInterceptor::new(far, router);
        let mut passed = Vec::new();
        let pass = async { interceptor.read_to_end(&mut passed).await.unwrap() };
        tokio::join!(write, pass);
        let rows = rows.lock().unwrap().clone();
        (passed, rows)
    })
}

#[test]
fn many_copies_of_one_query_are_taken_out_whole_and_told_apart() {
    let copy = |rows: &[&[u8]]| {
        let rows: Vec<u8> = rows.iter().flat_map(|row| frame(b'd', row)).collect();
        [frame(b'H', b"\0\0\0"), rows, frame(b'c', b""), frame(b'C', b"COPY")].concat()
    };
    let query = [copy(&[b"1\n", b"2\n"]), copy(&[]), copy(&[b"3\n"]), frame(b'Z', b"T")].concat();
    for chunk in [1, 2, 3, 5, 7, 4096] {
        let bytes = query.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (passed, copies) = runtime.block_on(async {
            let router = CopyRouter::default();
            let rows = Arc::new(Mutex::new(Vec::new()));
            router.next_copies(gather(&rows));
            let (mut near, far) = tokio::io::duplex(chunk);
            let write = async move { tokio::io::AsyncWriteExt::write_all(&mut near, &bytes).await.unwrap() };
            let mut interceptor = CopyInterceptor::new(far, router);
            let mut passed = Vec::new();
            let pass = async { interceptor.read_to_end(&mut passed).await.unwrap() };
            tokio::join!(write, pass);
            let rows = rows.lock().unwrap().clone();
            (passed, rows)
        });
        let completed = frame(b'C', b"COPY");
        assert_eq!(passed, [completed.clone(), completed.clone(), completed, frame(b'Z', b"T")].concat(), "{chunk}");
        let expected = [&b"1"[..], b"2", END, END, b"3", END];
        assert_eq!(copies, expected, "chunks of {chunk}");
    }
}

#[test]
fn rows_of_a_diverted_copy_are_taken_out_and_everything_else_passes() {
    let passed = [
        frame(b'N', b"notice"),
        frame(b'Z', b"I"),
        frame(b'H', b"\0\0\0"),
        frame(b'd', b"1\ta\n"),
        frame(b'N', b"notice"),
        frame(b'd', b"2\tb\n"),
        frame(b'c', b""),
    ]
    .concat();
    for chunk in [1, 2, 3, 5, 7, 4096] {
        let rows = [&b"1\ta"[..], b"2\tb", END].map(<[u8]>::to_vec).to_vec();
        assert_eq!(read(chunk), (passed.clone(), rows), "chunks of {chunk}");
    }
}
#[test]
fn lines_of_any_size_and_cut_into_frames_in_any_way_are_whole() {
    let long = vec![b'x'; 3 * BUFFER_BYTES];
    let near = vec![b'y'; BUFFER_BYTES - HEADER_BYTES - 1];
    let line = |line: &[u8]| frame(b'd', &[line, b"\n"].concat());
    let half = near.len() / 2;
    let frames = [
        frame(b'H', b"\0\0\0"),
        line(b"1"),
        line(&long),
        line(&near),
        frame(b'd', b"2\n\n3"),
        frame(b'd', b""),
        frame(b'd', b"\n4\n"),
        frame(b'd', &near[..half]),
        frame(b'd', &[&near[half..], b"\n5\n"].concat()),
        line(b"6\r"),
        frame(b'c', b""),
    ];
    let expected = [&b"1"[..], &long, &near, b"2", b"", b"3", b"4", &near, b"5", b"6\r", END];
    for chunk in [1000, 4096, BUFFER_BYTES, 10 * BUFFER_BYTES] {
        let (passed, rows) = pass_through(frames.concat(), chunk);
        assert!(rows == expected, "chunks of {chunk}");
        assert!(passed.is_empty(), "chunks of {chunk}");
    }
}
