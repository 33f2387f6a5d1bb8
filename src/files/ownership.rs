//! Owner and group of a file that takes the place of another.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{MetadataExt, fchown},
};

/// Gives `file` the owner and the group of another file: root may edit what a service account owns, and the account must
/// be able to read the result.
///
/// # Errors
/// This user may not do that.
pub(crate) fn keep_ownership(file: &File, of: &Metadata) -> io::Result<()> {
    let found = file.metadata()?;
    let owner = (found.uid() != of.uid()).then_some(of.uid());
    let group = (found.gid() != of.gid()).then_some(of.gid());
    if owner.is_none() && group.is_none() {
        return Ok(());
    }
    fchown(file, owner, group).map_err(|error| {
        let (uid, gid) = (of.uid(), of.gid());
        let what = format!(
            "its owner {uid} and group {gid} cannot be kept ({error}): run this as root, or as its owner in that group"
        );
        io::Error::new(error.kind(), what)
    })
}
