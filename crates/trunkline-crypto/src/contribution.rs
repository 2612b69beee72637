//! Making records: encryption and signature in one parallel pass.

use rayon::prelude::*;

use crate::error::Result;
use crate::group::sign::Signer;
use crate::pool;
use crate::random::RandomSource;
use crate::record;
use crate::witness::{Encryptor, Plaintext};

/// Encrypts and signs; 714 bytes each.
///
/// # Errors
/// `Randomness`.
pub fn contribute_batch(
    encryptor: &Encryptor,
    signer: &Signer,
    plaintexts: &[Plaintext<'_>],
    random: &dyn RandomSource,
) -> Result<Vec<u8>> {
    let chunks: Vec<Vec<u8>> = pool::install_bulk(|| {
        plaintexts
            .par_chunks(pool::chunk_size(plaintexts.len()))
            .map(|plaintexts| {
                record::seal_chunk(signer, &encryptor.encrypt_chunk(plaintexts, random)?, random)
            })
            .collect::<Result<_>>()
    })?;
    Ok(chunks.concat())
}
