//! SHA-256 of two lines at once, with the instructions that processors of the x86-64 kind have for it.
//!
//! A row line is short: its one or two blocks are a chain of instructions that each wait for the one before, and half of the
//! processor idles. Two lines side by side fill the gaps (measured: 45 ns instead of 76 ns a row of 100 bytes), and blocks are
//! read where they lie; only the last, padded ones are put together. It never decides anything: where it cannot be used, or has not
//! been written for, `sha2` does the same, and a property test holds the two against each other.
//!
//! Source: FIPS 180-4; Gulley et al., *Intel SHA Extensions*, 2013, for the order in which the words of the state are kept.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi64, _mm_set_epi32, _mm_set_epi64x, _mm_sha256msg1_epu32,
    _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
};

use super::SHA_256_START;

/// Bytes hashed at a time.
const BLOCK: usize = 64;
/// What follows a line, at least: a bit and the length.
const TRAILER: usize = 9;

/// FIPS 180-4, 4.2.2, in four groups of four times four.
#[rustfmt::skip]
const K: [[[u32; 4]; 4]; 4] = [
    [[0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5], [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
     [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3], [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174]],
    [[0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc], [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
     [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7], [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967]],
    [[0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13], [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
     [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3], [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070]],
    [[0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5], [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
     [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208], [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2]],
];

/// The digests of two lines, as big-endian lanes; `None` when the processor cannot.
#[inline]
pub fn of(lines: [&[u8]; 2]) -> Option<[[u64; 4]; 2]> {
    let is_able = is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1");
    #[expect(unsafe_code, reason = "the processor was asked in the line above; nothing else here is unsafe")]
    is_able.then(|| unsafe { digests(lines) })
}

// No adaptor of an iterator or array below: their closures do not have the target's features, and where such a call is not inlined,
// the state goes through memory (measured without LTO: five times slower).
// No AVX either, which would allow the compiler registers of 256 bits: their upper halves, once written, make each SHA instruction wait
// (measured: 17 times slower).

#[target_feature(enable = "sha,sse4.1")]
fn digests([a, b]: [&[u8]; 2]) -> [[u64; 4]; 2] {
    let (a, b) = (ShaMessage::new(a), ShaMessage::new(b));
    let (mut x, mut y) = (ShaState::start(), ShaState::start());
    let common = a.blocks().min(b.blocks());
    for index in 0..common {
        compress_both((&mut x, a.block(index)), (&mut y, b.block(index)));
    }
    for index in common..a.blocks() {
        compress(&mut x, a.block(index));
    }
    for index in common..b.blocks() {
        compress(&mut y, b.block(index));
    }
    [x.lanes(), y.lanes()]
}

/// A line in blocks: whole ones where they lie, then one or two of our own.
struct ShaMessage<'a> {
    whole: &'a [[u8; BLOCK]],
    /// The second and third; the first is space for bytes that are not needed.
    last: [[u8; BLOCK]; 3],
    last_blocks: usize,
}

impl<'a> ShaMessage<'a> {
    #[inline]
    fn new(line: &'a [u8]) -> Self {
        let (whole, rest) = line.as_chunks::<BLOCK>();
        let mut last = [[0; BLOCK]; 3];
        let last_blocks = if rest.len() + TRAILER <= BLOCK { 1 } else { 2 };
        let flat = last.as_flattened_mut();
        let (end, bits) = (BLOCK + rest.len(), (line.len() as u64).wrapping_mul(8));
        // Indexed: a byte left out on both sides alike would pass for equal.
        match line.last_chunk::<BLOCK>() {
            // A copy of a constant number of bytes, which ends where the line ends: one of `rest.len()` bytes would be a call.
            Some(whole) => flat[end - BLOCK..end].copy_from_slice(whole),
            None => flat[BLOCK..end].copy_from_slice(rest),
        }
        flat[end] = 0x80;
        let length = (1 + last_blocks) * BLOCK;
        flat[length - size_of::<u64>()..length].copy_from_slice(&bits.to_be_bytes());
        Self { whole, last, last_blocks }
    }

    #[inline]
    fn blocks(&self) -> usize {
        self.whole.len() + self.last_blocks
    }

    #[inline]
    fn block(&self, index: usize) -> &[u8; BLOCK] {
        let [_, one, two] = &self.last;
        match self.whole.get(index) {
            Some(block) => block,
            None if index == self.whole.len() => one,
            None => two,
        }
    }
}

/// The eight words of a state, as the instructions want them: a b e f, and c d g h, each from high to low.
#[derive(Clone, Copy)]
struct ShaState {
    abef: __m128i,
    cdgh: __m128i,
}

impl ShaState {
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn start() -> Self {
        let [a, b, c, d, e, f, g, h] = SHA_256_START;
        Self { abef: four([f, e, b, a]), cdgh: four([h, g, d, c]) }
    }

    /// Four rounds.
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn rounds(&mut self, words: __m128i, constants: [u32; 4]) {
        let words = _mm_add_epi32(words, four(constants));
        self.cdgh = _mm_sha256rnds2_epu32(self.cdgh, self.abef, words);
        self.abef = _mm_sha256rnds2_epu32(self.abef, self.cdgh, _mm_shuffle_epi32::<0x0e>(words));
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn add(&mut self, other: Self) {
        self.abef = _mm_add_epi32(self.abef, other.abef);
        self.cdgh = _mm_add_epi32(self.cdgh, other.cdgh);
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn lanes(self) -> [u64; 4] {
        [
            _mm_extract_epi64::<1>(self.abef).cast_unsigned(),
            _mm_extract_epi64::<1>(self.cdgh).cast_unsigned(),
            _mm_extract_epi64::<0>(self.abef).cast_unsigned(),
            _mm_extract_epi64::<0>(self.cdgh).cast_unsigned(),
        ]
    }
}

/// Sixteen rounds of each state, in turns; `$next` makes the words of four.
macro_rules! sixteen_rounds {
    ($next:ident, $constants:expr, $(($state:ident, $words:ident)),+) => {
        let [k0, k1, k2, k3] = $constants;
        $($words.0 = $next($words.0, $words.1, $words.2, $words.3);)+
        $($state.rounds($words.0, *k0);)+
        $($words.1 = $next($words.1, $words.2, $words.3, $words.0);)+
        $($state.rounds($words.1, *k1);)+
        $($words.2 = $next($words.2, $words.3, $words.0, $words.1);)+
        $($state.rounds($words.2, *k2);)+
        $($words.3 = $next($words.3, $words.0, $words.1, $words.2);)+
        $($state.rounds($words.3, *k3);)+
    };
}

/// One block each into two states.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn compress_both((a, x): (&mut ShaState, &[u8; BLOCK]), (b, y): (&mut ShaState, &[u8; BLOCK])) {
    let before = (*a, *b);
    let (mut x, mut y) = (MessageWords::of(x), MessageWords::of(y));
    let [first, others @ ..] = &K;
    sixteen_rounds!(same_words, first, (a, x), (b, y));
    for constants in others {
        sixteen_rounds!(next_words, constants, (a, x), (b, y));
    }
    a.add(before.0);
    b.add(before.1);
}

/// One block into one state.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn compress(state: &mut ShaState, block: &[u8; BLOCK]) {
    let before = *state;
    let mut words = MessageWords::of(block);
    let [first, others @ ..] = &K;
    sixteen_rounds!(same_words, first, (state, words));
    for constants in others {
        sixteen_rounds!(next_words, constants, (state, words));
    }
    state.add(before);
}

/// Sixteen words of the message schedule (FIPS 180-4, 6.2.2).
struct MessageWords(__m128i, __m128i, __m128i, __m128i);

impl MessageWords {
    /// Those of a block, which are big-endian.
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn of(block: &[u8; BLOCK]) -> Self {
        let (quarters, _) = block.as_chunks::<16>();
        Self(big_endian(quarters[0]), big_endian(quarters[1]), big_endian(quarters[2]), big_endian(quarters[3]))
    }
}

/// The words themselves, for the first sixteen rounds.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn same_words(a: __m128i, _: __m128i, _: __m128i, _: __m128i) -> __m128i {
    a
}

/// The four words that follow sixteen.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn next_words(a: __m128i, b: __m128i, c: __m128i, d: __m128i) -> __m128i {
    _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8::<4>(d, c)), d)
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn big_endian(quarter: [u8; 16]) -> __m128i {
    let bits = u128::from_le_bytes(quarter).cast_signed();
    #[expect(clippy::cast_possible_truncation, reason = "one half each")]
    let halves = _mm_set_epi64x((bits >> 64) as i64, bits as i64);
    _mm_shuffle_epi8(halves, _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203))
}

/// Four words, the first one lowest.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn four([a, b, c, d]: [u32; 4]) -> __m128i {
    _mm_set_epi32(d.cast_signed(), c.cast_signed(), b.cast_signed(), a.cast_signed())
}
