//! Numbers in few bits.
//!
//! A block of 128 numbers is packed in four lanes side by side, so that a
//! compiler unpacks four of them with each instruction. Single numbers are
//! written as groups of seven bits, the lowest first.

/// How many numbers a block holds.
pub(super) const BLOCK: usize = 128;

/// The bytes of a row of four lanes.
const ROW: usize = 16;

/// Returns how many bits the largest of some numbers needs.
pub(super) fn width_of(numbers: &[u32]) -> u8 {
    let all = numbers.iter().fold(0, |all, number| all | number);
    (u32::BITS - all.leading_zeros()) as u8
}

/// Returns how many bytes a block of numbers of a width takes.
pub(super) fn packed_len(width: u8) -> usize {
    ROW * usize::from(width)
}

/// Appends a block of numbers, each of which has at most `width` bits.
pub(super) fn pack(numbers: &[u32; BLOCK], width: u8, out: &mut Vec<u8>) {
    let width = u32::from(width);
    let (rows, _) = numbers.as_chunks::<4>();
    let (mut held, mut n_held) = ([0u64; 4], 0);
    for row in rows {
        for (held, number) in held.iter_mut().zip(row) {
            *held |= u64::from(*number) << n_held;
        }
        n_held += width;
        if n_held >= u32::BITS {
            for held in &mut held {
                out.extend((*held as u32).to_le_bytes());
                *held >>= u32::BITS;
            }
            n_held -= u32::BITS;
        }
    }
}

/// Reads a block back.
///
/// What is too short, or wider than a number, is no block.
pub(super) fn unpack(packed: &[u8], width: u8, numbers: &mut [u32; BLOCK]) -> Option<()> {
    if width == 0 {
        numbers.fill(0);
        return Some(());
    }
    let packed = packed.get(..packed_len(width))?;
    let (rows, _) = packed.as_chunks::<ROW>();
    let (out, _) = numbers.as_chunks_mut::<4>();
    // A function for each width, in which all shifts are constants.
    match width {
        1 => unpack_rows::<1>(rows, out),
        2 => unpack_rows::<2>(rows, out),
        3 => unpack_rows::<3>(rows, out),
        4 => unpack_rows::<4>(rows, out),
        5 => unpack_rows::<5>(rows, out),
        6 => unpack_rows::<6>(rows, out),
        7 => unpack_rows::<7>(rows, out),
        8 => unpack_rows::<8>(rows, out),
        9 => unpack_rows::<9>(rows, out),
        10 => unpack_rows::<10>(rows, out),
        11 => unpack_rows::<11>(rows, out),
        12 => unpack_rows::<12>(rows, out),
        13 => unpack_rows::<13>(rows, out),
        14 => unpack_rows::<14>(rows, out),
        15 => unpack_rows::<15>(rows, out),
        16 => unpack_rows::<16>(rows, out),
        17 => unpack_rows::<17>(rows, out),
        18 => unpack_rows::<18>(rows, out),
        19 => unpack_rows::<19>(rows, out),
        20 => unpack_rows::<20>(rows, out),
        21 => unpack_rows::<21>(rows, out),
        22 => unpack_rows::<22>(rows, out),
        23 => unpack_rows::<23>(rows, out),
        24 => unpack_rows::<24>(rows, out),
        25 => unpack_rows::<25>(rows, out),
        26 => unpack_rows::<26>(rows, out),
        27 => unpack_rows::<27>(rows, out),
        28 => unpack_rows::<28>(rows, out),
        29 => unpack_rows::<29>(rows, out),
        30 => unpack_rows::<30>(rows, out),
        31 => unpack_rows::<31>(rows, out),
        32 => unpack_rows::<32>(rows, out),
        _ => None,
    }
}

#[inline(never)]
fn unpack_rows<const WIDTH: usize>(rows: &[[u8; ROW]], out: &mut [[u32; 4]]) -> Option<()> {
    let rows = rows.first_chunk::<WIDTH>()?;
    let out = out.first_chunk_mut::<{ BLOCK / 4 }>()?;
    let mask = u32::MAX >> (u32::BITS as usize - WIDTH);
    for (at, out) in out.iter_mut().enumerate() {
        let (row, used) = (at * WIDTH / 32, at * WIDTH % 32);
        let low = lanes(&rows[row]);
        for lane in 0..4 {
            out[lane] = low[lane] >> used;
        }
        if used + WIDTH > 32 {
            let high = lanes(&rows[row + 1]);
            for lane in 0..4 {
                out[lane] |= high[lane] << (32 - used);
            }
        }
        for number in out {
            *number &= mask;
        }
    }
    Some(())
}

fn lanes(row: &[u8; ROW]) -> [u32; 4] {
    let (words, _) = row.as_chunks::<4>();
    std::array::from_fn(|lane| u32::from_le_bytes(words[lane]))
}

/// Appends a single number.
pub(super) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a single number off the front of some bytes.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Takes a number off the front that must fit into 32 bits.
pub(super) fn take_varint_u32(bytes: &mut &[u8]) -> Option<u32> {
    take_varint(bytes)?.try_into().ok()
}

/// Takes a slice off the front.
pub(super) fn take<'a>(bytes: &mut &'a [u8], n_bytes: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(n_bytes)?;
    *bytes = rest;
    Some(taken)
}

/// Reads a number of 32 bits at a place in an array of them.
pub(super) fn u32_at(array: &[u8], at: usize) -> Option<u32> {
    let start = at.checked_mul(4)?;
    let bytes = array.get(start..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::random::Random;

    #[test]
    fn blocks_of_every_width_come_back() {
        let mut random = Random::seeded(1);
        for width in 0..=32u8 {
            let mask = (1u64 << width) - 1;
            let numbers: [u32; BLOCK] = std::array::from_fn(|_| (random.bits() & mask) as u32);
            let mut packed = Vec::new();
            pack(&numbers, width, &mut packed);
            assert_eq!(packed.len(), packed_len(width));
            let mut seen = [7; BLOCK];
            assert_eq!(unpack(&packed, width, &mut seen), Some(()));
            assert_eq!(seen, numbers, "{width}");
            assert!(width_of(&numbers) <= width);
        }
    }

    #[test]
    fn a_block_cut_short_is_none() {
        let mut seen = [0; BLOCK];
        assert_eq!(unpack(&[0; 15], 1, &mut seen), None);
        assert_eq!(unpack(&[0; 16 * 33], 33, &mut seen), None);
        assert_eq!(unpack(&[], 0, &mut seen), Some(()));
    }

    #[test]
    fn single_numbers_come_back() {
        for number in [
            0,
            1,
            127,
            128,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX,
        ] {
            let mut bytes = Vec::new();
            put_varint(number, &mut bytes);
            let mut rest = &bytes[..];
            assert_eq!(take_varint(&mut rest), Some(number));
            assert!(rest.is_empty());
            assert_eq!(take_varint(&mut &bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(take_varint(&mut &[0xff; 20][..]), None);
        assert_eq!(
            take_varint_u32(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..]),
            None
        );
    }
}
