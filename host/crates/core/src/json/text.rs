//! A text between quotes, as JSON has it.

/// Bytes that are looked at together, in which most blocks have nothing to escape.
const BLOCK: usize = 16;

/// What follows the backslash for each byte that has to have one: its short
/// form, or `u` for four digits.
const ESCAPES: [Option<u8>; 256] = {
    let mut escapes = [None; 256];
    let mut control = 0;
    while control < 0x20 {
        escapes[control] = Some(b'u');
        control += 1;
    }
    escapes[0x08] = Some(b'b');
    escapes[0x09] = Some(b't');
    escapes[0x0a] = Some(b'n');
    escapes[0x0c] = Some(b'f');
    escapes[0x0d] = Some(b'r');
    escapes[b'"' as usize] = Some(b'"');
    escapes[b'\\' as usize] = Some(b'\\');
    escapes
};

/// Writes a text between quotes.
pub(super) fn write(written: &mut Vec<u8>, text: &str) {
    written.reserve(text.len() + 2);
    written.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, odd) = rest.split_at(plain_bytes(rest));
        written.extend_from_slice(plain);
        let Some((&byte, after)) = odd.split_first() else {
            break;
        };
        match ESCAPES[usize::from(byte)] {
            Some(b'u') => {
                let digit = |of: u8| b"0123456789abcdef"[usize::from(of)];
                written.extend_from_slice(&[
                    b'\\',
                    b'u',
                    b'0',
                    b'0',
                    digit(byte >> 4),
                    digit(byte & 0xf),
                ]);
            }
            short => written.extend([b'\\', short.unwrap_or(byte)]),
        }
        rest = after;
    }
    written.push(b'"');
}

/// Returns how many bytes there are before one that has to be escaped.
fn plain_bytes(text: &[u8]) -> usize {
    let (blocks, _) = text.as_chunks::<BLOCK>();
    let plain = BLOCK * blocks.iter().take_while(|block| !has_odd(block)).count();
    let odd = text[plain..]
        .iter()
        .position(|&byte| ESCAPES[usize::from(byte)].is_some());
    odd.map_or(text.len(), |at| plain + at)
}

/// Tells whether a block has anything to escape, without a branch in it.
fn has_odd(block: &[u8; BLOCK]) -> bool {
    let is_odd = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    block
        .iter()
        .fold(false, |found, &byte| found | is_odd(byte))
}
