//! Several places for one file: the next is asked when one fails, and what is kept is always whole and right.

use super::*;

const GOOD: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc";
const OTHER: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabd";
const CUT: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nab";
const GONE: &[u8] = b"HTTP/1.0 404 Not Found\r\nContent-Length: 5\r\n\r\nnope!";

fn mirrored(first: &str, second: &str) -> DataSet {
    pinned(&format!("url = '{first}'\nmirrors = ['{second}']"))
}

fn kept(cache: &Path) -> Vec<String> {
    fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_mirror_is_asked_when_the_first_address_is_down_gone_wrong_or_cut() {
    for fetcher in fetchers() {
        for first in [nobody(), serve(GONE).url, serve(OTHER).url, serve(CUT).url] {
            let cache = tempfile::tempdir().unwrap();
            let mirror = serve(GOOD);
            let path = fetch(&mirrored(&first, &mirror.url), fetcher.clone(), cache.path()).unwrap();
            assert_eq!((fs::read(path).unwrap().as_slice(), kept(cache.path())), (b"abc".as_slice(), vec!["set.txt".to_owned()]));
            assert!(!mirror.requests.lock().unwrap().is_empty());
        }
    }
}

#[test]
fn a_mirror_is_not_asked_without_need() {
    for fetcher in fetchers() {
        let cache = tempfile::tempdir().unwrap();
        let mirror = serve(GOOD);
        fetch(&mirrored(&serve(GOOD).url, &mirror.url), fetcher, cache.path()).unwrap();
        assert!(mirror.requests.lock().unwrap().is_empty());
    }
}

/// The beginning came from the first, which then broke; the mirror is asked for the rest alone.
#[test]
fn a_mirror_goes_on_where_the_first_address_broke() {
    let Some(curl) = fetchers().into_iter().find(|fetcher| matches!(fetcher, Fetcher::Curl(_))) else { return };
    let cache = tempfile::tempdir().unwrap();
    let mirror = serve(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-2/3\r\nContent-Length: 1\r\nConnection: close\r\n\r\nc");
    let path = fetch(&mirrored(&serve(CUT).url, &mirror.url), curl, cache.path()).unwrap();
    assert_eq!(fs::read(path).unwrap(), b"abc");
    assert!(mirror.requests.lock().unwrap()[0].to_lowercase().contains("range: bytes=2-"));
}

/// What the first server sent was no beginning of the file, so that going on with it must fail; the mirror is not blamed for it.
#[test]
fn a_mirror_is_asked_for_the_whole_when_the_beginning_was_wrong() {
    let Some(curl) = fetchers().into_iter().find(|fetcher| matches!(fetcher, Fetcher::Curl(_))) else { return };
    let cache = tempfile::tempdir().unwrap();
    let first = serve(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nxy");
    let rest = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-2/3\r\nContent-Length: 1\r\nConnection: close\r\n\r\nc";
    let path = fetch(&mirrored(&first.url, &serve_in_turn(&[rest, GOOD]).url), curl, cache.path()).unwrap();
    assert_eq!(fs::read(path).unwrap(), b"abc");
}

#[test]
fn when_all_fail_each_address_is_named_with_its_cause() {
    for fetcher in fetchers() {
        let cache = tempfile::tempdir().unwrap();
        let (first, second) = (nobody(), serve(OTHER).url);
        let text = format!("{:#}", fetch(&mirrored(&first, &second), fetcher, cache.path()).unwrap_err());
        let cause = |url: &str| text.lines().find(|line| line.contains(url)).unwrap_or_default().to_owned();
        assert!(cause(&first).contains("is there a network?") && cause(&second).contains("the checksum is"), "{text}");
        assert!(text.contains("the origin changed") && text.contains("By hand") && kept(cache.path()).is_empty(), "{text}");
    }
}

#[test]
fn the_mirror_of_the_user_comes_first_and_has_files_as_they_are_kept() {
    let [cache, near] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    fs::write(near.path().join("set.txt"), "0\n1\n").unwrap();
    let set = pinned_as(&format!("url = '{}'\nconvert = 'npy-to-lines'", nobody()), 4, LINES);
    let server = serve(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\n0\n1\n");
    for mirror in [near.path().display().to_string(), server.url.trim_end_matches("/file").to_owned()] {
        let cache = tempfile::tempdir().unwrap();
        let places = Places { mirror: Some(mirror), ..places(cache.path(), fetchers().into_iter().next()) };
        let paths = obtain::set(&set, &places).unwrap();
        assert_eq!(fs::read_to_string(&paths[0]).unwrap(), "0\n1\n");
    }
    assert!(server.requests.lock().unwrap()[0].starts_with("GET /set.txt"));
    // A copy that is another file is no better than a server that sends one.
    fs::write(near.path().join("set.txt"), "0\n2\n").unwrap();
    let places = Places { mirror: Some(near.path().display().to_string()), ..places(cache.path(), fetchers().into_iter().next()) };
    let text = format!("{:#}", obtain::set(&set, &places).unwrap_err());
    assert!(text.contains("the checksum is") && kept(cache.path()).is_empty(), "{text}");
}

/// One server that is down costs its set, not the others.
#[test]
fn a_set_that_fails_does_not_stop_the_next() {
    let cache = tempfile::tempdir().unwrap();
    let places = places(cache.path(), fetchers().into_iter().next());
    let mut other = pinned(&format!("url = '{}'", serve(GOOD).url));
    other.file[0].file = "folder/other.txt".into();
    assert_eq!(fetch_all(&[&pinned(&format!("url = '{}'", nobody())), &other], &places), 1);
    assert_eq!(fs::read(cache.path().join("folder/other.txt")).unwrap(), b"abc");
}
