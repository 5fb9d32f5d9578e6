//! Files that come inside packages, through pip and cargo.

use super::*;
use std::io::Write as _;

/// Says, past the capture of the test harness, that this test did not run.
fn skip(why: &str) {
    let test = std::thread::current().name().unwrap_or("packages").to_owned();
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}

/// pip refuses the name before it asks anyone.
#[cfg(unix)]
#[test]
fn a_package_that_cannot_be_had_says_what_to_do_by_hand() {
    let cache = tempfile::tempdir().unwrap();
    let set = pinned(&format!("wheel = {{ package = 'not a name', version = '0', member = 'a', sha256 = '{ABC}' }}"));
    let text = format!("{:#}", obtain::set(&set, &places(cache.path(), None)).unwrap_err());
    assert!(text.contains("By hand") && text.contains("a of the Python package not a name 0"), "{text}");
    assert!(!cache.path().join("set.txt").exists());
}

/// The real package from the real registry, to the checksum of the manifest.
#[cfg(unix)]
#[test]
fn the_python_package_of_the_manifest_has_the_prices() {
    if std::env::var_os("DFL_TEST_NETWORK").is_none() {
        return skip("DFL_TEST_NETWORK is not set: it asks pip's registry for skfolio");
    }
    let (cache, manifest) = (tempfile::tempdir().unwrap(), Manifest::of_this_checkout().unwrap());
    let set = manifest.set("skfolio").unwrap();
    let paths = obtain::set(set, &places(cache.path(), None)).unwrap();
    assert_eq!(fs::metadata(&paths[0]).unwrap().len(), set.file[0].size);
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "nothing but the file stays");
}

/// Cargo has fetched the package where the backends are built; elsewhere it would have to ask its registry.
#[test]
fn the_rust_package_of_the_manifest_has_the_instances() {
    let (cache, manifest) = (tempfile::tempdir().unwrap(), Manifest::of_this_checkout().unwrap());
    let offline = crate::process::cargo().args(["metadata", "--format-version", "1", "--all-features", "--offline"]).output().unwrap();
    if !offline.status.success() && std::env::var_os("DFL_TEST_NETWORK").is_none() {
        return skip("DFL_TEST_NETWORK is not set, and cargo has not fetched highs-sys");
    }
    let set = manifest.set("highs_instances").unwrap();
    let paths = obtain::set(set, &places(cache.path(), None)).unwrap();
    let sizes: Vec<u64> = paths.iter().map(|path| fs::metadata(path).unwrap().len()).collect();
    assert_eq!(sizes, set.file.iter().map(|file| file.size).collect::<Vec<_>>());
}

#[test]
fn a_rust_package_that_is_not_locked_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let set = pinned("crate = { package = 'dfl-core', version = '99.0.0', member = 'README.md' }");
    let text = format!("{:#}", obtain::set(&set, &places(cache.path(), None)).unwrap_err());
    assert!(text.contains("dfl-core 99.0.0"), "{text}");
}
