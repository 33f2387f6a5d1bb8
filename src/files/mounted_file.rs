//! Files that are mounted by themselves, as `docker -v FILE:FILE` and Kubernetes' `subPath` do.

use std::{fs::File, io};

/// What such a mount keeps from its users, and what to do instead.
pub(super) const ADVICE: &str = "mount the directory that holds it instead (for instance /etc/hallpass), \
    and give the path of the file in there";

/// Whether the file is the root of a mount. Then it cannot be replaced by a rename, and where it is mounted from it can
/// be replaced without being seen here.
pub(super) fn is_mounted_alone(file: &File) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, StatxAttributes, StatxFlags, statx};
        let found = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::empty());
        found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _no_such_attribute = file;
        false
    }
}

/// Why such a file cannot be replaced.
pub(crate) fn mounted_alone() -> io::Error {
    let what = format!("it is mounted by itself, so it cannot be replaced: {ADVICE}");
    io::Error::new(io::ErrorKind::ResourceBusy, what)
}
